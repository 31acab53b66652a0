// Convolutions without a library: as products of matrices of which one or both are read through the moving
// kernel, and directly where groups are so small that their matrices would be mere slivers.
#pragma once

#include "kernels/convolution_params.hpp"
#include "kernels/gemm.hpp"

namespace ipex::kernels {

// What a position or a tap adds to the place of an element.
struct WindowPlace {
  int64_t offset;
  int32_t place[3];
};

template <class T, class C, bool Spread>
struct WindowView {
  const windows& operand;
  const T* data;

  // The place of number `index`, of which size_of(dim) many lie along a dimension, the first at place_of(dim,
  // 0).
  template <class SizeOf, class PlaceOf>
  WindowPlace walk(uint32_t index, int64_t stride, SizeOf size_of, PlaceOf place_of) const {
    WindowPlace result;
#pragma unroll
    for (int d = 2; d >= 0; --d) {
      const auto& dim = operand.dims[d];
      uint32_t within = index;
      index = split(size_of(dim), within);
      result.place[d] = place_of(dim, static_cast<int32_t>(within));
    }
    result.offset = index * stride;
    add_offsets(result);
    return result;
  }

  WindowPlace position(uint32_t index) const {
    return walk(
        index, operand.sample, [](const WindowDim& dim) { return dim.positions; },
        [](const WindowDim& dim, int32_t within) { return within * dim.step - dim.padding; });
  }

  WindowPlace tap(uint32_t index) const {
    return walk(
        index, operand.channel, [](const WindowDim& dim) { return dim.taps; },
        [](const WindowDim& dim, int32_t within) { return within * dim.dilation; });
  }

  WindowPlace outer(int32_t index) const { return operand.sums_positions ? tap(index) : position(index); }
  WindowPlace inner(int32_t index) const { return operand.sums_positions ? position(index) : tap(index); }

  C load(const WindowPlace& a, const WindowPlace& b) const {
    int64_t offset = a.offset + b.offset;
    bool inside = true;
#pragma unroll
    for (int d = 0; d < 3; ++d) {
      auto place = static_cast<uint32_t>(a.place[d] + b.place[d]);
      if constexpr (Spread) {
        const auto& dim = operand.dims[d];
        inside = inside && place < 0x80000000u;
        const uint32_t quotient = split(dim.divisor, place);
        inside = inside && place == 0 && quotient < static_cast<uint32_t>(dim.size);
        offset += quotient * operand.spatial[d];
      } else {
        inside = inside && place < static_cast<uint32_t>(operand.dims[d].size);
      }
    }
    return inside ? cast<C>(data[offset]) : C(0);
  }

 private:
  void add_offsets(WindowPlace& place) const {
    if constexpr (!Spread) {
#pragma unroll
      for (int d = 0; d < 3; ++d) place.offset += place.place[d] * operand.spatial[d];
    }
  }
};

template <class T>
inline const T* batch_of(const windows& operand, int first_batch, int second_batch) {
  return static_cast<const T*>(operand.data) + first_batch * operand.batch[0] +
         second_batch * operand.batch[1];
}

template <class T, class C>
inline WindowView<T, C, false> view_of(const windows& operand, int first_batch, int second_batch) {
  return {operand, batch_of<T>(operand, first_batch, second_batch)};
}

template <class T, class C>
inline WindowView<T, C, true> view_of(const spread_windows& operand, int first_batch, int second_batch) {
  return {operand, batch_of<T>(operand, first_batch, second_batch)};
}

// Channels first: neighbouring positions are neighbours in memory.
inline bool inner_first(const windows& operand) { return operand.sums_positions; }

// A work-group has a slice of the positions of one output channel (channels first), or of the output channels
// of one position (channels last).
template <class T, bool Spread, bool ChannelsLast>
IPEX_KERNEL void convolve_direct(DirectConvolutionParams params) {
  using C = accumulator_t<T>;
  const auto item = this_item();
  const auto lane = static_cast<int32_t>(item.get_local_id(0));
  const auto width = static_cast<int32_t>(item.get_local_range(0));
  int64_t number = item.get_group(0);
  const auto within = static_cast<int32_t>(number % params.slices) * width + lane;
  number /= params.slices;
  const int32_t rows = ChannelsLast ? params.positions : params.outputs;
  const auto row = static_cast<int32_t>(number % rows);
  const auto sample = static_cast<int32_t>(number / rows);
  const int32_t output = ChannelsLast ? within : row, position = ChannelsLast ? row : within;
  if (within >= (ChannelsLast ? params.outputs : params.positions)) return;
  const int32_t group = output / params.group_outputs, first_channel = group * params.group_channels;
  const auto& image = params.image;
  const WindowView<T, C, Spread> view{
      image, static_cast<const T*>(image.data) + sample * image.sample + first_channel * image.channel};
  const int32_t taps = params.taps;
  const T* weight = static_cast<const T*>(params.weight) + int64_t{output} * params.group_channels * taps;
  const WindowPlace place = view.position(position);
  C sum(0);
  for (int32_t tap = 0; tap < params.group_channels * taps; ++tap) {
    sum += view.load(place, view.tap(tap)) * cast<C>(weight[tap]);
  }
  if (params.bias) sum += cast<C>(static_cast<const T*>(params.bias)[output]);
  static_cast<T*>(
      params.output)[sample * params.sample + output * params.channel + position * params.position] =
      cast<T>(sum);
}

}  // namespace ipex::kernels
