// What the host hands to the kernels of resample.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/planes.hpp"

namespace ipex::kernels {

// How the coordinates of what is resized or padded (the input) and of the result (the output) correspond
// along a dimension.
struct ResampleAxis {
  std::int32_t input, output;
  std::int32_t padding;                 // before the input
  std::int32_t shift;                   // coordinates of the output are exactly this many bits longer, or -1
  bool centered;                        // coordinates are those of the elements' centers
  alignas(8) unsigned char scale[8];    // input per output, in the type of the computation
  alignas(8) unsigned char inverse[8];  // output per input, 0 if the scale is
};

struct ResampleParams {
  void* output;
  const void* input;
  PlaneRows rows;        // of `output`
  ResampleAxis axis[3];  // depth, height, width
};

}  // namespace ipex::kernels
