// Binary search of each value in a sorted row.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/types.hpp"
#include "kernels/search_params.hpp"

namespace ipex::kernels {

template <class T, class Index>
IPEX_KERNEL void search_sorted(SearchParams params) {
  const std::int64_t position = this_item().get_global_id(0);
  if (position >= params.numel) return;
  const std::int64_t row = params.shared_boundaries ? 0 : position / params.columns;
  const auto* boundaries = static_cast<const T*>(params.boundaries) + row * params.length;
  const auto* sorter = params.sorter == nullptr ? nullptr : params.sorter + row * params.length;
  const T value = static_cast<const T*>(params.values)[position];
  std::int64_t first = 0, last = params.length;
  while (first < last) {
    const std::int64_t middle = first + (last - first) / 2;
    const T boundary = boundaries[sorter == nullptr ? middle : sorter[middle]];
    // A NaN value is past every boundary.
    const bool after = params.right ? !(boundary > value) : !(boundary >= value);
    first = after ? middle + 1 : first;
    last = after ? last : middle;
  }
  static_cast<Index*>(params.output)[position] = static_cast<Index>(first);
}

}  // namespace ipex::kernels
