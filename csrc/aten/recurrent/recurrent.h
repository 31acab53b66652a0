// Recurrent layers: what recurrent.cpp makes of an operator's call, and recurrent_run.cpp of one layer in one
// direction.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "onednn/recurrent.h"

namespace ipex::aten {

using onednn::Recurrence;

// The call of an operator: its states are one, or an LSTM's two.
struct RecurrentCall {
  Recurrence kind;
  at::Tensor input;
  std::vector<at::Tensor> states;
  at::TensorList params;
  bool has_biases;
  std::int64_t layers;
  double dropout;
  bool train, bidirectional, batch_first;

  std::int64_t directions() const { return bidirectional ? 2 : 1; }
  std::int64_t runs() const { return layers * directions(); }
  std::size_t weights() const { return has_biases ? 4 : 2; }
};

// The sequence, then the last states.
using RecurrentOutputs = std::vector<at::Tensor>;

// The same by PyTorch's cells, which have derivatives of any order.
RecurrentOutputs recurrent_by_cells(const RecurrentCall& call);

// One layer in one direction as PyTorch has it, in the computing dtype.
struct RecurrentRun {
  Recurrence kind;
  at::Tensor input, input_weight, hidden_weight, input_bias, hidden_bias, hidden, cell;
  bool reverse;
};

// The library's bias, in float32, of one run or, row by row, of several.
at::Tensor library_bias(Recurrence kind, const at::Tensor& input_bias, const at::Tensor& hidden_bias);

// What the library is given for a run.
onednn::RecurrentLayer library_layer(const RecurrentRun& run, const at::Tensor& bias);

// The output of a run by the library, then its last states. Has gradients.
RecurrentOutputs differentiable_run(const RecurrentRun& run);

}  // namespace ipex::aten
