// What the host hands to the kernels of range.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

constexpr int range_items = 4;

// start, end, step and base in the computation's type.
struct RangeParams {
  void* output;
  std::int64_t numel;
  alignas(16) unsigned char start[16];
  alignas(16) unsigned char end[16];
  alignas(16) unsigned char step[16];
  alignas(16) unsigned char base[16];
};

}  // namespace ipex::kernels
