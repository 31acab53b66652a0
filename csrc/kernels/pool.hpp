// Pooling over windows of up to three dimensions. Forward, a work-item makes elements of the result;
// backward, it sums, for elements of the input, over the windows that cover it, so there are no atomics and
// every run gives the same sums.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/plane_place.hpp"
#include "kernels/core/sub_group.hpp"
#include "kernels/core/types.hpp"
#include "kernels/pool_params.hpp"

namespace ipex::kernels {

struct PoolRange {
  std::int32_t first, end, step;
};

// The elements of the input in window `o`.
inline PoolRange window_of(const PoolParams& params, int d, std::int32_t o) {
  const auto& dim = params.dims[d];
  if (params.adaptive) {
    const std::int64_t input = dim.input, first = o * input / dim.output;
    const std::int64_t end = ((o + 1) * input + dim.output - 1) / dim.output;
    return {static_cast<std::int32_t>(first), static_cast<std::int32_t>(end), 1};
  }
  std::int32_t first = o * dim.stride - dim.pad;
  const std::int32_t end = sycl::min(first + (dim.kernel - 1) * dim.dilation + 1, dim.input);
  if (first < 0) first += (-first + dim.dilation - 1) / dim.dilation * dim.dilation;
  return {first, end, dim.dilation};
}

// The windows that may cover element `i` of the input.
inline PoolRange windows_over(const PoolParams& params, int d, std::int32_t i) {
  const auto& dim = params.dims[d];
  if (params.adaptive) {
    const std::int64_t output = dim.output, first = i * output / dim.input;
    const std::int64_t end = ((i + 1) * output + dim.input - 1) / dim.input;
    return {static_cast<std::int32_t>(first), static_cast<std::int32_t>(end), 1};
  }
  const std::int32_t reach = (dim.kernel - 1) * dim.dilation + 1, position = i + dim.pad;
  const std::int32_t first = position < reach ? 0 : (position - reach) / dim.stride + 1;
  return {first, sycl::min(position / dim.stride + 1, dim.output), 1};
}

// What an average over window `o` of one dimension divides by.
inline std::int32_t window_size(const PoolParams& params, int d, std::int32_t o) {
  const auto& dim = params.dims[d];
  if (params.adaptive || !params.count_padding) {
    const auto window = window_of(params, d, o);
    return window.end - window.first;
  }
  const std::int32_t first = o * dim.stride - dim.pad;
  return sycl::min(first + dim.kernel, dim.input + dim.pad) - first;
}

// visit(d, h, w) for each combination of the three ranges. Channels last, a group's are all the same.
template <bool ChannelsLast, class Visit>
inline void for_each_in(PoolRange (&ranges)[3], Visit visit) {
  if constexpr (ChannelsLast) {
    const auto group = this_sub_group();
#pragma unroll
    for (auto& range : ranges) {
      range.first = uniform(group, range.first);
      range.end = uniform(group, range.end);
    }
  }
  for (auto d = ranges[0].first; d < ranges[0].end; d += ranges[0].step)
    for (auto h = ranges[1].first; h < ranges[1].end; h += ranges[1].step)
      for (auto w = ranges[2].first; w < ranges[2].end; w += ranges[2].step) visit(d, h, w);
}

// A maximum that is NaN is the window's last one.
template <class T, bool ChannelsLast>
inline void max_pool_at(const PoolParams& params, const PlanePlace& place) {
  const auto* input = static_cast<const T*>(params.input) + place.other;
  PoolRange ranges[3];
  for (int d = 0; d < 3; ++d) ranges[d] = window_of(params, d, place.spatial[d]);
  const auto height = params.dims[1].input, width = params.dims[2].input;
  T largest = limits<T>::lower_bound();
  std::int32_t index = (ranges[0].first * height + ranges[1].first) * width + ranges[2].first;
  for_each_in<ChannelsLast>(ranges, [&](std::int32_t d, std::int32_t h, std::int32_t w) {
    const std::int32_t here = (d * height + h) * width + w;
    const T value = input[std::int64_t{here} * place.scale];
    if (value > largest || is_nan(value)) {
      largest = value;
      index = here;
    }
  });
  static_cast<T*>(params.output)[place.position] = largest;
  params.index[place.position] = index;
}

template <class T, bool ChannelsLast>
inline void max_pool_backward_at(const PoolParams& params, const PlanePlace& place) {
  const auto* gradient = static_cast<const T*>(params.input) + place.other;
  const auto* index = params.index + place.other;
  PoolRange ranges[3];
  for (int d = 0; d < 3; ++d) ranges[d] = windows_over(params, d, place.spatial[d]);
  const auto& dims = params.dims;
  const std::int64_t here =
      (place.spatial[0] * dims[1].input + place.spatial[1]) * dims[2].input + place.spatial[2];
  opmath_t<T> sum = 0;
  for_each_in<ChannelsLast>(ranges, [&](std::int32_t d, std::int32_t h, std::int32_t w) {
    const std::int64_t window = std::int64_t{(d * dims[1].output + h) * dims[2].output + w} * place.scale;
    if (index[window] == here) sum += static_cast<opmath_t<T>>(gradient[window]);
  });
  static_cast<T*>(params.output)[place.position] = cast<T>(sum);
}

template <class T, bool ChannelsLast>
inline void avg_pool_at(const PoolParams& params, const PlanePlace& place) {
  using C = opmath_t<T>;
  const auto* input = static_cast<const T*>(params.input) + place.other;
  PoolRange ranges[3];
  std::int32_t divisor = 1;
  for (int d = 0; d < 3; ++d) {
    ranges[d] = window_of(params, d, place.spatial[d]);
    divisor *= window_size(params, d, place.spatial[d]);
  }
  C sum = 0;
  for_each_in<ChannelsLast>(ranges, [&](std::int32_t d, std::int32_t h, std::int32_t w) {
    const std::int64_t here = (d * params.dims[1].input + h) * params.dims[2].input + w;
    sum += static_cast<C>(input[here * place.scale]);
  });
  if (params.divisor != 0) divisor = params.divisor;
  static_cast<T*>(params.output)[place.position] = cast<T>(sum / static_cast<C>(divisor));
}

template <class T, bool ChannelsLast>
inline void avg_pool_backward_at(const PoolParams& params, const PlanePlace& place) {
  using C = opmath_t<T>;
  const auto* gradient = static_cast<const T*>(params.input) + place.other;
  PoolRange ranges[3];
  for (int d = 0; d < 3; ++d) ranges[d] = windows_over(params, d, place.spatial[d]);
  C sum = 0;
  for_each_in<ChannelsLast>(ranges, [&](std::int32_t d, std::int32_t h, std::int32_t w) {
    const std::int64_t window = (d * params.dims[1].output + h) * params.dims[2].output + w;
    const std::int32_t size = params.divisor != 0 ? params.divisor
                                                  : window_size(params, 0, d) * window_size(params, 1, h) *
                                                        window_size(params, 2, w);
    sum += static_cast<C>(gradient[window * place.scale]) / static_cast<C>(size);
  });
  static_cast<T*>(params.output)[place.position] = cast<T>(sum);
}

template <class T, bool ChannelsLast>
IPEX_KERNEL void max_pool(PoolParams params) {
  for_each_place<ChannelsLast>(params.planes, params.input_plane,
                               [&](const PlanePlace& place) { max_pool_at<T, ChannelsLast>(params, place); });
}

template <class T, bool ChannelsLast>
IPEX_KERNEL void max_pool_backward(PoolParams params) {
  for_each_place<ChannelsLast>(params.planes, params.output_plane, [&](const PlanePlace& place) {
    max_pool_backward_at<T, ChannelsLast>(params, place);
  });
}

template <class T, bool ChannelsLast>
IPEX_KERNEL void avg_pool(PoolParams params) {
  for_each_place<ChannelsLast>(params.planes, params.input_plane,
                               [&](const PlanePlace& place) { avg_pool_at<T, ChannelsLast>(params, place); });
}

template <class T, bool ChannelsLast>
IPEX_KERNEL void avg_pool_backward(PoolParams params) {
  for_each_place<ChannelsLast>(params.planes, params.output_plane, [&](const PlanePlace& place) {
    avg_pool_backward_at<T, ChannelsLast>(params, place);
  });
}

}  // namespace ipex::kernels
