// Walking a TensorTable: which part of which tensor a work-group has.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/foreach_params.hpp"

namespace ipex::kernels {

struct Chunk {
  int tensor;
  int64_t first;
  int64_t end;
};

inline Chunk this_chunk(const TensorTable& table) {
  const uint64_t group = this_item().get_group(0);
  int low = 0;
  int high = table.tensors;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (table.first_group(middle) <= group ? low : high) = middle;
  }
  const int64_t first = static_cast<int64_t>(group - table.first_group(low)) * foreach_chunk;
  return {low, first, sycl::min(first + foreach_chunk, table.numel(low))};
}

// Calls work(element) for the elements of the chunk that are this work-item's.
template <class Work>
inline void for_each_element(const Chunk& chunk, Work work) {
  const auto item = this_item();
  const int64_t width = item.get_local_range(0);
  const int64_t start = chunk.first + static_cast<int64_t>(item.get_local_id(0));
  if (chunk.end - chunk.first == foreach_chunk) {
#pragma unroll 4
    for (int64_t index = start; index < chunk.first + foreach_chunk; index += width) work(index);
  } else {
    for (int64_t index = start; index < chunk.end; index += width) work(index);
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
