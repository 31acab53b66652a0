// Softmax and log-softmax of rows that are walked along a few times while they are in a cache. Other
// dimensions, and rows too few for the device, go through reduce.hpp and runs.hpp.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/softmax_params.hpp"

namespace ipex::kernels {

template <bool Log, class In, class Out, class T, class Rows>
inline void softmax_by(const Rows& rows, const SoftmaxParams& params) {
  const int64_t size = params.size;
  rows.for_jobs(params.rows, [&](int64_t row) {
    const auto* x = static_cast<const In*>(params.input) + row * size;
    auto* y = static_cast<Out*>(params.output) + row * size;
    const T largest = rows.fold(
        size, limits<T>::lower_bound(), [](auto a, auto b) { return math::maximum(a, b); },
        [&](auto i) { return load<T>(x, i); });
    const auto power = [&](auto i) { return math::exp(load<T>(x, i) - largest); };
    if constexpr (Log) {
      const T log_sum = math::log(sum_each<T>(rows, size, power));
      rows.for_each(size, [&](auto i) { store(y, i, load<T>(x, i) - largest - log_sum); });
    } else if constexpr (std::is_same_v<Out, T>) {
      const T scale = T(1) / sum_each<T>(rows, size, [&](auto i) {
                        const auto value = power(i);
                        store(y, i, value);
                        return value;
                      });
      rows.for_each(size, [&](auto i) { store(y, i, load<T>(y, i) * scale); });
    } else {
      const T scale = T(1) / sum_each<T>(rows, size, power);
      rows.for_each(size, [&](auto i) { store(y, i, power(i) * scale); });
    }
  });
}

template <bool Log, class In, class Out, class T, class Rows>
inline void softmax_backward_by(const Rows& rows, const SoftmaxParams& params) {
  const int64_t size = params.size;
  rows.for_jobs(params.rows, [&](int64_t row) {
    const auto* gradient = static_cast<const In*>(params.input) + row * size;
    const auto* y = static_cast<const In*>(params.result) + row * size;
    auto* output = static_cast<Out*>(params.output) + row * size;
    const T sum = sum_each<T>(rows, size, [&](auto i) {
      const auto value = load<T>(gradient, i);
      if constexpr (Log) {
        return value;
      } else {
        return value * load<T>(y, i);
      }
    });
    rows.for_each(size, [&](auto i) {
      const auto value = load<T>(gradient, i);
      const auto result = load<T>(y, i);
      if constexpr (Log) {
        store(output, i, value - math::exp(result) * sum);
      } else {
        store(output, i, result * (value - sum));
      }
    });
  });
}

template <bool Log, class In, class Out>
IPEX_KERNEL void softmax_rows(SoftmaxParams params) {
  using T = opmath_t<In>;
  softmax_by<Log, In, Out, T>(SubGroupRows<T>(), params);
}
template <bool Log, class In, class Out>
IPEX_KERNEL_OF_ONE void softmax_rows_by_packs(SoftmaxParams params) {
  using T = opmath_t<In>;
  softmax_by<Log, In, Out, T>(PackRows<T>(), params);
}

template <bool Log, class In, class Out>
IPEX_KERNEL void softmax_backward_rows(SoftmaxParams params) {
  using T = opmath_t<In>;
  softmax_backward_by<Log, In, Out, T>(SubGroupRows<T>(), params);
}
template <bool Log, class In, class Out>
IPEX_KERNEL_OF_ONE void softmax_backward_rows_by_packs(SoftmaxParams params) {
  using T = opmath_t<In>;
  softmax_backward_by<Log, In, Out, T>(PackRows<T>(), params);
}

}  // namespace ipex::kernels
