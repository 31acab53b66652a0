// What the host hands to the kernels of compact.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

constexpr int compact_group = 256;
// Consecutive elements of a mask that one work-item looks at: a cache line.
constexpr int compact_items = 64;
constexpr int compact_tile = compact_group * compact_items;
constexpr int compact_max_dims = 16;

struct CompactParams {
  const bool* mask;  // dense
  std::int64_t numel;
  std::int64_t* counts;     // [1 + groups]: 0, then each group's count; scanned before positions are written
  std::int64_t* positions;  // [capacity, dims]: the coordinates of true elements
  std::int64_t capacity;
  int dims;
  std::int64_t sizes[compact_max_dims];
};

}  // namespace ipex::kernels
