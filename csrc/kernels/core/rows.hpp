// A sub-group walking along a row of memory.
#pragma once

#include "kernels/core/sub_group.hpp"

namespace ipex::kernels {

// Calls function(i) for each i < size, the work-items side by side.
template <class Function>
inline void for_row(const sycl::sub_group& group, int64_t size, Function function) {
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  int64_t i = 0;
  for (; i + width <= size; i += width) function(i + lane);
  if (i + lane < size) function(i + lane);
}

// The combination of function(i) over i < size, in several independent chains.
template <class T, class Combine, class Function>
inline T fold_row(const sycl::sub_group& group, int64_t size, T start, Combine combine, Function function) {
  constexpr int chain_count = 4;
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  T chains[chain_count] = {start, start, start, start};
  int64_t i = 0;
  for (; i + chain_count * width <= size; i += chain_count * width) {
#pragma unroll
    for (int k = 0; k < chain_count; ++k) chains[k] = combine(chains[k], function(i + k * width + lane));
  }
  for (; i < size; i += width) {
    if (i + lane < size) chains[0] = combine(chains[0], function(i + lane));
  }
  const T joined = combine(combine(chains[0], chains[1]), combine(chains[2], chains[3]));
  return combine_over(group, joined, combine);
}

template <class T, class Function>
inline T sum_row(const sycl::sub_group& group, int64_t size, Function function) {
  return fold_row(
      group, size, T(0), [](T a, T b) { return a + b; }, function);
}

}  // namespace ipex::kernels
