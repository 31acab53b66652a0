// What the host hands to the kernel of sampling.hpp.
#pragma once

#include <cstdint>

#include "kernels/random_params.hpp"

namespace ipex::kernels {

// Philox blocks that a call reserves for each of its elements: rejection ends long before, but for chances
// that are nothing.
constexpr std::int64_t sampling_draws = 1024;

struct SamplingParams {
  const void* first;   // the distribution's parameters, one each for every element
  const void* second;  // null where the distribution has one
  void* output;
  std::int64_t numel;
  PhiloxState state;
  Fault fault;  // raised by a parameter that the distribution does not take
};

}  // namespace ipex::kernels
