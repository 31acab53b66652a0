// Negative log likelihood of each target, and its gradient. A target that is no class is a fault, and gives
// NaN. The joined loss is a reduction: op::nll_sum, op::nll_mean.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/loss_params.hpp"

namespace ipex::kernels {

// Calls function(number of the target, its offset among the log-probabilities, the target, whether it is a
// class). The offset of a target that is no class is that of class 0.
template <class Function>
inline void for_each_target(const NllParams& params, Function function) {
  const auto item = this_item();
  const int64_t step = item.get_global_range(0);
  for (int64_t i = item.get_global_id(0); i < params.targets; i += step) {
    const int64_t target = params.target[i];
    const bool exists = target >= 0 && target < params.classes;
    const int64_t batch = i / params.positions;
    const int64_t position = i - batch * params.positions;
    const int64_t offset = (batch * params.classes + (exists ? target : 0)) * params.positions + position;
    function(i, offset, target, exists);
  }
}

template <class In>
IPEX_KERNEL void nll_each(NllParams params) {
  using T = opmath_t<In>;
  for_each_target(params, [&](int64_t i, int64_t offset, int64_t target, bool exists) {
    T loss = limits<T>::quiet_nan();
    if (target == params.ignore_index) {
      loss = T(0);
    } else if (exists) {
      const T weight =
          params.weight == nullptr ? T(1) : cast<T>(static_cast<const In*>(params.weight)[target]);
      loss = -weight * cast<T>(static_cast<const In*>(params.input)[offset]);
    } else {
      params.fault.raise();
    }
    static_cast<In*>(params.output)[i] = cast<In>(loss);
  });
}

// Adds nothing where a target is ignored: the output is zero already.
template <class In>
IPEX_KERNEL void nll_backward(NllParams params) {
  using T = opmath_t<In>;
  for_each_target(params, [&](int64_t i, int64_t offset, int64_t target, bool exists) {
    if (target == params.ignore_index) return;
    T gradient = limits<T>::quiet_nan();
    if (exists) {
      const T weight =
          params.weight == nullptr ? T(1) : cast<T>(static_cast<const In*>(params.weight)[target]);
      gradient = -weight * cast<T>(static_cast<const In*>(params.gradient)[params.one_gradient ? 0 : i]);
      if (params.total_weight != nullptr) gradient /= cast<T>(static_cast<const In*>(params.total_weight)[0]);
    } else {
      params.fault.raise();
    }
    static_cast<In*>(params.output)[offset] = cast<In>(gradient);
  });
}

}  // namespace ipex::kernels
