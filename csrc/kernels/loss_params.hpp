// What the host hands to the kernels of loss.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/fault.hpp"

namespace ipex::kernels {

// Log-probabilities [batch, classes, positions] and targets [batch, positions].
struct NllParams {
  const void* input;  // log-probabilities
  const std::int64_t* target;
  const void* weight;        // of the classes, or null
  const void* gradient;      // of each target's loss, or of the one that they are joined in
  const void* total_weight;  // divides the gradient, or null
  void* output;
  std::int64_t targets;
  std::int64_t classes;
  std::int64_t positions;
  std::int64_t ignore_index;
  bool one_gradient;
  Fault fault;  // raised by a target that is no class
};

}  // namespace ipex::kernels
