// Positions of the true elements of a mask, in order.
#pragma once

#include "kernels/compact_params.hpp"
#include "kernels/core/kernel.hpp"

namespace ipex::kernels {

// visit(position) for each true element of this work-item.
template <class Visit>
inline void for_each_true(const CompactParams& params, Visit visit) {
  const std::int64_t first = this_item().get_global_id(0) * std::int64_t{compact_items};
  const std::int64_t last = sycl::min(first + compact_items, params.numel);
  for (std::int64_t i = first; i < last; ++i)
    if (params.mask[i]) visit(i);
}

inline std::int64_t count_of_item(const CompactParams& params) {
  const std::int64_t first = this_item().get_global_id(0) * std::int64_t{compact_items};
  const std::int64_t last = sycl::min(first + compact_items, params.numel);
  std::int64_t count = 0;
  for (std::int64_t i = first; i < last; ++i) count += params.mask[i] ? 1 : 0;
  return count;
}

IPEX_KERNEL inline void count_true(CompactParams params) {
  const auto item = this_item();
  const auto count =
      sycl::reduce_over_group(item.get_group(), count_of_item(params), sycl::plus<std::int64_t>());
  if (item.get_local_id(0) == 0) params.counts[item.get_group(0) + 1] = count;
}

IPEX_KERNEL inline void write_true(CompactParams params) {
  const auto item = this_item();
  std::int64_t to =
      params.counts[item.get_group(0)] +
      sycl::exclusive_scan_over_group(item.get_group(), count_of_item(params), sycl::plus<std::int64_t>());
  for_each_true(params, [&](std::int64_t position) {
    if (to < params.capacity) {
      auto* coordinates = params.positions + to * params.dims;
      for (int d = params.dims - 1; d > 0; --d) {
        const std::int64_t rest = position / params.sizes[d];
        coordinates[d] = position - rest * params.sizes[d];
        position = rest;
      }
      coordinates[0] = position;
    }
    ++to;
  });
}

}  // namespace ipex::kernels
