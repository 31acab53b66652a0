// The order of whole rows, compared as words are.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/order.hpp"
#include "kernels/row_order_params.hpp"

namespace ipex::kernels {

// Negative, zero or positive as row a comes before, with or after row b.
template <class T>
inline int compare_rows(const T* a, const T* b, int64_t length) {
  for (int64_t column = 0; column < length; ++column) {
    const auto first = sort_key(a[column]), second = sort_key(b[column]);
    if (first != second) return first < second ? -1 : 1;
  }
  return 0;
}

// Merges pairs of sorted runs: each row finds its place among those of the other run.
template <class T>
IPEX_KERNEL void merge_runs(RowOrderParams params) {
  const int64_t place = this_item().get_global_id(0);
  if (place >= params.rows) return;
  const auto* values = static_cast<const T*>(params.values);
  const int64_t run = place / params.run;
  const bool is_left = run % 2 == 0;
  const int64_t pair = (run - run % 2) * params.run;
  const int64_t row = params.order[place];
  int64_t low = sycl::min(is_left ? pair + params.run : pair, params.rows);
  int64_t high = sycl::min(low + params.run, params.rows);
  const int64_t other = low;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    const int order = compare_rows(values + params.order[middle] * params.length,
                                   values + row * params.length, params.length);
    // Of equal rows, those of the left run come first.
    if (is_left ? order < 0 : order <= 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  params.merged[pair + place - run * params.run + low - other] = row;
}

}  // namespace ipex::kernels
