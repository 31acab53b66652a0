// Connectionist temporal classification (Graves et al., 2006). A sequence's states are its labels with blanks
// around them; a work-group walks through its time, its work-items side by side along the states.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/ctc_params.hpp"

namespace ipex::kernels {

template <class T>
inline T log_add(T a, T b) {
  const T larger = sycl::fmax(a, b);
  return larger == -limits<T>::infinity() ? larger : larger + math::log1p(math::exp(-sycl::fabs(a - b)));
}

// One sequence of the batch.
template <class T>
struct CtcSequence {
  const CtcParams& params;
  int64_t number, length, states;
  const int64_t* labels;

  CtcSequence(const CtcParams& all, int64_t sequence) : params(all), number(sequence) {
    length = params.lengths[sequence];
    states = 2 * params.lengths[params.batch + sequence] + 1;
    labels = params.labels + params.lengths[2 * params.batch + sequence];
  }

  int64_t label(int64_t state) const {
    const int64_t label = state % 2 == 0 ? params.blank : labels[state / 2];
    if (label >= 0 && label < params.classes) return label;
    params.fault.raise();
    return params.blank;
  }
  T log_prob(int64_t time, int64_t state) const {
    const auto* row =
        static_cast<const T*>(params.log_probs) + (time * params.batch + number) * params.classes;
    return row[label(state)];
  }
  // Two states further is one step where no blank must separate them.
  bool can_skip(int64_t state, int64_t other) const { return state % 2 == 1 && label(state) != label(other); }
  T* row(void* table, int64_t time) const {
    return static_cast<T*>(table) + (number * params.time + time) * params.states;
  }
};

// What precedes each state: alpha, and the loss.
template <class T>
IPEX_KERNEL void ctc_forward(CtcParams params) {
  constexpr T never = -limits<T>::infinity();
  const auto item = this_item();
  const CtcSequence<T> sequence(params, item.get_group(0));
  const int64_t local = item.get_local_id(0), width = item.get_local_range(0);
  for (int64_t time = 0; time < sequence.length; ++time) {
    auto* now = sequence.row(params.alpha, time);
    const auto* before = now - params.states;
    for (int64_t state = local; state < sequence.states; state += width) {
      T sum = never;
      if (time == 0) {
        sum = state < 2 ? T(0) : never;
      } else {
        sum = before[state];
        if (state > 0) sum = log_add(sum, before[state - 1]);
        if (state > 1 && sequence.can_skip(state, state - 2)) sum = log_add(sum, before[state - 2]);
      }
      now[state] = sum == never ? never : sum + sequence.log_prob(time, state);
    }
    sycl::group_barrier(item.get_group());
  }
  if (local != 0) return;
  T total = sequence.states == 1 ? T(0) : never;
  if (sequence.length > 0) {
    const auto* last = sequence.row(params.alpha, sequence.length - 1);
    total = last[sequence.states - 1];
    if (sequence.states > 1) total = log_add(total, last[sequence.states - 2]);
  }
  static_cast<T*>(params.loss)[sequence.number] = -total;
}

// What follows each state: beta.
template <class T>
IPEX_KERNEL void ctc_backward(CtcParams params) {
  constexpr T never = -limits<T>::infinity();
  const auto item = this_item();
  const CtcSequence<T> sequence(params, item.get_group(0));
  const int64_t local = item.get_local_id(0), width = item.get_local_range(0);
  for (int64_t time = sequence.length - 1; time >= 0; --time) {
    auto* now = sequence.row(params.beta, time);
    const auto* after = now + params.states;
    for (int64_t state = local; state < sequence.states; state += width) {
      T sum = never;
      if (time == sequence.length - 1) {
        sum = state + 2 >= sequence.states ? T(0) : never;
      } else {
        sum = after[state];
        if (state + 1 < sequence.states) sum = log_add(sum, after[state + 1]);
        if (state + 2 < sequence.states && sequence.can_skip(state, state + 2)) {
          sum = log_add(sum, after[state + 2]);
        }
      }
      now[state] = sum == never ? never : sum + sequence.log_prob(time, state);
    }
    sycl::group_barrier(item.get_group());
  }
}

// A work-item for each sequence and time: the gradient of a row of log-probabilities. The row first gathers
// the log-probability of being at each class.
template <class T>
IPEX_KERNEL void ctc_gradient(CtcParams params) {
  constexpr T never = -limits<T>::infinity();
  const int64_t index = this_item().get_global_id(0);
  if (index >= params.time * params.batch) return;
  const int64_t time = index / params.batch;
  const CtcSequence<T> sequence(params, index - time * params.batch);
  auto* row = static_cast<T*>(params.input_gradient) + index * params.classes;
  const auto* log_probs = static_cast<const T*>(params.log_probs) + index * params.classes;
  const T loss = static_cast<const T*>(params.loss)[sequence.number];
  const T gradient = static_cast<const T*>(params.gradient)[sequence.number * params.gradient_stride];
  const bool vanishes = time >= sequence.length || (params.zero_infinity && loss == -never);
  for (int64_t c = 0; c < params.classes; ++c) row[c] = vanishes ? T(0) : never;
  if (vanishes) return;
  const auto* alpha = sequence.row(params.alpha, time);
  const auto* beta = sequence.row(params.beta, time);
  for (int64_t state = 0; state < sequence.states; ++state) {
    auto& at = row[sequence.label(state)];
    at = log_add(at, alpha[state] + beta[state]);
  }
  for (int64_t c = 0; c < params.classes; ++c) {
    row[c] = (math::exp(log_probs[c]) - math::exp(row[c] + loss - log_probs[c])) * gradient;
  }
}

}  // namespace ipex::kernels
