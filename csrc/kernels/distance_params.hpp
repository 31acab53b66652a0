// What the host hands to the kernels of distance.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

// Distances of the rows of two matrices, for each of a batch; of pairs of rows of one matrix, each pair once,
// where the kernel's template says so. All are dense.
struct DistanceParams {
  void* output;
  const void* first;   // [batch, first_rows, depth]
  const void* second;  // forward [batch, depth, second_rows], backward [batch, second_rows, depth]
  const void* gradient;
  const void* distance;
  std::int32_t first_rows, second_rows, depth;
  std::int32_t slices;  // of a row of the output, in work-groups
  alignas(8) unsigned char exponent[8];
};

}  // namespace ipex::kernels
