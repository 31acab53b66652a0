// What the host hands to the kernel of few_rows.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

constexpr int few_rows_most = 8;

// output[m, n] = sum over k of vectors[m, k] weights[n, k] + bias[n], for m < count. Strides are in elements;
// along the sum elements follow each other, and along n those of output and bias.
struct FewRowsParams {
  const void* vectors;
  const void* weights;
  const void* bias;  // or none
  void* output;
  std::int64_t vector_stride, weight_stride, output_stride;
  std::int64_t rows, depth;  // of the weights
  std::int64_t tile;         // rows that a work-item takes
  std::int32_t count;
};

}  // namespace ipex::kernels
