// Resizing and padding: each element of the result is a sum of elements of the input, separately along each
// dimension. Backward, a work-item sums, for one element of the input, over the outputs it is part of, so
// there are no atomics and every run gives the same sums.
#pragma once

#include "kernels/core/opaque.hpp"
#include "kernels/core/plane_rows.hpp"
#include "kernels/functors/filter.hpp"

namespace ipex::kernels {

template <class T>
using weight_t = std::conditional_t<std::is_integral_v<T>, float, opmath_t<T>>;

// Integers are rounded and saturated: cubic weights overshoot.
template <class T>
inline T from_weighted(weight_t<T> value) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(
        sycl::clamp(sycl::rint(value), float(limits<T>::lowest()), float(limits<T>::max())));
  } else {
    return cast<T>(value);
  }
}

// One element of the input for each of the output; T is any type of its size.
template <class T, template <class> class Filter, bool ChannelsLast>
IPEX_KERNEL void resample_move(ResampleParams params) {
  using F = Filter<float>;
  const auto& axis = params.axis;
  const auto* input = static_cast<const T*>(params.input);
  auto* output = static_cast<T*>(params.output);
  for_plane_rows<ChannelsLast>(params.rows, [&](const RowPlace& place) {
    const auto d = F::index(axis[0], place.spatial[0]), h = F::index(axis[1], place.spatial[1]);
    const auto w = F::index(axis[2], place.spatial[2]);
    const std::int32_t position = (d * axis[1].input + h) * axis[2].input;
    (output + place.row)[place.lane] = plane_element<ChannelsLast>(input, place, position, w);
  });
}

template <class T, template <class> class Filter, bool ChannelsLast>
IPEX_KERNEL void resample(ResampleParams params) {
  using C = weight_t<T>;
  using F = Filter<C>;
  constexpr int taps = F::taps;
  const auto& axis = params.axis;
  const auto* input = static_cast<const T*>(params.input);
  auto* output = static_cast<T*>(params.output);
  for_plane_rows<ChannelsLast>(params.rows, [&](const RowPlace& place) {
    C weights[3][taps];
    std::int32_t index[3][taps];
#pragma unroll
    for (int d = 0; d < 3; ++d) {
      F::weights(axis[d], place.spatial[d], weights[d]);
#pragma unroll
      for (int k = 0; k < taps; ++k) index[d][k] = F::index(axis[d], place.spatial[d], k);
    }
    C sum = 0;
#pragma unroll
    for (int a = 0; a < taps; ++a) {
      if (weights[0][a] == 0) continue;  // as all but one are along a dimension that stays as it is
#pragma unroll
      for (int b = 0; b < taps; ++b) {
        if (weights[1][b] == 0) continue;
        const std::int32_t position = (index[0][a] * axis[1].input + index[1][b]) * axis[2].input;
        C line = 0;
#pragma unroll
        for (int c = 0; c < taps; ++c) {
          const T value = plane_element<ChannelsLast>(input, place, position, index[2][c]);
          line += weights[2][c] * static_cast<C>(value);
        }
        sum += weights[0][a] * weights[1][b] * line;
      }
    }
    (output + place.row)[place.lane] = from_weighted<T>(sum);
  });
}

template <class T, template <class> class Filter, bool ChannelsLast>
IPEX_KERNEL void resample_backward(ResampleParams params) {
  using C = opmath_t<T>;
  using F = Filter<real_t<C>>;
  const auto& axis = params.axis;
  const auto* gradient = static_cast<const T*>(params.input);
  auto* output = static_cast<T*>(params.output);
  for_plane_rows<ChannelsLast>(params.rows, [&](const RowPlace& place) {
    const auto [i, j, k] = place.spatial;
    const auto depths = F::outputs(axis[0], i), heights = F::outputs(axis[1], j);
    const auto widths = F::outputs(axis[2], k);
    C sum = 0;
    // The width is outermost: it alone may differ between work-items.
    for (auto c = widths.first; c < widths.end; ++c) {
      const auto w = F::output(axis[2], k, c);
      const auto width_weight = F::weight(axis[2], w, k);
      if (width_weight == 0) continue;
      C column = 0;
      for (auto a = depths.first; a < depths.end; ++a) {
        const auto d = F::output(axis[0], i, a);
        const auto depth_weight = F::weight(axis[0], d, i);
        if (depth_weight == 0) continue;
        for (auto b = heights.first; b < heights.end; ++b) {
          const auto h = F::output(axis[1], j, b);
          const auto weight = depth_weight * F::weight(axis[1], h, j);
          if (weight == 0) continue;
          const std::int32_t position = (d * axis[1].output + h) * axis[2].output;
          const T value = plane_element<ChannelsLast>(gradient, place, position, w);
          column += static_cast<C>(value) * static_cast<C>(weight);
        }
      }
      sum += column * static_cast<C>(width_weight);
    }
    (output + place.row)[place.lane] = cast<T>(sum);
  });
}

}  // namespace ipex::kernels
