// Pooling over windows of up to three dimensions. Forward, a work-item makes elements of the result;
// backward, it sums, for elements of the input, over the windows that cover it, so there are no atomics and
// every run gives the same sums.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/lanes.hpp"
#include "kernels/core/plane_place.hpp"
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
  const auto over_stride = [&](std::int32_t value) {
    return static_cast<std::int32_t>(dim.by_stride.divide(static_cast<std::uint32_t>(value)));
  };
  const std::int32_t first = position < reach ? 0 : over_stride(sycl::max(position - reach, 0)) + 1;
  return {first, sycl::min(over_stride(position) + 1, dim.output), 1};
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

// visit(d, h, w) for each combination of the three ranges.
template <class Visit>
inline void for_each_in(const PoolRange (&ranges)[3], Visit visit) {
  for (auto d = ranges[0].first; d < ranges[0].end; d += ranges[0].step)
    for (auto h = ranges[1].first; h < ranges[1].end; h += ranges[1].step)
      for (auto w = ranges[2].first; w < ranges[2].end; w += ranges[2].step) visit(d, h, w);
}

// The functions below compute the elements of a place, for each of its channels.

// A maximum that is NaN is the window's last one.
template <class T>
struct MaxPool {
  template <class Each>
  static void at(const PoolParams& params, const PlanePlace& place, Each each) {
    const auto* input = static_cast<const T*>(params.input) + place.other;
    PoolRange ranges[3];
    for (int d = 0; d < 3; ++d) ranges[d] = window_of(params, d, place.spatial[d]);
    const auto height = params.dims[1].input, width = params.dims[2].input;
    each([&](auto channel) {
      using V = decltype(load<opmath_t<T>>(input, channel));
      using I = integer_like_t<V>;
      V largest(limits<opmath_t<T>>::lower_bound());
      I index((ranges[0].first * height + ranges[1].first) * width + ranges[2].first);
      for_each_in(ranges, [&](std::int32_t d, std::int32_t h, std::int32_t w) {
        const std::int32_t here = (d * height + h) * width + w;
        const auto value = load<opmath_t<T>>(input + std::int64_t{here} * place.scale, channel);
        const auto larger = largest < value || is_nan(value);
        largest = select(larger, value, largest);
        index = select(larger, I(here), index);
      });
      store(static_cast<T*>(params.output) + place.position, channel, largest);
      store(params.index + place.position, channel, index);
    });
  }
};

template <class T>
struct MaxPoolBackward {
  template <class Each>
  static void at(const PoolParams& params, const PlanePlace& place, Each each) {
    using C = opmath_t<T>;
    const auto* gradient = static_cast<const T*>(params.input) + place.other;
    const auto* index = params.index + place.other;
    PoolRange ranges[3];
    for (int d = 0; d < 3; ++d) ranges[d] = windows_over(params, d, place.spatial[d]);
    const auto& dims = params.dims;
    const std::int32_t here =
        (place.spatial[0] * dims[1].input + place.spatial[1]) * dims[2].input + place.spatial[2];
    each([&](auto channel) {
      using V = decltype(load<C>(gradient, channel));
      using I = integer_like_t<V>;
      V sum(C(0));
      for_each_in(ranges, [&](std::int32_t d, std::int32_t h, std::int32_t w) {
        const std::int64_t window = std::int64_t{(d * dims[1].output + h) * dims[2].output + w} * place.scale;
        const auto value = load<C>(gradient + window, channel);
        sum += select(load_as<I>(index + window, channel) == I(here), value, V(C(0)));
      });
      store(static_cast<T*>(params.output) + place.position, channel, sum);
    });
  }
};

template <class T>
struct AvgPool {
  template <class Each>
  static void at(const PoolParams& params, const PlanePlace& place, Each each) {
    using C = opmath_t<T>;
    const auto* input = static_cast<const T*>(params.input) + place.other;
    PoolRange ranges[3];
    std::int32_t divisor = 1;
    for (int d = 0; d < 3; ++d) {
      ranges[d] = window_of(params, d, place.spatial[d]);
      divisor *= window_size(params, d, place.spatial[d]);
    }
    if (params.divisor != 0) divisor = params.divisor;
    each([&](auto channel) {
      decltype(load<C>(input, channel)) sum(C(0));
      for_each_in(ranges, [&](std::int32_t d, std::int32_t h, std::int32_t w) {
        const std::int64_t here = (d * params.dims[1].input + h) * params.dims[2].input + w;
        sum += load<C>(input + here * place.scale, channel);
      });
      store(static_cast<T*>(params.output) + place.position, channel, sum / static_cast<C>(divisor));
    });
  }
};

template <class T>
struct AvgPoolBackward {
  template <class Each>
  static void at(const PoolParams& params, const PlanePlace& place, Each each) {
    using C = opmath_t<T>;
    const auto* gradient = static_cast<const T*>(params.input) + place.other;
    PoolRange ranges[3];
    for (int d = 0; d < 3; ++d) ranges[d] = windows_over(params, d, place.spatial[d]);
    each([&](auto channel) {
      decltype(load<C>(gradient, channel)) sum(C(0));
      for_each_in(ranges, [&](std::int32_t d, std::int32_t h, std::int32_t w) {
        const std::int64_t window = (d * params.dims[1].output + h) * params.dims[2].output + w;
        const std::int32_t size =
            params.divisor != 0
                ? params.divisor
                : window_size(params, 0, d) * window_size(params, 1, h) * window_size(params, 2, w);
        sum += load<C>(gradient + window * place.scale, channel) / static_cast<C>(size);
      });
      store(static_cast<T*>(params.output) + place.position, channel, sum);
    });
  }
};

// Backward on a CPU, channels first: a work-item spreads the gradients of a plane's windows, in their order.
// Where windows overlap, sums are rounded to T as they grow.
template <class T, bool Max>
IPEX_KERNEL_OF_ONE void pool_spread(PoolParams params) {
  const std::int64_t plane = this_item().get_group(0);
  auto* output = static_cast<T*>(params.output) + plane * params.input_plane;
  const auto* gradient = static_cast<const T*>(params.input) + plane * params.output_plane;
  const auto* index = params.index + (Max ? plane * params.output_plane : 0);
  const auto add = [&](std::int64_t place, auto value) {
    output[place] = cast<T>(static_cast<opmath_t<T>>(output[place]) + value);
  };
  for (std::int32_t i = 0; i < params.input_plane; ++i) output[i] = T(0);
  if constexpr (Max) {
    for (std::int32_t i = 0; i < params.output_plane; ++i) {
      add(index[i], static_cast<opmath_t<T>>(gradient[i]));
    }
  } else {
    const auto& dims = params.dims;
    std::int64_t window = 0;
    for (std::int32_t d = 0; d < dims[0].output; ++d) {
      const auto depth = window_of(params, 0, d);
      for (std::int32_t h = 0; h < dims[1].output; ++h) {
        const auto height = window_of(params, 1, h);
        const std::int32_t size = window_size(params, 0, d) * window_size(params, 1, h);
        for (std::int32_t w = 0; w < dims[2].output; ++w, ++window) {
          const auto width = window_of(params, 2, w);
          const std::int32_t divisor =
              params.divisor != 0 ? params.divisor : size * window_size(params, 2, w);
          const auto value = static_cast<opmath_t<T>>(gradient[window]) / static_cast<opmath_t<T>>(divisor);
          for (auto z = depth.first; z < depth.end; z += depth.step) {
            for (auto y = height.first; y < height.end; y += height.step) {
              const std::int64_t row = (std::int64_t{z} * dims[1].input + y) * dims[2].input;
              for (auto x = width.first; x < width.end; x += width.step) add(row + x, value);
            }
          }
        }
      }
    }
  }
}

// Backward: the planes are those of the input's gradient.
template <template <class> class Pool>
inline constexpr bool is_backward = false;
template <>
inline constexpr bool is_backward<MaxPoolBackward> = true;
template <>
inline constexpr bool is_backward<AvgPoolBackward> = true;

template <template <class> class Pool>
inline std::int32_t other_plane(const PoolParams& params) {
  return is_backward<Pool> ? params.output_plane : params.input_plane;
}

template <template <class> class Pool, class T>
IPEX_KERNEL void pool(PoolParams params) {
  visit_element(params.planes, other_plane<Pool>(params),
                [&](const PlanePlace& place, auto each) { Pool<T>::at(params, place, each); });
}

// Channels last.
template <template <class> class Pool, class T>
IPEX_KERNEL void pool_rows(PoolParams params) {
  visit_places(SubGroupRows<opmath_t<T>>(), params.planes, other_plane<Pool>(params),
               [&](const PlanePlace& place, auto each) { Pool<T>::at(params, place, each); });
}
template <template <class> class Pool, class T>
IPEX_KERNEL_OF_ONE void pool_rows_by_packs(PoolParams params) {
  visit_places(PackRows<opmath_t<T>>(), params.planes, other_plane<Pool>(params),
               [&](const PlanePlace& place, auto each) { Pool<T>::at(params, place, each); });
}

}  // namespace ipex::kernels
