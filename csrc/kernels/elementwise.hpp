// Elementwise kernels: one output, up to three inputs.
//
// F<C> is a functor over the computation's type C; its members, if any, are the operator's scalar arguments.
// The kernel loads each input as its own type, widens it to opmath_t, calls F and casts the result to Out.
// Immediate = i > 0 takes input i from the parameters (a CPU scalar) instead of memory.
#pragma once

#include <type_traits>
#include <utility>

#include "kernels/core/kernel.hpp"
#include "kernels/core/types.hpp"
#include "kernels/elementwise_params.hpp"
#include "kernels/functors/activation.hpp"
#include "kernels/functors/binary.hpp"
#include "kernels/functors/nullary.hpp"
#include "kernels/functors/ternary.hpp"
#include "kernels/functors/unary.hpp"

namespace ipex::kernels {

template <class T>
T from_bytes(const unsigned char* bytes) {
  return *reinterpret_cast<const T*>(bytes);
}

// The body of every elementwise kernel for one element; `offset(k)` is the byte offset of operand k.
template <template <class> class F, int Immediate, class C, class Out, class... In, std::size_t... I,
          class Offset>
inline void elementwise_apply(const F<C>& functor, const ElementwiseParams& params, Offset offset,
                              std::index_sequence<I...>) {
  auto load = [&](auto index, auto type) {
    using T = typename decltype(type)::type;
    constexpr int operand = decltype(index)::value + 1;
    if constexpr (operand == Immediate) {
      return from_bytes<opmath_t<T>>(params.immediate);
    } else {
      const auto* address = static_cast<const char*>(params.data[operand]) + offset(operand, sizeof(T));
      return static_cast<opmath_t<T>>(*reinterpret_cast<const T*>(address));
    }
  };
  auto* output = reinterpret_cast<Out*>(static_cast<char*>(params.data[0]) + offset(0, sizeof(Out)));
  *output = cast<Out>(functor(load(std::integral_constant<int, I>{}, std::type_identity<In>{})...));
}

template <class F>
F load_functor(const ElementwiseParams& params) {
  if constexpr (std::is_empty_v<F>) {
    return F{};
  } else {
    return from_bytes<F>(params.scalars);
  }
}

template <template <class> class F, int Immediate, class C, class Out, class... In>
IPEX_KERNEL void elementwise_contiguous(ElementwiseParams params) {
  const auto item = this_item();
  const auto functor = load_functor<F<C>>(params);
  const auto apply = [&](std::int64_t index) {
    elementwise_apply<F, Immediate, C, Out, In...>(
        functor, params, [&](int, std::size_t size) { return index * size; },
        std::index_sequence_for<In...>{});
  };
  const std::int64_t width = item.get_local_range(0);
  const std::int64_t first = item.get_group(0) * width * elementwise_items;
  const std::int64_t local = item.get_local_id(0);
  if (first + width * elementwise_items <= params.numel) {
#pragma unroll
    for (int k = 0; k < elementwise_items; ++k) apply(first + k * width + local);
  } else {
    for (int k = 0; k < elementwise_items; ++k) {
      const std::int64_t index = first + k * width + local;
      if (index < params.numel) apply(index);
    }
  }
}

template <template <class> class F, int Immediate, class C, class Out, class... In>
IPEX_KERNEL void elementwise_strided(StridedParams params) {
  constexpr int operands = sizeof...(In) + 1;
  const auto item = this_item();
  const auto functor = load_functor<F<C>>(params);
  const std::uint32_t width = item.get_local_range(0);
  const std::uint32_t first = item.get_group(0) * width * elementwise_items + item.get_local_id(0);
  for (int k = 0; k < elementwise_items; ++k) {
    const std::uint32_t index = first + k * width;
    if (index >= params.numel) return;
    std::uint32_t offsets[operands] = {};
    std::uint32_t rest = index;
    for (int d = 0; d < params.dims; ++d) {
      const std::uint32_t quotient = params.sizes[d].divide(rest);
      const std::uint32_t position = rest - quotient * params.sizes[d].divisor;
      rest = quotient;
#pragma unroll
      for (int operand = 0; operand < operands; ++operand)
        offsets[operand] += position * params.strides[d][operand];
    }
    elementwise_apply<F, Immediate, C, Out, In...>(
        functor, params, [&](int operand, std::size_t) { return offsets[operand]; },
        std::index_sequence_for<In...>{});
  }
}

}  // namespace ipex::kernels
