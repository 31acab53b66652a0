// Softmax and log-softmax of rows that a sub-group walks along a few times while they are in its cache. Other
// dimensions, and rows too few for the device, go through reduce.hpp and runs.hpp.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/softmax_params.hpp"

namespace ipex::kernels {

template <bool Log, class In, class Out>
IPEX_KERNEL void softmax_rows(SoftmaxParams params) {
  using T = opmath_t<In>;
  const auto group = this_sub_group();
  const int64_t size = params.size;
  const auto [first, step] = all_sub_groups();
  for (int64_t row = first; row < params.rows; row += step) {
    const auto* x = static_cast<const In*>(params.input) + row * size;
    auto* y = static_cast<Out*>(params.output) + row * size;
    const T largest = fold_row(
        group, size, limits<T>::lower_bound(), [](T a, T b) { return math::maximum(a, b); },
        [&](int64_t i) { return cast<T>(x[i]); });
    if constexpr (Log) {
      const T sum = sum_row<T>(group, size, [&](int64_t i) { return math::exp(cast<T>(x[i]) - largest); });
      const T log_sum = math::log(sum);
      for_row(group, size, [&](int64_t i) { y[i] = cast<Out>(cast<T>(x[i]) - largest - log_sum); });
    } else if constexpr (std::is_same_v<Out, T>) {
      const T sum =
          sum_row<T>(group, size, [&](int64_t i) { return y[i] = math::exp(cast<T>(x[i]) - largest); });
      const T scale = T(1) / sum;
      for_row(group, size, [&](int64_t i) { y[i] *= scale; });
    } else {
      const T sum = sum_row<T>(group, size, [&](int64_t i) { return math::exp(cast<T>(x[i]) - largest); });
      const T scale = T(1) / sum;
      for_row(group, size, [&](int64_t i) { y[i] = cast<Out>(math::exp(cast<T>(x[i]) - largest) * scale); });
    }
  }
}

template <bool Log, class In, class Out>
IPEX_KERNEL void softmax_backward_rows(SoftmaxParams params) {
  using T = opmath_t<In>;
  const auto group = this_sub_group();
  const int64_t size = params.size;
  const auto [first, step] = all_sub_groups();
  for (int64_t row = first; row < params.rows; row += step) {
    const auto* gradient = static_cast<const In*>(params.input) + row * size;
    const auto* y = static_cast<const In*>(params.result) + row * size;
    auto* output = static_cast<Out*>(params.output) + row * size;
    const T sum = sum_row<T>(group, size, [&](int64_t i) {
      const T value = cast<T>(gradient[i]);
      return Log ? value : value * cast<T>(y[i]);
    });
    for_row(group, size, [&](int64_t i) {
      const T value = cast<T>(gradient[i]);
      const T result = cast<T>(y[i]);
      output[i] = cast<Out>(Log ? value - math::exp(result) * sum : result * (value - sum));
    });
  }
}

}  // namespace ipex::kernels
