// What the host hands to the kernels of pool.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/planes.hpp"

namespace ipex::kernels {

struct PoolDim {
  std::int32_t input, output;
  std::int32_t kernel, stride, pad, dilation;
  Divider by_stride;
};

struct PoolParams {
  void* output;          // forward: the result; backward: the gradient of the input
  const void* input;     // forward: the input; backward: the gradient of the result
  std::int64_t* index;   // of each maximum within its plane
  Planes planes;         // of `output`
  bool adaptive;         // windows divide the input evenly; kernel, stride, pad and dilation mean nothing
  bool count_padding;    // an average divides by the padding too
  std::int32_t divisor;  // an average divides by this if it is not 0
  std::int32_t input_plane, output_plane;  // elements of a channel
  PoolDim dims[3];                         // depth, height, width
};

}  // namespace ipex::kernels
