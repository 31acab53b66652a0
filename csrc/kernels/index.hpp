// Reading and writing through index tensors.
//
// One launch visits every position of an iteration space that output, input and index tensors share; each
// index tensor adds index * stride to the offset of the indexed operand: the input where values are gathered,
// the output where they are scattered. An index that is out of range touches no memory and raises a fault.
#pragma once

#include "kernels/core/atomic.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/opaque.hpp"
#include "kernels/core/types.hpp"
#include "kernels/index_params.hpp"

namespace ipex::kernels {

namespace op {

template <class T>
struct sum {
  static void update(T* address, T value) { atomic_add(address, value); }
};

// An update without an atomic of its own.
template <class T, class Function>
struct swapping {
  static void update(T* address, T value) {
    atomic_update(address, [=](T old) {
      using C = opmath_t<T>;
      return cast<T>(Function::template apply<C>(static_cast<C>(old), static_cast<C>(value)));
    });
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

struct IndexOffsets {
  std::int32_t output, input, index;
};

inline IndexOffsets index_offsets(const IndexParams& params, std::uint32_t position) {
  IndexOffsets offsets{};
  for (int d = 0; d < params.dims; ++d) {
    std::uint32_t within = position;
    position = split(params.sizes[d], within);
    const auto step = static_cast<std::int32_t>(within);
    offsets.output += step * params.strides[d][0];
    offsets.input += step * params.strides[d][1];
    offsets.index += step * params.strides[d][2];
  }
  return offsets;
}

// Adds what the index tensors select to `offset`; false where one of them is out of range.
inline bool add_indices(const IndexParams& params, std::int32_t index_offset, std::int64_t& offset) {
  bool valid = true;
  for (int k = 0; k < params.indices; ++k) {
    const auto& dim = params.indexed[k];
    std::int64_t index =
        *reinterpret_cast<const std::int64_t*>(reinterpret_cast<const char*>(dim.index) + index_offset);
    const std::int64_t lowest = params.lowest * dim.size;
    valid = valid && index >= lowest && index < dim.size;
    index += index < 0 ? dim.size : 0;
    offset += index * dim.stride;
  }
  if (!valid) params.fault.raise();
  return valid;
}

// Calls visit(output address, input address) for the work-item's positions.
template <bool IndexesOutput, class Visit>
inline void for_each_indexed(const IndexParams& params, Visit visit) {
  const auto item = this_item();
  const std::uint32_t width = item.get_local_range(0);
  const std::uint32_t first = item.get_group(0) * width * params.items + item.get_local_id(0);
  for (std::uint32_t k = 0; k < params.items; ++k) {
    const std::uint32_t position = first + k * width;
    if (position >= params.numel) return;
    const auto offsets = index_offsets(params, position);
    std::int64_t selected = 0;
    if (!add_indices(params, offsets.index, selected)) continue;
    visit(params.output + offsets.output + (IndexesOutput ? selected : 0),
          params.input + offsets.input + (IndexesOutput ? 0 : selected));
  }
}

// T of these is any type of the element's size.
template <class T>
IPEX_KERNEL void index_get(IndexParams params) {
  for_each_indexed<false>(params, [](char* output, const char* input) {
    *reinterpret_cast<T*>(output) = *reinterpret_cast<const T*>(input);
  });
}

template <class T>
IPEX_KERNEL void index_put(IndexParams params) {
  for_each_indexed<true>(params, [](char* output, const char* input) {
    *reinterpret_cast<T*>(output) = *reinterpret_cast<const T*>(input);
  });
}

template <class T>
IPEX_KERNEL void index_fill(IndexParams params) {
  const T value = *reinterpret_cast<const T*>(params.value);
  for_each_indexed<true>(params, [=](char* output, const char*) { *reinterpret_cast<T*>(output) = value; });
}

template <template <class> class Op, class T>
IPEX_KERNEL void index_update(IndexParams params) {
  for_each_indexed<true>(params, [](char* output, const char* input) {
    Op<T>::update(reinterpret_cast<T*>(output), *reinterpret_cast<const T*>(input));
  });
}

template <class T>
IPEX_KERNEL void index_rows(IndexRowsParams params) {
  const auto item = this_item();
  const std::int64_t width = item.get_local_range(0);
  const std::int64_t first = item.get_group(0) * width * index_items + item.get_local_id(0);
  const auto* input = static_cast<const T*>(params.input);
  auto* output = static_cast<T*>(params.output);
  for (int k = 0; k < index_items; ++k) {
    const std::int64_t position = first + k * width;
    if (position >= params.numel) return;
    auto column = static_cast<std::uint32_t>(position);
    std::uint32_t n = split(params.row, column);
    const std::uint32_t outer = split(params.indices, n);
    const std::int64_t index = params.index[n];
    if (index < 0 || index >= params.input_rows) {
      params.fault.raise();
      continue;
    }
    output[position] = input[(outer * params.input_rows + index) * params.row.divisor + column];
  }
}

}  // namespace ipex::kernels
