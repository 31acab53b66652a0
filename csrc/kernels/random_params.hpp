// What the host hands to the kernels of random.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/fault.hpp"

namespace ipex::kernels {

// Element e takes number (e / stride) % count of a Philox block, so neighbours come from neighbouring blocks:
// work-items of a sub-group write neighbouring elements. Part of what a seed means; not a matter of tuning.
constexpr std::int64_t random_stride = 256;

struct PhiloxState {
  std::uint64_t seed;
  std::uint64_t offset;
};

struct RandomParams {
  void* output;
  std::int64_t numel;
  PhiloxState state;
  alignas(16) unsigned char arguments[16];  // the distribution's members
};

struct BernoulliParams {
  void* output;
  const void* probability;
  std::int64_t numel;
  PhiloxState state;
  Fault fault;  // raised by what is no probability
};

struct DropoutParams {
  const void* input;
  void* output;
  bool* mask;
  std::int64_t numel;
  PhiloxState state;
  std::uint64_t keep_below;  // of 2^32: what a number must be below for its element to stay
  float scale;
};

struct PermutationParams {
  void* output;
  std::uint64_t numel;
  PhiloxState state;
  std::uint32_t low_bits;  // the network permutes the numbers of low_bits + high_bits bits
  std::uint32_t high_bits;
};

}  // namespace ipex::kernels
