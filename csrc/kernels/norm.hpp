// Layer and RMS normalization of rows; the small kernels around batch and group normalization, whose
// statistics come from reduce.hpp and whose elements are computed by runs.hpp.
#pragma once

#include <utility>

#include "kernels/core/functor.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/functors/reduce.hpp"
#include "kernels/norm_params.hpp"

namespace ipex::kernels {

template <class T, class P>
inline T parameter(const void* values, int64_t i, T otherwise) {
  return values == nullptr ? otherwise : cast<T>(static_cast<const P*>(values)[i]);
}

// The parameter of a place of a row.
template <class T, class P, class Place>
inline auto parameter_at(const void* values, Place i, T otherwise) {
  using Value = decltype(load<T>(static_cast<const P*>(values), i));
  return values == nullptr ? Value(otherwise) : load<T>(static_cast<const P*>(values), i);
}

template <class T>
struct RowStatistics {
  T mean, scale;  // 1 / deviation
};

// Normalizes the row of value(place), numbers or packs: calls write(place, value, result) for every place.
// Rms leaves the mean where it is. P is the type of weight and bias.
template <bool Rms, class P, class T, class Rows, class Value, class Write>
inline RowStatistics<T> normalize_row(const Rows& rows, int64_t size, T epsilon, const void* weight,
                                      const void* bias, Value value, Write write) {
  const T count = static_cast<T>(size);
  const T mean = Rms ? T(0) : sum_each<T>(rows, size, value) / count;
  const T squares = sum_each<T>(rows, size, [&](auto i) {
    const auto distance = value(i) - mean;
    return distance * distance;
  });
  const T scale = T(1) / math::sqrt(squares / count + epsilon);
  rows.for_each(size, [&](auto i) {
    const auto x = value(i);
    write(i, x, (x - mean) * scale * parameter_at<T, P>(weight, i, T(1)) + parameter_at<T, P>(bias, i, T(0)));
  });
  return {mean, scale};
}

template <bool Rms, class In, class P, class T, class Rows>
inline void normalize_rows(const Rows& rows, const RowNormParams& params) {
  const int64_t size = params.size;
  rows.for_jobs(params.rows, [&](int64_t row) {
    const auto* x = static_cast<const In*>(params.input) + row * size;
    auto* y = static_cast<In*>(params.output) + row * size;
    const auto statistics = normalize_row<Rms, P, T>(
        rows, size, from_bytes<T>(params.epsilon), params.weight, params.bias,
        [&](auto i) { return load<T>(x, i); }, [&](auto i, auto, auto result) { store(y, i, result); });
    if (rows.writes()) {
      if (!Rms) static_cast<T*>(params.mean)[row] = statistics.mean;
      static_cast<T*>(params.scale)[row] = statistics.scale;
    }
  });
}

// Calls visit(place, gradient, normalized input) for every place of every row.
template <bool Rms, class In, class P, class T, class Rows, class Visit>
inline void normalize_rows_backward(const Rows& rows, const RowNormParams& params, Visit visit) {
  const int64_t size = params.size;
  rows.for_jobs(params.rows, [&](int64_t row) {
    const auto* x = static_cast<const In*>(params.input) + row * size;
    const auto* gradient = static_cast<const In*>(params.gradient) + row * size;
    auto* output = static_cast<In*>(params.output) + row * size;
    const T mean = Rms ? T(0) : static_cast<const T*>(params.mean)[row];
    const T scale = static_cast<const T*>(params.scale)[row];
    const auto by_weight = [&](auto i, auto value) {
      return value * parameter_at<T, P>(params.weight, i, T(1));
    };
    const auto weighted = [&](auto i) { return by_weight(i, load<T>(gradient, i)); };
    const auto normal = [&](auto i) { return (load<T>(x, i) - mean) * scale; };
    const T sum = Rms ? T(0) : sum_each<T>(rows, size, weighted) / static_cast<T>(size);
    const T product =
        sum_each<T>(rows, size, [&](auto i) { return weighted(i) * normal(i); }) / static_cast<T>(size);
    rows.for_each(size, [&](auto i) {
      const auto slope = load<T>(gradient, i), value = normal(i);
      store(output, i, scale * (by_weight(i, slope) - sum - value * product));
      visit(i, slope, value);
    });
  });
}

// What a work-group's rows add to the gradient of a parameter.
template <class T>
class ParameterSums {
 public:
  ParameterSums(void* sums, const PackRows<T>& rows, int64_t size)
      : sums_(sums == nullptr ? nullptr : static_cast<T*>(sums) + this_item().get_group(0) * size) {
    if (sums_ == nullptr) return;
    rows.for_each(size, [&](auto i) { store(sums_, i, decltype(load<T>(sums_, i))(T(0))); });
  }

  template <class Place, class Value>
  void add(Place i, Value value) const {
    if (sums_ != nullptr) store(sums_, i, load<T>(sums_, i) + value);
  }

 private:
  T* sums_;
};

template <bool Rms, class In, class P>
IPEX_KERNEL void norm_rows(RowNormParams params) {
  using T = opmath_t<In>;
  normalize_rows<Rms, In, P, T>(SubGroupRows<T>(), params);
}
template <bool Rms, class In, class P>
IPEX_KERNEL_OF_ONE void norm_rows_by_packs(RowNormParams params) {
  using T = opmath_t<In>;
  normalize_rows<Rms, In, P, T>(PackRows<T>(), params);
}

template <bool Rms, class In, class P>
IPEX_KERNEL void norm_rows_backward(RowNormParams params) {
  using T = opmath_t<In>;
  normalize_rows_backward<Rms, In, P, T>(SubGroupRows<T>(), params, [](auto, auto, auto) {});
}
template <bool Rms, class In, class P>
IPEX_KERNEL_OF_ONE void norm_rows_backward_by_packs(RowNormParams params) {
  using T = opmath_t<In>;
  const PackRows<T> rows;
  const ParameterSums<T> weight(params.weight_sums, rows, params.size);
  const ParameterSums<T> bias(params.bias_sums, rows, params.size);
  normalize_rows_backward<Rms, In, P, T>(rows, params, [&](auto i, auto gradient, auto normal) {
    weight.add(i, gradient * normal);
    bias.add(i, gradient);
  });
}

// Runs `function` for each number below `count`, a work-item for each.
template <class Function>
inline void for_each_number(int64_t count, Function function) {
  const auto item = this_item();
  const int64_t step = item.get_global_range(0);
  for (int64_t k = item.get_global_id(0); k < count; k += step) function(k);
}

// The mean and the variance of a statistic, from those of its channels where they are what there is.
template <class T>
inline std::pair<T, T> statistic_of(const ChannelNormParams& params, int64_t statistic) {
  const auto* means = static_cast<const T*>(params.mean);
  const auto* variances = static_cast<const T*>(params.variance);
  if (params.shared_mean == nullptr) return {means[statistic], variances[statistic]};
  const op::moments<T> moments;
  const T count = static_cast<T>(params.count), channel_count = count / static_cast<T>(params.share);
  auto all = moments.partial(moments.start());
  const int64_t first = statistic * params.share;
  for (int64_t k = first; k < first + params.share; ++k) {
    all = moments.combine(all, {means[k], variances[k] * channel_count, channel_count});
  }
  return {all.mean, all.squares / count};
}

// Statistics to coefficients of op::normalize, running statistics and 1/deviation. T computes, P is the type
// of the parameters.
template <class T, class P>
IPEX_KERNEL void channel_coefficients(ChannelNormParams params) {
  for_each_number(params.batch * params.channels, [&](int64_t k) {
    const int64_t statistic = k / params.share;
    const int64_t channel = k % params.channels;
    const auto [mean, variance] = statistic_of<T>(params, statistic);
    const T scale = T(1) / math::sqrt(variance + from_bytes<T>(params.epsilon));
    static_cast<T*>(params.coefficients[0])[k] = mean;
    static_cast<T*>(params.coefficients[1])[k] = scale * parameter<T, P>(params.weight, channel, T(1));
    static_cast<T*>(params.coefficients[2])[k] = parameter<T, P>(params.bias, channel, T(0));
    if (k == statistic * params.share) {
      static_cast<T*>(params.scale)[statistic] = scale;
      if (params.shared_mean != nullptr) static_cast<T*>(params.shared_mean)[statistic] = mean;
    }
    if (params.running_mean != nullptr) {
      const T momentum = from_bytes<T>(params.momentum);
      const T count = static_cast<T>(params.count);
      auto& running_mean = static_cast<P*>(params.running_mean)[channel];
      auto& running_variance = static_cast<P*>(params.running_variance)[channel];
      running_mean = cast<P>((T(1) - momentum) * cast<T>(running_mean) + momentum * mean);
      running_variance = cast<P>((T(1) - momentum) * cast<T>(running_variance) +
                                 momentum * variance * (count / (count - T(1))));
    }
  });
}

// Sums of a channel to coefficients of op::normalize_backward. Without training the statistics are constants.
template <class T, class P>
IPEX_KERNEL void channel_backward_coefficients(ChannelNormParams params) {
  for_each_number(params.batch * params.channels, [&](int64_t k) {
    const int64_t statistic = k / params.share;
    const int64_t channel = k % params.channels;
    const T scale = static_cast<const T*>(params.scale)[statistic];
    T sum = T(0), product = T(0);
    if (params.training) {
      for (int64_t member = 0; member < params.share; ++member) {
        const int64_t other = statistic * params.share + member;
        const T weight = parameter<T, P>(params.weight, other % params.channels, T(1));
        sum += weight * static_cast<const T*>(params.sum)[other];
        product += weight * static_cast<const T*>(params.product)[other];
      }
    }
    const T count = static_cast<T>(params.count);
    static_cast<T*>(params.coefficients[0])[k] = static_cast<const T*>(params.mean)[statistic];
    static_cast<T*>(params.coefficients[1])[k] = scale * parameter<T, P>(params.weight, channel, T(1));
    static_cast<T*>(params.coefficients[2])[k] = -scale * scale * scale * product / count;
    static_cast<T*>(params.coefficients[3])[k] = -scale * sum / count;
  });
}

// Gradients of weight and bias, from the sums of every batch.
template <class T, class P>
IPEX_KERNEL void channel_parameter_gradients(ChannelNormParams params) {
  for_each_number(params.channels, [&](int64_t channel) {
    T weight = T(0), bias = T(0);
    for (int64_t batch = 0; batch < params.batch; ++batch) {
      const int64_t k = batch * params.channels + channel;
      weight +=
          static_cast<const T*>(params.product)[k] * static_cast<const T*>(params.scale)[k / params.share];
      bias += static_cast<const T*>(params.sum)[k];
    }
    if (params.weight_gradient != nullptr) static_cast<P*>(params.weight_gradient)[channel] = cast<P>(weight);
    if (params.bias_gradient != nullptr) static_cast<P*>(params.bias_gradient)[channel] = cast<P>(bias);
  });
}

}  // namespace ipex::kernels
