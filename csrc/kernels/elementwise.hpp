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

// The body of every elementwise kernel for one element; `load(k, type)` gives operand k's value, `store`
// takes the result.
template <template <class> class F, int Immediate, class C, class Out, class... In, std::size_t... I,
          class Load, class Store>
inline void elementwise_apply(const F<C>& functor, const ElementwiseParams& params, Load load, Store store,
                              std::index_sequence<I...>) {
  auto operand = [&](auto index, auto type) {
    using T = typename decltype(type)::type;
    if constexpr (index == Immediate) {
      return from_bytes<opmath_t<T>>(params.immediate);
    } else {
      return static_cast<opmath_t<T>>(load(index, type));
    }
  };
  store(cast<Out>(functor(operand(std::integral_constant<int, I + 1>{}, std::type_identity<In>{})...)));
}

template <class F>
F load_functor(const ElementwiseParams& params) {
  if constexpr (std::is_empty_v<F>) {
    return F{};
  } else {
    return from_bytes<F>(params.scalars);
  }
}

template <class T>
inline T* operand(const ElementwiseParams& params, int index, std::ptrdiff_t byte_offset = 0) {
  return reinterpret_cast<T*>(static_cast<char*>(params.data[index]) + byte_offset);
}

// Calls body(index) for the indices of [begin, end) that are this work-item's. Whole steps of the group come
// first, with no condition in them: a masked access costs the CPU its vector instruction.
template <class Body>
inline void for_each_index(std::int64_t begin, std::int64_t end, Body body) {
  const auto item = this_item();
  const std::int64_t width = item.get_local_range(0);
  const std::int64_t local = item.get_local_id(0);
  std::int64_t first = begin;
  for (; first + width <= end; first += width) body(first + local);
  if (first + local < end) body(first + local);
}

// The elements of this work-group, of all `numel`.
template <class Body>
inline void for_each_of_group(std::int64_t numel, Body body) {
  const auto item = this_item();
  const std::int64_t per_group = static_cast<std::int64_t>(item.get_local_range(0)) * elementwise_items;
  const std::int64_t begin = item.get_group(0) * per_group;
  for_each_index(begin, sycl::min(begin + per_group, numel), body);
}

template <template <class> class F, int Immediate, class C, class Out, class... In>
IPEX_KERNEL void elementwise_contiguous(ElementwiseParams params) {
  const auto functor = load_functor<F<C>>(params);
  for_each_of_group(params.numel, [&](std::int64_t index) {
    elementwise_apply<F, Immediate, C, Out, In...>(
        functor, params,
        [&](int k, auto type) { return operand<const typename decltype(type)::type>(params, k)[index]; },
        [&](Out result) { operand<Out>(params, 0)[index] = result; }, std::index_sequence_for<In...>{});
  });
}

// Adds to `offsets` where element `index` of the dimensions from `first` on lies in each operand.
template <int first, int operands>
inline void add_offsets(const StridedParams& params, std::uint32_t index,
                        std::uint32_t (&offsets)[operands]) {
  // Unrolled: an index known only at run time would copy the parameters to every work-item's own memory.
#pragma unroll
  for (int d = first; d < elementwise_max_dims; ++d) {
    if (d >= params.dims) break;
    const std::uint32_t quotient = params.sizes[d].divide(index);
    const std::uint32_t position = index - quotient * params.sizes[d].divisor;
    index = quotient;
#pragma unroll
    for (int k = 0; k < operands; ++k) offsets[k] += position * params.strides[d][k];
  }
}

template <template <class> class F, int Immediate, class C, class Out, class... In>
inline void strided_elements(const StridedParams& params) {
  const auto functor = load_functor<F<C>>(params);
  for_each_of_group(params.numel, [&](std::int64_t index) {
    std::uint32_t offsets[sizeof...(In) + 1] = {};
    add_offsets<0>(params, static_cast<std::uint32_t>(index), offsets);
    elementwise_apply<F, Immediate, C, Out, In...>(
        functor, params,
        [&](int k, auto type) {
          return *operand<const typename decltype(type)::type>(params, k, offsets[k]);
        },
        [&](Out result) { *operand<Out>(params, 0, offsets[0]) = result; }, std::index_sequence_for<In...>{});
  });
}

// One row, or a slice of it, whose operands are contiguous except for input `Broadcast` (0 for none), which
// is one element. What the strides are is known here at compile time: the CPU compiler gathers whatever it
// would have to ask for.
template <int Broadcast, template <class> class F, int Immediate, class C, class Out, class... In>
inline void strided_row(const F<C>& functor, const StridedParams& params, std::uint32_t begin,
                        std::uint32_t end, const std::uint32_t (&offsets)[sizeof...(In) + 1]) {
  for_each_index(begin, end, [&](std::int64_t i) {
    elementwise_apply<F, Immediate, C, Out, In...>(
        functor, params,
        [&](auto k, auto type) {
          const auto* address = operand<const typename decltype(type)::type>(params, k, offsets[k]);
          if constexpr (k == Broadcast) {
            return *address;
          } else {
            return address[i];
          }
        },
        [&](Out result) { operand<Out>(params, 0, offsets[0])[i] = result; },
        std::index_sequence_for<In...>{});
  });
}

template <template <class> class F, int Immediate, class C, class Out, class... In>
inline void strided_rows(const StridedParams& params) {
  const auto group = static_cast<std::uint32_t>(this_item().get_group(0));
  const auto functor = load_functor<F<C>>(params);
  const std::uint32_t length = params.sizes[0].divisor;
  const std::uint32_t rows = static_cast<std::uint32_t>(params.numel) / length;
  const std::uint32_t slice_length = (length + params.slices - 1) / params.slices;
  const std::uint32_t begin = group % params.slices * slice_length;
  const std::uint32_t end = sycl::min(begin + slice_length, length);
  const std::uint32_t first_row = group / params.slices * params.rows_per_group;
  const std::uint32_t last_row = sycl::min(first_row + params.rows_per_group, rows);
  for (std::uint32_t row = first_row; row < last_row; ++row) {
    std::uint32_t offsets[sizeof...(In) + 1] = {};
    add_offsets<1>(params, row, offsets);
    if constexpr (sizeof...(In) == 2 && Immediate == 0) {
      if (params.broadcast == 1) {
        strided_row<1, F, Immediate, C, Out, In...>(functor, params, begin, end, offsets);
        continue;
      }
      if (params.broadcast == 2) {
        strided_row<2, F, Immediate, C, Out, In...>(functor, params, begin, end, offsets);
        continue;
      }
    }
    strided_row<0, F, Immediate, C, Out, In...>(functor, params, begin, end, offsets);
  }
}

template <template <class> class F, int Immediate, class C, class Out, class... In>
IPEX_KERNEL void elementwise_strided(StridedParams params) {
  if (params.rows_per_group == 0) {
    strided_elements<F, Immediate, C, Out, In...>(params);
  } else {
    strided_rows<F, Immediate, C, Out, In...>(params);
  }
}

}  // namespace ipex::kernels
