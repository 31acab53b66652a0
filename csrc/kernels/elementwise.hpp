// Elementwise kernels: one output, up to three inputs.
//
// F<C> is a functor over the computation's type C; its members, if any, are the operator's scalar arguments.
// The kernel loads each input as its own type, widens it to opmath_t, calls F and casts the result to the
// output's type. Out and In say how an operand lies along a row: what is known at compile time becomes a
// vector load or a broadcast, where a stride in a register would become a gather.
#pragma once

#include <utility>

#include "kernels/core/functor.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/types.hpp"
#include "kernels/elementwise_params.hpp"
#include "kernels/functors/activation.hpp"
#include "kernels/functors/binary.hpp"
#include "kernels/functors/nullary.hpp"
#include "kernels/functors/ternary.hpp"
#include "kernels/functors/unary.hpp"

namespace ipex::kernels {

// The elements of a row follow each other.
template <class T>
struct row {
  using type = T;
  static T& at(char* start, std::int64_t, std::uint32_t lane) { return reinterpret_cast<T*>(start)[lane]; }
};

// One element serves the whole row.
template <class T>
struct fixed {
  using type = T;
  static T& at(char* start, std::int64_t, std::uint32_t) { return *reinterpret_cast<T*>(start); }
};

template <class T>
struct strided {
  using type = T;
  static T& at(char* start, std::int64_t stride, std::uint32_t lane) {
    return *reinterpret_cast<T*>(start + stride * lane);
  }
};

// The value is among the parameters.
template <class T>
struct immediate {
  using type = T;
};

template <template <class> class F, class C, class Out, class... In, std::size_t... I>
inline void elementwise_body(const ElementwiseParams& params, std::index_sequence<I...>) {
  const auto item = this_item();
  const auto width = static_cast<std::uint32_t>(item.get_local_range(0));

  // All of this is the same for the whole group. Unrolled: an index known only at run time would copy the
  // parameters to every work-item's own memory. Unused dimensions have one element: a condition would be
  // asked again for every element.
  auto slice = static_cast<std::uint32_t>(item.get_group(0));
  std::uint32_t number = split(params.slices, slice);
  const std::int64_t first = std::int64_t{slice} * width;
  constexpr int operands = sizeof...(In) + 1;
  char* start[operands];
#pragma unroll
  for (int k = 0; k < operands; ++k) {
    start[k] = static_cast<char*>(params.data[k]) + first * params.strides[k];
  }
#pragma unroll
  for (int d = 0; d < elementwise_max_outer_dims; ++d) {
    std::uint32_t position = number;
    number = split(params.outer_sizes[d], position);
    if (d == 0) position *= params.steps;
#pragma unroll
    for (int k = 0; k < operands; ++k) start[k] += position * params.outer_strides[d][k];
  }

  // The index is a plain local number: a sum of 32-bit numbers might wrap, so the compiler could not take its
  // neighbours' elements for neighbours. The loop's bound below is a parameter, so it is known to be common.
  const auto lane = static_cast<std::uint32_t>(item.get_local_id(0));
  const auto lanes = static_cast<std::uint32_t>(sycl::min(params.length - first, std::int64_t{width}));
  if (lane >= lanes) return;
  const auto functor = load_functor<F<C>>(params.scalars);
  auto input = [&](auto operand, int k) {
    using Operand = typename decltype(operand)::type;
    using T = typename Operand::type;
    if constexpr (std::is_same_v<Operand, immediate<T>>) {
      return from_bytes<opmath_t<T>>(params.immediate);
    } else {
      return static_cast<opmath_t<T>>(Operand::at(start[k], params.strides[k], lane));
    }
  };
  for (std::uint32_t step = 0; step < params.steps; ++step) {
    Out::at(start[0], params.strides[0], lane) =
        cast<typename Out::type>(functor(input(std::type_identity<In>{}, I + 1)...));
#pragma unroll
    for (int k = 0; k < operands; ++k) start[k] += params.outer_strides[0][k];
  }
}

template <template <class> class F, class C, class Out, class... In>
IPEX_KERNEL void elementwise(ElementwiseParams params) {
  elementwise_body<F, C, Out, In...>(params, std::index_sequence_for<In...>{});
}

}  // namespace ipex::kernels
