// What the host hands to the kernels of rnn.hpp. Matrices are [batch, gates * hidden], dense.
#pragma once

#include <cstdint>

namespace ipex::kernels {

constexpr int rnn_group_size = 256;

struct RnnParams {
  std::int64_t hidden;
  std::int64_t groups_per_row;
  const void* input_gates;
  const void* hidden_gates;
  const void* input_bias;  // null for none, as hidden_bias
  const void* hidden_bias;
  const void* state;  // LSTM: the cell before; GRU: the hidden state before
  void* hidden_state;
  void* cell;       // LSTM only
  void* workspace;  // LSTM: the gates; GRU: reset, update, new, state, hidden part of new
};

struct RnnBackwardParams {
  std::int64_t hidden;
  std::int64_t groups_per_row;
  const void* hidden_gradient;  // null for zero, as cell_gradient
  const void* cell_gradient;    // LSTM only
  const void* state;            // LSTM: the cell before
  const void* cell;             // LSTM: the cell after
  const void* workspace;
  void* input_gates_gradient;
  void* hidden_gates_gradient;  // GRU only; for LSTM the input's
  void* state_gradient;
};

}  // namespace ipex::kernels
