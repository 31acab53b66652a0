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
#include "kernels/core/row_slice.hpp"
#include "kernels/core/types.hpp"
#include "kernels/elementwise_params.hpp"
#include "kernels/functors/activation.hpp"
#include "kernels/functors/binary.hpp"
#include "kernels/functors/nullary.hpp"
#include "kernels/functors/ternary.hpp"
#include "kernels/functors/unary.hpp"

namespace ipex::kernels {

// The value is among the parameters.
template <class T>
struct immediate {
  using type = T;
};

template <class Operand>
inline constexpr bool is_immediate_v = std::is_same_v<Operand, immediate<typename Operand::type>>;

// How a result of bfloat16 is made of the functor's.
enum class Rounding { of_any, of_arithmetic, none };

template <class F, class T, class... In>
constexpr Rounding rounding_of() {
  if constexpr (exact_functor<F>) {
    constexpr auto is_result_or_bool = []<class Operand>(std::type_identity<Operand>) {
      using Element = element_t<typename Operand::type>;
      return !is_immediate_v<Operand> && (std::is_same_v<Element, T> || std::is_same_v<Element, bool>);
    };
    if ((is_result_or_bool(std::type_identity<In>{}) && ...)) return Rounding::none;
  }
  if constexpr (arithmetic_functor<F>) {
    if ((std::is_same_v<element_t<typename In::type>, bfloat16> && ...)) return Rounding::of_arithmetic;
  }
  return Rounding::of_any;
}

// The functor's result for one element, or for both of a pair.
template <class Result, Rounding rounding, class F, class... T>
inline Result apply(const F& functor, T... inputs) {
  if constexpr (is_packed_pair_v<Result>) {
    using Element = element_t<Result>;
    return Result(apply<Element, rounding>(functor, element_of<0>(inputs)...),
                  apply<Element, rounding>(functor, element_of<1>(inputs)...));
  } else if constexpr (std::is_same_v<Result, bfloat16> && rounding == Rounding::none) {
    return bfloat16::from_exact(functor(inputs...));
  } else if constexpr (std::is_same_v<Result, bfloat16> && rounding == Rounding::of_arithmetic) {
    return bfloat16::from_arithmetic(functor(inputs...));
  } else {
    return cast<Result>(functor(inputs...));
  }
}

template <template <class> class F, class C, class Out, class... In, std::size_t... I>
inline void elementwise_body(const ElementwiseParams& params, std::index_sequence<I...>) {
  const auto& grid = params.grid;
  const auto slice = this_row_slice(grid.rows);
  char* start[sizeof...(In) + 1];
  find_slice(grid, slice, start);
  const auto lane = this_lane();
  if (lane >= slice.lanes) return;
  const auto functor = load_functor<F<C>>(params.scalars);
  auto input = [&](auto operand, int k) {
    using Operand = typename decltype(operand)::type;
    using T = typename Operand::type;
    if constexpr (is_immediate_v<Operand>) {
      return from_bytes<opmath_t<T>>(params.immediate);
    } else {
      return static_cast<opmath_t<T>>(Operand::at(start[k], grid.strides[k], lane));
    }
  };
  using Result = typename Out::type;
  for (std::uint32_t step = 0; step < grid.steps; ++step) {
    const auto result = apply<Result, rounding_of<F<C>, element_t<Result>, In...>()>(
        functor, input(std::type_identity<In>{}, I + 1)...);
    store_lane<Out>(start[0], grid.strides[0], lane, result);
    next_row(grid, start);
  }
}

template <template <class> class F, class C, class Out, class... In>
IPEX_KERNEL void elementwise(ElementwiseParams params) {
  elementwise_body<F, C, Out, In...>(params, std::index_sequence_for<In...>{});
}

}  // namespace ipex::kernels
