#pragma once

#include <ATen/core/Tensor.h>

namespace ipex::onednn {

// The kinds of layers, numbered as PyTorch numbers its modes.
enum class Recurrence : std::int64_t { rnn_relu = 0, rnn_tanh = 1, lstm = 2, gru = 3 };

// How many matrices a weight is made of.
constexpr std::int64_t gates_of(Recurrence kind) {
  return kind == Recurrence::lstm ? 4 : kind == Recurrence::gru ? 3 : 1;
}
// How many vectors the library's bias is made of.
constexpr std::int64_t biases_of(Recurrence kind) { return kind == Recurrence::gru ? 4 : gates_of(kind); }

// Why the library does not run recurrent layers of this dtype on this device; null if it does.
const char* recurrent_refusal(const c10::Device& device, c10::ScalarType dtype);

// One layer in one direction. Sequences are time x batch x features, states batch x features, weights [gates
// * hidden, features]. The gates of an LSTM are input, forget, cell, output; of a GRU update, reset, new, and
// its fourth bias is added to the new gate's product with the hidden state. Everything is contiguous, of one
// dtype but the bias, which is float32, and not empty. Without gradients steps and batches of sequences may
// lie in any way.
struct RecurrentLayer {
  Recurrence kind;
  at::Tensor input, input_weight, hidden_weight, bias, hidden;
  at::Tensor cell;  // of an LSTM
  bool reverse;
};

struct RecurrentResult {
  at::Tensor output, hidden;
  at::Tensor cell;       // of an LSTM
  at::Tensor workspace;  // for the gradients; undefined unless `train`
};
// Into the tensors of `result` where it has them.
RecurrentResult recurrent(const RecurrentLayer& layer, bool train, RecurrentResult result = {});

// In float32, those that are given too. What is of the cell is an LSTM's.
struct RecurrentGradients {
  at::Tensor input, input_weight, hidden_weight, bias, hidden, cell;
};
RecurrentGradients recurrent_backward(const RecurrentLayer& layer, const RecurrentResult& result,
                                      const at::Tensor& output, const at::Tensor& hidden,
                                      const at::Tensor& cell);

}  // namespace ipex::onednn
