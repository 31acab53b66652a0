// The pointwise part of LSTM and GRU cells, forward and backward.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/rnn_params.hpp"

namespace ipex::kernels {

// The element of this work-item, and where its gates are.
struct RnnElement {
  int64_t row, column, hidden;
  bool exists() const { return column < hidden; }
  int64_t state() const { return row * hidden + column; }
  int64_t gate(int index, int gates) const { return (row * gates + index) * hidden + column; }
  int64_t bias(int index) const { return index * hidden + column; }
};

template <class Params>
inline RnnElement rnn_element(const Params& params) {
  const auto item = this_item();
  const auto group = static_cast<int64_t>(item.get_group(0));
  const int64_t row = group / params.groups_per_row;
  const int64_t first = (group - row * params.groups_per_row) * static_cast<int64_t>(item.get_local_range(0));
  return {row, first + static_cast<int64_t>(item.get_local_id(0)), params.hidden};
}

template <class T>
inline opmath_t<T> load(const void* data, int64_t index) {
  return static_cast<opmath_t<T>>(static_cast<const T*>(data)[index]);
}
template <class T>
inline opmath_t<T> load_or_zero(const void* data, int64_t index) {
  return data == nullptr ? opmath_t<T>(0) : load<T>(data, index);
}
template <class T>
inline void store(void* data, int64_t index, opmath_t<T> value) {
  static_cast<T*>(data)[index] = cast<T>(value);
}

// Gates in the order input, forget, cell, output.
template <class T>
IPEX_KERNEL void lstm_cell(RnnParams params) {
  using C = opmath_t<T>;
  const auto at = rnn_element(params);
  if (!at.exists()) return;
  C gate[4];
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    gate[k] = load<T>(params.input_gates, at.gate(k, 4)) + load<T>(params.hidden_gates, at.gate(k, 4)) +
              load_or_zero<T>(params.input_bias, at.bias(k)) +
              load_or_zero<T>(params.hidden_bias, at.bias(k));
    gate[k] = k == 2 ? math::tanh(gate[k]) : math::sigmoid(gate[k]);
    store<T>(params.workspace, at.gate(k, 4), gate[k]);
  }
  const C cell = gate[1] * load<T>(params.state, at.state()) + gate[0] * gate[2];
  store<T>(params.cell, at.state(), cell);
  store<T>(params.hidden_state, at.state(), gate[3] * math::tanh(cell));
}

template <class T>
IPEX_KERNEL void lstm_cell_backward(RnnBackwardParams params) {
  using C = opmath_t<T>;
  const auto at = rnn_element(params);
  if (!at.exists()) return;
  C gate[4];
#pragma unroll
  for (int k = 0; k < 4; ++k) gate[k] = load<T>(params.workspace, at.gate(k, 4));
  const C squashed = math::tanh(load<T>(params.cell, at.state()));
  const C from_hidden = load_or_zero<T>(params.hidden_gradient, at.state());
  const C gradient = from_hidden * gate[3] * (C(1) - squashed * squashed) +
                     load_or_zero<T>(params.cell_gradient, at.state());
  const C before = load<T>(params.state, at.state());
  const C of_gate[4] = {
      gradient * gate[2] * gate[0] * (C(1) - gate[0]), gradient * before * gate[1] * (C(1) - gate[1]),
      gradient * gate[0] * (C(1) - gate[2] * gate[2]), from_hidden * squashed * gate[3] * (C(1) - gate[3])};
#pragma unroll
  for (int k = 0; k < 4; ++k) store<T>(params.input_gates_gradient, at.gate(k, 4), of_gate[k]);
  store<T>(params.state_gradient, at.state(), gradient * gate[1]);
}

// Gates in the order reset, update, new.
template <class T>
IPEX_KERNEL void gru_cell(RnnParams params) {
  using C = opmath_t<T>;
  const auto at = rnn_element(params);
  if (!at.exists()) return;
  C input[3], hidden[3];
#pragma unroll
  for (int k = 0; k < 3; ++k) {
    input[k] = load<T>(params.input_gates, at.gate(k, 3)) + load_or_zero<T>(params.input_bias, at.bias(k));
    hidden[k] = load<T>(params.hidden_gates, at.gate(k, 3)) + load_or_zero<T>(params.hidden_bias, at.bias(k));
  }
  const C before = load<T>(params.state, at.state());
  const C reset = math::sigmoid(input[0] + hidden[0]);
  const C update = math::sigmoid(input[1] + hidden[1]);
  const C fresh = math::tanh(input[2] + reset * hidden[2]);
  store<T>(params.hidden_state, at.state(), fresh + update * (before - fresh));
  const C kept[5] = {reset, update, fresh, before, hidden[2]};
#pragma unroll
  for (int k = 0; k < 5; ++k) store<T>(params.workspace, at.gate(k, 5), kept[k]);
}

template <class T>
IPEX_KERNEL void gru_cell_backward(RnnBackwardParams params) {
  using C = opmath_t<T>;
  const auto at = rnn_element(params);
  if (!at.exists()) return;
  C kept[5];
#pragma unroll
  for (int k = 0; k < 5; ++k) kept[k] = load<T>(params.workspace, at.gate(k, 5));
  const C reset = kept[0], update = kept[1], fresh = kept[2], before = kept[3], hidden_part = kept[4];
  const C gradient = load<T>(params.hidden_gradient, at.state());
  const C of_fresh = gradient * (C(1) - update) * (C(1) - fresh * fresh);
  const C of_update = gradient * (before - fresh) * (C(1) - update) * update;
  const C of_reset = of_fresh * hidden_part * (C(1) - reset) * reset;
  const C of_input[3] = {of_reset, of_update, of_fresh};
  const C of_hidden[3] = {of_reset, of_update, of_fresh * reset};
#pragma unroll
  for (int k = 0; k < 3; ++k) {
    store<T>(params.input_gates_gradient, at.gate(k, 3), of_input[k]);
    store<T>(params.hidden_gates_gradient, at.gate(k, 3), of_hidden[k]);
  }
  store<T>(params.state_gradient, at.state(), gradient * update);
}

}  // namespace ipex::kernels
