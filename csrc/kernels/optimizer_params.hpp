// What the host hands to the kernels of optimizer.hpp.
#pragma once

#include "kernels/foreach_params.hpp"

namespace ipex::kernels {

// Options of each rule, in the type its parameters are updated in.
template <class C>
struct AdamOptions {
  C beta1, beta2;
  C rest1, rest2;          // 1 - beta
  C log_beta1, log_beta2;  // for 1 - beta^step without cancellation
  C weight_decay;
  C epsilon;
  bool decoupled;  // AdamW: the decay acts on the parameter, not on its gradient
};

template <class C>
struct SgdOptions {
  C weight_decay;
  C momentum;
  C rest_dampening;  // 1 - dampening
  bool nesterov;
  bool first_step;
};

template <class C>
struct AdagradOptions {
  C rate_decay;
  C weight_decay;
  C epsilon;
};

// Slots: parameter, gradient, the rule's states, the step counter.
struct OptimizerParams : TableParams {
  double rate;        // learning rate, unless it lives on the device
  float single_rate;  // the same for kernels that may not use double
  const float* rate_on_device;
  const float* gradient_scale;  // what gradients are divided by; null for none
  const float* found_inf;       // where it is 1 nothing is updated; null for none
  bool maximize;
  alignas(8) unsigned char options[sizeof(AdamOptions<double>)];
};

}  // namespace ipex::kernels
