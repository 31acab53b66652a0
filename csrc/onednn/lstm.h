#pragma once

#include <ATen/core/Tensor.h>

namespace ipex::onednn {

// Why the library does not run LSTMs of this dtype on this device; null if it does.
const char* lstm_refusal(const c10::Device& device, c10::ScalarType dtype);

// One layer in one direction. Sequences are time x batch x features, states batch x features, weights and
// biases as torch.nn.LSTM has them, with the gates input, forget, cell, output. Everything is contiguous, of
// one dtype, and not empty.
struct LstmLayer {
  at::Tensor input, input_weight, hidden_weight, bias, hidden, cell;  // the bias is float32, the sum of both
  bool reverse;
};

struct LstmResult {
  at::Tensor output, hidden, cell;
  at::Tensor workspace;  // for the gradients; undefined unless `train`
};
// Into the tensors of `result` where it has them; its output may be a part of the features of a wider one.
LstmResult lstm(const LstmLayer& layer, bool train, LstmResult result = {});

// In float32, those that are given too.
struct LstmGradients {
  at::Tensor input, input_weight, hidden_weight, bias, hidden, cell;
};
LstmGradients lstm_backward(const LstmLayer& layer, const LstmResult& result, const at::Tensor& output,
                            const at::Tensor& hidden, const at::Tensor& cell);

}  // namespace ipex::onednn
