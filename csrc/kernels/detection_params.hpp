// What the host hands to the kernels of detection.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

constexpr int nms_word = 64;  // boxes whose overlaps one word of bits tells
constexpr int nms_group = 256;

// Boxes are [count, 4]: left, top, right, bottom; the best come first.
struct NmsParams {
  const void* boxes;
  std::uint64_t* overlaps;  // [count, words]: the worse boxes that each one covers
  std::uint64_t* removed;   // [words], zeros
  bool* keep;               // [count]
  std::int64_t count, words;
  float threshold;
};

struct BoxParams {
  const void* locations;  // [boxes, 4]: offsets of the center, logarithms of the size
  const void* priors;     // [boxes, 4]: center and size
  void* boxes;            // [boxes, 4]: corners
  std::int64_t count;
  std::int64_t prior_count;  // priors repeat
  float center_variance, size_variance;
};

// Regions are [regions, 5]: the number of the image, left, top, right, bottom.
struct RoiParams {
  const void* image;  // [batch, channels, height, width]
  const void* regions;
  void* output;        // [regions, channels, pooled height, pooled width]
  void* gradient;      // of the image
  std::int64_t numel;  // of the output
  std::int64_t batch, channels, height, width, pooled_height, pooled_width, sampling;
  float scale;
  bool aligned;
};

}  // namespace ipex::kernels
