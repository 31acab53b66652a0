// What the host hands to the kernels of ctc.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/fault.hpp"

namespace ipex::kernels {

constexpr int ctc_group = 64;

struct CtcParams {
  const void* log_probs;        // [time, batch, classes]
  const std::int64_t* labels;   // of every sequence, at their offsets
  const std::int64_t* lengths;  // [3, batch]: of the input, of the labels, and the labels' offsets
  void* alpha;                  // [batch, time, states]: log-probability of each state's beginning
  void* beta;                   // [batch, time, states]: and of its end
  void* loss;                   // [batch]
  const void* gradient;         // [batch], of the loss
  void* input_gradient;         // [time, batch, classes]
  std::int64_t time, batch, classes, states, blank;
  std::int64_t gradient_stride;
  bool zero_infinity;
  Fault fault;  // raised by a label that is no class
};

}  // namespace ipex::kernels
