// What the host hands to the kernels of segment.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

enum class SegmentReduction : int { sum, mean, max, min, prod };

// Data are [outer, length, inner]; segment s of a line is elements offsets[s] to offsets[s + 1].
struct SegmentParams {
  const void* data;
  const std::int64_t* offsets;  // [outer, segments + 1]
  void* output;                 // [outer, segments, inner]
  const void* gradient;         // of the output
  void* data_gradient;
  std::int64_t outer, length, inner, segments;
  SegmentReduction reduction;
  bool has_initial;
  float initial;
};

}  // namespace ipex::kernels
