// The update of all parameters of an optimizer in one kernel.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/tensor_table.hpp"
#include "kernels/optimizer_params.hpp"

namespace ipex::kernels {

// A rule holds what is the same for all elements of a tensor and updates the values of one element:
// parameter, gradient (already unscaled, its sign turned to descend), then the states.
namespace rule {

// Kingma and Ba, "Adam: a method for stochastic optimization" (2015); AdamW by Loshchilov and Hutter (2019).
template <class C, bool Amsgrad>
struct adam_rule {
  using Options = AdamOptions<C>;
  static constexpr int values = Amsgrad ? 5 : 4;
  Options options;
  C rate, step_size, root_correction;

  adam_rule(const Options& given, C learning_rate, const float* step) : options(given), rate(learning_rate) {
    const C steps = static_cast<C>(*step);
    step_size = rate / -math::expm1(steps * options.log_beta1);
    root_correction = math::sqrt(-math::expm1(steps * options.log_beta2));
  }

  void operator()(C* value) const {
    C gradient = value[1];
    if (options.decoupled) {
      value[0] -= rate * options.weight_decay * value[0];
    } else {
      gradient += options.weight_decay * value[0];
    }
    value[2] = options.beta1 * value[2] + options.rest1 * gradient;
    value[3] = options.beta2 * value[3] + options.rest2 * gradient * gradient;
    C second = value[3];
    if constexpr (Amsgrad) second = value[4] = math::maximum(value[4], second);
    value[0] -= step_size * value[2] / (math::sqrt(second) / root_correction + options.epsilon);
  }
};

template <class C>
using adam = adam_rule<C, false>;
template <class C>
using adam_amsgrad = adam_rule<C, true>;

template <class C, bool Momentum>
struct sgd_rule {
  using Options = SgdOptions<C>;
  static constexpr int values = Momentum ? 3 : 2;
  Options options;
  C rate;

  sgd_rule(const Options& given, C learning_rate, const float*) : options(given), rate(learning_rate) {}

  void operator()(C* value) const {
    C gradient = value[1] + options.weight_decay * value[0];
    if constexpr (Momentum) {
      value[2] =
          options.first_step ? gradient : options.momentum * value[2] + options.rest_dampening * gradient;
      gradient = options.nesterov ? gradient + options.momentum * value[2] : value[2];
    }
    value[0] -= rate * gradient;
  }
};

template <class C>
using sgd = sgd_rule<C, false>;
template <class C>
using sgd_momentum = sgd_rule<C, true>;

// Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011).
template <class C>
struct adagrad {
  using Options = AdagradOptions<C>;
  static constexpr int values = 3;
  Options options;
  C rate;

  adagrad(const Options& given, C learning_rate, const float* step)
      : options(given), rate(learning_rate / (C(1) + (static_cast<C>(*step) - C(1)) * given.rate_decay)) {}

  void operator()(C* value) const {
    const C gradient = value[1] + options.weight_decay * value[0];
    value[2] += gradient * gradient;
    value[0] -= rate * gradient / (math::sqrt(value[2]) + options.epsilon);
  }
};

}  // namespace rule

template <class C>
inline C learning_rate(const OptimizerParams& params) {
  if (params.rate_on_device != nullptr) return static_cast<C>(*params.rate_on_device);
  if constexpr (std::is_same_v<C, double>) {
    return params.rate;
  } else {
    return params.single_rate;
  }
}

template <template <class> class Rule, class T>
IPEX_KERNEL void optimizer_step(OptimizerParams params) {
  using C = opmath_t<T>;
  using R = Rule<C>;
  if (params.found_inf != nullptr && *params.found_inf == 1.0f) return;
  const auto& table = *params.table;
  const auto chunk = this_chunk(table);
  const R rule(*reinterpret_cast<const typename R::Options*>(params.options), learning_rate<C>(params),
               slot_pointer<const float>(table, chunk.tensor, R::values));
  T* data[R::values];
  for (int k = 0; k < R::values; ++k) data[k] = slot_pointer<T>(table, chunk.tensor, k);
  const bool scaled = params.gradient_scale != nullptr;
  const C scale = scaled ? static_cast<C>(*params.gradient_scale) : C(1);
  const bool maximize = params.maximize;

  for_each_element(chunk, params, [&](int64_t base, uint32_t lane) {
    C value[R::values];
#pragma unroll
    for (int k = 0; k < R::values; ++k) value[k] = static_cast<C>((data[k] + base)[lane]);
    if (scaled) {
      value[1] /= scale;
      (data[1] + base)[lane] = cast<T>(value[1]);
    }
    if (maximize) value[1] = -value[1];
    rule(value);
    (data[0] + base)[lane] = cast<T>(value[0]);
#pragma unroll
    for (int k = 2; k < R::values; ++k) (data[k] + base)[lane] = cast<T>(value[k]);
  });
}

}  // namespace ipex::kernels
