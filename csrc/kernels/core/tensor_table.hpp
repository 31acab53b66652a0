// Walking a TensorTable: which part of which tensor a work-group has.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/sub_group.hpp"
#include "kernels/foreach_params.hpp"

namespace ipex::kernels {

// Elements `first` to first + count of a tensor.
struct Chunk {
  int tensor;
  uint32_t count;
  int64_t first;
};

inline Chunk this_chunk(const TensorTable& table) {
  const uint64_t group = this_item().get_group(0);
  int low = 0;
  int high = table.tensors;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (table.first_group(middle) <= group ? low : high) = middle;
  }
  const auto sub_group = this_sub_group();
  const int tensor = uniform(sub_group, low);
  const int64_t first = static_cast<int64_t>(group - table.first_group(tensor)) * foreach_chunk;
  const int64_t count = sycl::min(table.numel(tensor) - first, int64_t{foreach_chunk});
  return {tensor, uniform(sub_group, static_cast<uint32_t>(count)), uniform(sub_group, first)};
}

// Calls work(base, lane) for the elements base + lane of the chunk that are this work-item's; the base is the
// same for the whole work-group.
template <class Work>
inline void for_each_element(const Chunk& chunk, const TableParams& params, Work work) {
  const auto width = static_cast<uint32_t>(this_item().get_local_range(0));
  const auto lane = static_cast<uint32_t>(this_item().get_local_id(0));
  for (uint32_t item = 0; item < params.items; ++item) {
    const uint32_t first = item * width;
    if (first + lane < chunk.count) work(chunk.first + first, lane);
  }
}

template <class T>
inline T* slot_pointer(const TensorTable& table, int tensor, int slot) {
  return reinterpret_cast<T*>(table.slots(tensor)[slot]);
}

template <class T>
inline T slot_value(const TensorTable& table, int tensor, int slot) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  return *reinterpret_cast<const T*>(table.slots(tensor) + slot);
}

}  // namespace ipex::kernels
