// What the host hands to the kernel of fractional.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

// Depth, height, width; what has no depth has depth 1.
struct FractionalParams {
  const void* input;
  const void* samples;  // [planes, spatial]
  void* output;
  std::int64_t* indices;
  std::int64_t numel;  // of the output
  std::int64_t input_sizes[3], output_sizes[3], window[3];
  int sample[3];  // which of a plane's samples belongs to the dimension, -1 for none
  int spatial;
};

}  // namespace ipex::kernels
