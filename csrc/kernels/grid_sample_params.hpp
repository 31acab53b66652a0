// What the host hands to the kernels of grid_sample.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"

namespace ipex::kernels {

// What lies outside of the input.
enum class GridBoundary : std::int32_t { zeros, border, reflection };

// How a tensor of [batch, channels, depth, height, width] lies in memory, in elements.
struct GridStrides {
  std::int64_t batch, channel;
  std::int32_t spatial[3];
};

struct GridSampleParams {
  const void* input;
  const void* grid;  // [batch, depth, height, width, spatial]; `channel` is the stride between coordinates
  void* values;      // the output, or its gradient
  void* input_gradient;  // dense, in the type of the computation
  void* grid_gradient;   // dense
  GridStrides input_strides, grid_strides, value_strides;
  std::int32_t sizes[3];  // of the input: depth, height, width
  std::int32_t channels;
  std::int32_t spatial;  // dimensions, 2 or 3
  GridBoundary boundary;
  bool aligned;  // -1 and 1 are the centers of the outermost elements, not their outer edges
  // A work-item computes a position of the output, for `block` channels.
  std::int32_t block;
  std::uint32_t positions;  // in a sample
  Divider position_sizes[3];
  Divider slices;  // of the positions
  Divider blocks;  // of the channels
};

}  // namespace ipex::kernels
