// What the host hands to the kernels of convolution.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"

namespace ipex::kernels {

// One spatial dimension of an image under a moving kernel: position p and tap k meet at the element
// (p * step + k * dilation - padding) / divisor, if that divides and is inside.
struct WindowDim {
  std::int32_t size;  // of the image
  std::int32_t step, dilation, padding;
  Divider divisor;
  Divider positions, taps;
};

// The elements of an image that each position of a kernel meets, as an operand of a matrix product: a
// position is (sample, 3 places), a tap is (channel, 3 places). Of windows every divisor is 1.
struct windows {
  const void* data;
  std::int64_t batch[2];  // strides, in elements, as the following
  std::int64_t sample, channel;
  std::int64_t spatial[3];
  WindowDim dims[3];
  bool sums_positions;  // the product sums over positions, not over taps
};
struct spread_windows : windows {};

// y of [samples, outputs, 3 spatial dimensions] from an image; a group of outputs depends on a group of
// channels.
struct DirectConvolutionParams {
  void* output;
  const void* weight;                      // [outputs, channels of a group, taps]
  const void* bias;                        // or null
  std::int64_t sample, channel, position;  // strides of the output, whose positions are dense
  windows image;
  std::int32_t outputs, group_outputs, group_channels, taps;
  std::int32_t positions;
  std::int32_t slices;  // of a row, in work-groups
};

}  // namespace ipex::kernels
