// Reading and writing through index tensors.
//
// One launch visits every element of a shape that output, input and index tensors share; each index tensor
// adds index * stride to the address of the indexed operand: the input where values are gathered, the output
// where they are scattered. An index that is out of range touches no memory and raises a fault.
#pragma once

#include "kernels/core/atomic.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/opaque.hpp"
#include "kernels/core/row_slice.hpp"
#include "kernels/core/types.hpp"
#include "kernels/index_params.hpp"

namespace ipex::kernels {

namespace op {

// combine(old, value) is what an element becomes; update does it for an address that others may write.
template <class T>
struct sum {
  static T combine(T old, T value) { return cast<T>(static_cast<opmath_t<T>>(old) + opmath_t<T>(value)); }
  static void update(T* address, T value) { atomic_add(address, value); }
};

// An update without an atomic of its own.
template <class T, class Function>
struct swapping {
  static T combine(T old, T value) {
    using C = opmath_t<T>;
    return cast<T>(Function::template apply<C>(static_cast<C>(old), static_cast<C>(value)));
  }
  static void update(T* address, T value) {
    atomic_update(address, [=](T old) { return combine(old, value); });
  }
};
struct apply_prod {
  template <class C>
  static C apply(C a, C b) {
    return a * b;
  }
};
struct apply_amax {
  template <class C>
  static C apply(C a, C b) {
    return math::maximum(a, b);
  }
};
struct apply_amin {
  template <class C>
  static C apply(C a, C b) {
    return math::minimum(a, b);
  }
};
template <class T>
struct prod : swapping<T, apply_prod> {};
template <class T>
struct amax : swapping<T, apply_amax> {};
template <class T>
struct amin : swapping<T, apply_amin> {};

}  // namespace op

// Adds what the index tensors select to `offset`; false where one of them is out of range. `index` is the
// work-item's place in the first of them.
template <bool Single>
inline bool add_indices(const IndexParams& params, const char* index, std::int64_t& offset) {
  bool valid = true;
#pragma unroll
  for (int k = 0; k < (Single ? 1 : index_max_indices); ++k) {
    if (!Single && k >= params.indices) break;
    const auto& dim = params.indexed[k];
    const auto given = *reinterpret_cast<const std::int64_t*>(index + dim.distance);
    valid = valid && given >= params.lowest * dim.size && given < dim.size;
    offset += (given < 0 ? given + dim.size : given) * dim.stride;
  }
  if (!valid) params.fault.raise();
  return valid;
}

// Calls visit(output element, input element) for the work-item's element of a slice. Dense: elements of the
// index and of the operand that is not indexed follow each other, and there is one index.
template <class T, bool IndexesOutput, bool Dense, class Visit>
inline void visit_indexed(const IndexParams& params, char* (&start)[3], std::uint32_t lane, Visit visit) {
  const auto address = [&](auto type, int k) {
    using Element = decltype(type);
    auto& element = Dense ? row<Element>::at(start[k], 0, lane)
                          : strided<Element>::at(start[k], params.grid.strides[k], lane);
    return reinterpret_cast<char*>(&element);
  };
  constexpr int indexed = IndexesOutput ? 0 : 1;
  std::int64_t selected = std::int64_t{lane} * params.grid.strides[indexed];
  if (!add_indices<Dense>(params, address(std::int64_t{}, 2), selected)) return;
  char* const place = start[indexed] + selected;
  char* const other = address(T{}, 1 - indexed);
  visit(reinterpret_cast<T*>(IndexesOutput ? place : other),
        reinterpret_cast<const T*>(IndexesOutput ? other : place));
}

// Visits every element. In order: one work-item visits them all, one after the other.
template <class T, bool IndexesOutput, bool InOrder, class Visit>
inline void for_each_indexed(const IndexParams& params, Visit visit) {
  const auto& grid = params.grid;
  char* start[3];
  if constexpr (InOrder) {
    for (std::uint32_t group = 0; group < params.groups; ++group) {
      const auto slice = row_slice(grid.rows, group, params.width);
      find_slice(grid, slice, start);
      for (std::uint32_t lane = 0; lane < slice.lanes; ++lane) {
        visit_indexed<T, IndexesOutput, false>(params, start, lane, visit);
      }
    }
  } else {
    const auto slice = this_row_slice(grid.rows);
    find_slice(grid, slice, start);
    const auto lane = this_lane();
    if (lane >= slice.lanes) return;
    const bool dense = params.indices == 1 && grid.strides[2] == sizeof(std::int64_t) &&
                       grid.strides[IndexesOutput ? 1 : 0] == sizeof(T);
    for (std::uint32_t step = 0; step < grid.steps; ++step) {
      if (dense) {
        visit_indexed<T, IndexesOutput, true>(params, start, lane, visit);
      } else {
        visit_indexed<T, IndexesOutput, false>(params, start, lane, visit);
      }
      next_row(grid, start);
    }
  }
}

// T of these is any type of the element's size.
template <class T>
IPEX_KERNEL void index_get(IndexParams params) {
  for_each_indexed<T, false, false>(params, [](T* output, const T* input) { *output = *input; });
}

template <class T, bool InOrder>
IPEX_KERNEL void index_put(IndexParams params) {
  for_each_indexed<T, true, InOrder>(params, [](T* output, const T* input) { *output = *input; });
}

template <class T>
IPEX_KERNEL void index_fill(IndexParams params) {
  const T value = *reinterpret_cast<const T*>(params.value);
  for_each_indexed<T, true, false>(params, [=](T* output, const T*) { *output = value; });
}

template <template <class> class Op, class T, bool InOrder>
IPEX_KERNEL void index_update(IndexParams params) {
  for_each_indexed<T, true, InOrder>(params,
                                     [](T* output, const T* input) { Op<T>::update(output, *input); });
}

// output[..., index, ...] is combined with the input's elements in their order: neither atomics nor chance.
// Columns: lines lie side by side and share their indices.
template <template <class> class Op, class T, bool Columns>
IPEX_KERNEL void index_update_lines(IndexLinesParams params) {
  const auto item = this_item();
  const std::uint32_t lane = this_lane();
  const auto first = static_cast<std::int64_t>(item.get_group(0) * item.get_local_range(0));
  if (first + lane >= params.lines) return;
  auto* output = static_cast<char*>(params.output);
  const auto* input = static_cast<const char*>(params.input);
  const auto* index = static_cast<const char*>(params.index);
  if constexpr (Columns) {
    output += first * static_cast<std::int64_t>(sizeof(T));
    input += first * static_cast<std::int64_t>(sizeof(T));
  } else {
    auto rest = static_cast<std::uint32_t>(first + lane);
#pragma unroll
    for (int d = 0; d < index_line_dims; ++d) {
      std::uint32_t position = rest;
      rest = split(params.sizes[d], position);
      output += position * params.line_strides[d][0];
      input += position * params.line_strides[d][1];
      index += position * params.line_strides[d][2];
    }
  }
  for (std::int64_t i = 0; i < params.length; ++i) {
    const auto given = *reinterpret_cast<const std::int64_t*>(index + i * params.strides[2]);
    if (given < 0 || given >= params.size) {
      params.fault.raise();
      continue;
    }
    auto* element = reinterpret_cast<T*>(output + given * params.strides[0]) + (Columns ? lane : 0);
    const auto* value = reinterpret_cast<const T*>(input + i * params.strides[1]) + (Columns ? lane : 0);
    *element = Op<T>::combine(*element, *value);
  }
}

template <class T>
IPEX_KERNEL void index_rows(IndexRowsParams params) {
  const auto slice = this_row_slice(params.rows);
  std::uint32_t n = slice.row;
  const std::int64_t outer = split(params.indices, n);
  const std::int64_t index = params.index[n];
  if (index < 0 || index >= params.input_rows) {
    params.fault.raise();
    return;
  }
  const auto* input = static_cast<const T*>(params.input) +
                      (outer * params.input_rows + index) * params.rows.length + slice.first;
  auto* output = static_cast<T*>(params.output) + slice.row * params.rows.length + slice.first;
  const auto lane = this_lane();
  if (lane < slice.lanes) output[lane] = input[lane];
}

}  // namespace ipex::kernels
