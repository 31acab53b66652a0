// Sampling planes at the places a grid names. Each dimension gives a few elements with weights, and how these
// change with the place; their products are the interpolation and its gradients.
#pragma once

#include "kernels/core/atomic.hpp"
#include "kernels/core/cubic.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/types.hpp"
#include "kernels/grid_sample_params.hpp"

namespace ipex::kernels {

template <class C>
struct GridCoordinate {
  C place;  // among the elements of a dimension
  C slope;  // what it changes by with the grid's number
};

template <class C>
inline GridCoordinate<C> reflect_between(C place, C low, C span) {
  if (!(span > 0)) return {C(0), C(0)};
  const C distance = sycl::fabs(place - low);
  const C within = sycl::fmod(distance, span), flips = sycl::floor(distance / span);
  const bool even = flips == C(2) * sycl::floor(flips / C(2));
  const C slope = (place < low) == even ? C(-1) : C(1);
  return {(even ? within : span - within) + low, slope};
}

// `place` where the boundary leaves it. NaN becomes the first element.
template <class C>
inline GridCoordinate<C> bounded(const GridSampleParams& params, C place, std::int32_t size) {
  if (params.boundary == GridBoundary::zeros) return {place, C(1)};
  GridCoordinate<C> result{place, C(1)};
  const C last = static_cast<C>(size - 1);
  if (params.boundary == GridBoundary::reflection) {
    result = params.aligned ? reflect_between(place, C(0), last)
                            : reflect_between(place, C(-0.5), static_cast<C>(size));
  }
  if (!(result.place > 0)) return {C(0), C(0)};
  if (result.place >= last) return {last, C(0)};
  return result;
}

template <class C>
inline GridCoordinate<C> unbounded(const GridSampleParams& params, C number, std::int32_t size) {
  const C elements = static_cast<C>(params.aligned ? size - 1 : size);
  const C place = (number + C(1)) * (elements / C(2));
  return {params.aligned ? place : place - C(0.5), elements / C(2)};
}

template <class C, int Taps>
struct GridTaps {
  std::int32_t index[Taps];  // -1 for outside
  C weight[Taps];
  C slope[Taps];

  void set_index(int k, C place, std::int32_t size) {
    index[k] = place >= 0 && place < static_cast<C>(size) ? static_cast<std::int32_t>(place) : -1;
  }
};

namespace op {

template <class C>
struct grid_nearest {
  static constexpr int taps = 1;

  static GridTaps<C, 1> at(const GridSampleParams& params, C number, std::int32_t size) {
    const auto place = bounded(params, unbounded(params, number, size).place, size).place;
    GridTaps<C, 1> result;
    result.set_index(0, sycl::rint(place), size);
    result.weight[0] = 1;
    result.slope[0] = 0;
    return result;
  }
};

template <class C>
struct grid_linear {
  static constexpr int taps = 2;

  static GridTaps<C, 2> at(const GridSampleParams& params, C number, std::int32_t size) {
    const auto free = unbounded(params, number, size);
    const auto coordinate = bounded(params, free.place, size);
    const C before = sycl::floor(coordinate.place), slope = free.slope * coordinate.slope;
    GridTaps<C, 2> result;
    result.set_index(0, before, size);
    result.set_index(1, before + C(1), size);
    result.weight[1] = coordinate.place - before;
    result.weight[0] = C(1) - result.weight[1];
    result.slope[0] = -slope;
    result.slope[1] = slope;
    return result;
  }
};

// The boundary is that of the elements, not of the place between them.
template <class C>
struct grid_cubic {
  static constexpr int taps = 4;

  static GridTaps<C, 4> at(const GridSampleParams& params, C number, std::int32_t size) {
    const auto coordinate = unbounded(params, number, size);
    const C second = sycl::floor(coordinate.place);
    GridTaps<C, 4> result;
    cubic_weights(coordinate.place - second, result.weight);
    cubic_slopes(coordinate.place - second, result.slope);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      result.set_index(k, bounded(params, second + static_cast<C>(k - 1), size).place, size);
      result.slope[k] *= coordinate.slope;
    }
    return result;
  }
};

}  // namespace op

// The elements that position (d, h, w) of the grid takes of each plane.
template <class T, template <class> class Mode>
struct GridPoint {
  using C = opmath_t<T>;
  static constexpr int taps = Mode<C>::taps;

  GridTaps<C, taps> axis[3];  // depth, height, width
  bool deep;

  // Two dimensions are one plane of three.
  GridPoint(const GridSampleParams& params, const T* grid) : deep(params.spatial == 3) {
    const std::int64_t next = params.grid_strides.channel;
    axis[2] = Mode<C>::at(params, static_cast<C>(grid[0]), params.sizes[2]);
    axis[1] = Mode<C>::at(params, static_cast<C>(grid[next]), params.sizes[1]);
    if (deep) {
      axis[0] = Mode<C>::at(params, static_cast<C>(grid[2 * next]), params.sizes[0]);
    } else {
      axis[0].index[0] = 0;
      axis[0].weight[0] = 1;
      axis[0].slope[0] = 0;
    }
  }

  // visit(a, b, c, offset) for each tap; an offset of -1 is outside.
  template <class Visit>
  void for_each(const std::int32_t (&strides)[3], Visit visit) const {
#pragma unroll
    for (int a = 0; a < taps; ++a) {
      if (a > 0 && !deep) break;
#pragma unroll
      for (int b = 0; b < taps; ++b) {
#pragma unroll
        for (int c = 0; c < taps; ++c) {
          const auto d = axis[0].index[a], h = axis[1].index[b], w = axis[2].index[c];
          const bool inside = d >= 0 && h >= 0 && w >= 0;
          visit(a, b, c, inside ? d * strides[0] + h * strides[1] + w * strides[2] : -1);
        }
      }
    }
  }

  C weight(int a, int b, int c) const { return axis[0].weight[a] * axis[1].weight[b] * axis[2].weight[c]; }
};

// A work-item's part: one position of one sample's output, some channels.
struct GridItem {
  std::uint32_t sample;
  std::uint32_t block;
  std::uint32_t position;
  std::int32_t spatial[3];
};

inline void set_position(const GridSampleParams& params, GridItem& item, std::uint32_t position) {
  item.position = position;
#pragma unroll
  for (int d = 2; d >= 0; --d) {
    std::uint32_t within = position;
    position = split(params.position_sizes[d], within);
    item.spatial[d] = static_cast<std::int32_t>(within);
  }
}

inline GridItem this_grid_item(const GridSampleParams& params) {
  const auto work_item = this_item();
  GridItem item;
  auto slice = static_cast<std::uint32_t>(work_item.get_group(0));
  item.block = split(params.slices, slice);
  item.sample = split(params.blocks, item.block);
  const auto width = static_cast<std::uint32_t>(work_item.get_local_range(0));
  set_position(params, item, slice * width + static_cast<std::uint32_t>(work_item.get_local_id(0)));
  return item;
}

inline std::int32_t offset_of(const GridStrides& strides, const GridItem& item) {
  return item.spatial[0] * strides.spatial[0] + item.spatial[1] * strides.spatial[1] +
         item.spatial[2] * strides.spatial[2];
}

template <class T>
inline const T* grid_number(const GridSampleParams& params, const GridItem& item) {
  return static_cast<const T*>(params.grid) + item.sample * params.grid_strides.batch +
         offset_of(params.grid_strides, item);
}

template <class T, template <class> class Mode>
IPEX_KERNEL void grid_sample(GridSampleParams params) {
  using C = opmath_t<T>;
  const auto item = this_grid_item(params);
  if (item.position >= params.positions) return;
  const GridPoint<T, Mode> point(params, grid_number<T>(params, item));
  const auto place = offset_of(params.value_strides, item);
  const auto* input = static_cast<const T*>(params.input) + item.sample * params.input_strides.batch;
  auto* values = static_cast<T*>(params.values) + item.sample * params.value_strides.batch;
  const std::int32_t first = static_cast<std::int32_t>(item.block) * params.block;
  for (std::int32_t k = 0; k < params.block; ++k) {
    const std::int64_t channel = first + k;
    if (channel >= params.channels) return;
    const auto* plane = input + channel * params.input_strides.channel;
    C sum = 0;
    point.for_each(params.input_strides.spatial, [&](int a, int b, int c, std::int32_t offset) {
      sum += point.weight(a, b, c) * (offset < 0 ? C(0) : static_cast<C>(plane[offset]));
    });
    (values + channel * params.value_strides.channel)[place] = cast<T>(sum);
  }
}

template <class T, template <class> class Mode>
IPEX_KERNEL void grid_sample_backward_grid(GridSampleParams params) {
  using C = opmath_t<T>;
  const auto item = this_grid_item(params);
  if (item.position >= params.positions) return;
  const GridPoint<T, Mode> point(params, grid_number<T>(params, item));
  const auto place = offset_of(params.value_strides, item);
  const auto* input = static_cast<const T*>(params.input) + item.sample * params.input_strides.batch;
  const auto* values = static_cast<const T*>(params.values) + item.sample * params.value_strides.batch;
  C width = 0, height = 0, depth = 0;
  for (std::int32_t channel = 0; channel < params.channels; ++channel) {
    const auto* plane = input + channel * params.input_strides.channel;
    const C gradient = static_cast<C>((values + channel * params.value_strides.channel)[place]);
    point.for_each(params.input_strides.spatial, [&](int a, int b, int c, std::int32_t offset) {
      const C value = gradient * (offset < 0 ? C(0) : static_cast<C>(plane[offset]));
      const auto& [d, h, w] = point.axis;
      width += value * (d.weight[a] * h.weight[b] * w.slope[c]);
      height += value * (d.weight[a] * h.slope[b] * w.weight[c]);
      depth += value * (d.slope[a] * h.weight[b] * w.weight[c]);
    });
  }
  auto* output = static_cast<T*>(params.grid_gradient) +
                 (std::int64_t{item.sample} * params.positions + item.position) * params.spatial;
  output[0] = cast<T>(width);
  output[1] = cast<T>(height);
  if (point.deep) output[2] = cast<T>(depth);
}

// Positions in any order, added by atomics.
template <class T, template <class> class Mode>
IPEX_KERNEL void grid_sample_scatter(GridSampleParams params) {
  using C = opmath_t<T>;
  const auto item = this_grid_item(params);
  if (item.position >= params.positions) return;
  const GridPoint<T, Mode> point(params, grid_number<T>(params, item));
  const auto place = offset_of(params.value_strides, item);
  const auto* values = static_cast<const T*>(params.values) + item.sample * params.value_strides.batch;
  const std::int32_t plane_strides[] = {params.sizes[1] * params.sizes[2], params.sizes[2], 1};
  const std::int64_t plane_size = std::int64_t{params.sizes[0]} * plane_strides[0];
  const std::int32_t first = static_cast<std::int32_t>(item.block) * params.block;
  for (std::int32_t k = 0; k < params.block; ++k) {
    const std::int64_t channel = first + k;
    if (channel >= params.channels) return;
    auto* plane = static_cast<C*>(params.input_gradient) +
                  (std::int64_t{item.sample} * params.channels + channel) * plane_size;
    const C gradient = static_cast<C>((values + channel * params.value_strides.channel)[place]);
    point.for_each(plane_strides, [&](int a, int b, int c, std::int32_t offset) {
      if (offset >= 0) atomic_add(plane + offset, gradient * point.weight(a, b, c));
    });
  }
}

// A work-item adds to a plane of its own, position after position: the same sums every time.
template <class T, template <class> class Mode>
IPEX_KERNEL void grid_sample_accumulate(GridSampleParams params) {
  using C = opmath_t<T>;
  const auto work_item = this_item();
  GridItem item;
  item.block = static_cast<std::uint32_t>(work_item.get_group(0));
  item.sample = split(params.blocks, item.block);
  const std::int64_t channel =
      std::int64_t{item.block} * params.block + static_cast<std::int64_t>(work_item.get_local_id(0));
  if (channel >= params.channels) return;
  const auto* values = static_cast<const T*>(params.values) + item.sample * params.value_strides.batch +
                       channel * params.value_strides.channel;
  const std::int32_t plane_strides[] = {params.sizes[1] * params.sizes[2], params.sizes[2], 1};
  auto* plane = static_cast<C*>(params.input_gradient) +
                (std::int64_t{item.sample} * params.channels + channel) * params.sizes[0] * plane_strides[0];
  for (std::uint32_t position = 0; position < params.positions; ++position) {
    set_position(params, item, position);
    const GridPoint<T, Mode> point(params, grid_number<T>(params, item));
    const C gradient = static_cast<C>(values[offset_of(params.value_strides, item)]);
    point.for_each(plane_strides, [&](int a, int b, int c, std::int32_t offset) {
      if (offset >= 0) plane[offset] += gradient * point.weight(a, b, c);
    });
  }
}

}  // namespace ipex::kernels
