// What the host hands to the kernels of im2col.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"

namespace ipex::kernels {

// One spatial dimension of the sliding blocks.
struct SlidingDim {
  std::int32_t size;    // of the image
  std::int32_t blocks;  // that fit into it
  std::int32_t padding, dilation;
  Divider kernel, stride;
};

// `image` is [batch, channels, height, width] of any strides, `columns` the dense
// [batch, channels, kernel height, kernel width, block rows, block columns].
struct Im2colParams {
  void* output;
  const void* input;
  std::int64_t image_batch, image_channel;  // strides
  std::int32_t image_height, image_width;
  std::int32_t positions;  // blocks of a plane forward, elements of a plane backward
  Divider position_width;
  Divider channels;
  Divider slices;  // of the positions
  SlidingDim dims[2];
};

}  // namespace ipex::kernels
