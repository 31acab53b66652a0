// The pointwise part of LSTM and GRU cells.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_thnn_fused_gru_cell_backward_native.h>
#include <ATen/ops/_thnn_fused_gru_cell_native.h>
#include <ATen/ops/_thnn_fused_lstm_cell_backward_impl_native.h>
#include <ATen/ops/_thnn_fused_lstm_cell_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "aten/launch.h"
#include "kernels/rnn_params.hpp"

namespace at::native {
using namespace ipex::aten;
using ipex::aten::launch;  // not at::launch

namespace {

using ipex::kernels::RnnBackwardParams;
using ipex::kernels::RnnParams;

const void* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr() : nullptr;
}

Tensor dense(const Tensor& tensor) { return tensor.defined() ? tensor.contiguous() : tensor; }

// Launches over the elements of a state of [batch, hidden].
template <class Params>
void launch_cell(const char* kernel, const Tensor& state, Params& params) {
  params.hidden = state.size(1);
  params.groups_per_row = (params.hidden + ipex::kernels::rnn_group_size - 1) / ipex::kernels::rnn_group_size;
  launch("rnn", instantiation(kernel, type_name(state.scalar_type())),
         {state.size(0) * params.groups_per_row, ipex::kernels::rnn_group_size}, params);
}

// The operands of a cell, checked and dense.
struct Cell {
  Cell(const char* name, int gates, const Tensor& input, const Tensor& hidden, const Tensor& before,
       const std::optional<Tensor>& input_bias_given, const std::optional<Tensor>& hidden_bias_given)
      : input_gates(input.contiguous()), hidden_gates(hidden.contiguous()), state(before.contiguous()) {
    if (input_bias_given) input_bias = dense(*input_bias_given);
    if (hidden_bias_given) hidden_bias = dense(*hidden_bias_given);
    TORCH_CHECK(state.dim() == 2, name, ": expected a state of [batch, hidden], but got ", state.sizes());
    const auto width = gates * state.size(1);
    for (const auto& tensor : {input_gates, hidden_gates}) {
      TORCH_CHECK(tensor.dim() == 2 && tensor.size(0) == state.size(0) && tensor.size(1) == width, name,
                  ": expected gates of [", state.size(0), ", ", width, "], but got ", tensor.sizes());
    }
    TORCH_CHECK(input_bias.defined() == hidden_bias.defined(), name, ": expected both biases or none");
    for (const auto& tensor : {input_bias, hidden_bias}) {
      TORCH_CHECK(!tensor.defined() || tensor.numel() == width, name, ": expected a bias of ", width,
                  " elements, but got ", tensor.numel());
    }
    for (const auto& tensor : {hidden_gates, state, input_bias, hidden_bias}) {
      TORCH_CHECK(!tensor.defined() || (tensor.scalar_type() == input_gates.scalar_type() &&
                                        tensor.device() == input_gates.device()),
                  name, ": expected all tensors to be ", input_gates.scalar_type(), " on ",
                  input_gates.device(), ", but got ", tensor.scalar_type(), " on ", tensor.device());
    }
    TORCH_CHECK_NOT_IMPLEMENTED(isFloatingType(input_gates.scalar_type()), '"', name,
                                "\" not implemented for '", input_gates.scalar_type(), "'");
    check_dtype(name, input_gates.scalar_type());
  }

  RnnParams params() const {
    RnnParams params{};
    params.input_gates = input_gates.const_data_ptr();
    params.hidden_gates = hidden_gates.const_data_ptr();
    params.input_bias = data_or_null(input_bias);
    params.hidden_bias = data_or_null(hidden_bias);
    params.state = state.const_data_ptr();
    return params;
  }

  Tensor workspace(int gates) const {
    return at::empty({state.size(0), gates * state.size(1)}, state.options());
  }

  Tensor input_gates, hidden_gates, state, input_bias, hidden_bias;
};

}  // namespace

std::tuple<Tensor, Tensor, Tensor> _thnn_fused_lstm_cell_xpu(const Tensor& input_gates,
                                                             const Tensor& hidden_gates, const Tensor& before,
                                                             const std::optional<Tensor>& input_bias,
                                                             const std::optional<Tensor>& hidden_bias) {
  const Cell operands("_thnn_fused_lstm_cell", 4, input_gates, hidden_gates, before, input_bias, hidden_bias);
  auto hidden = at::empty_like(operands.state);
  auto cell = at::empty_like(operands.state);
  auto workspace = operands.workspace(4);
  auto params = operands.params();
  params.hidden_state = hidden.mutable_data_ptr();
  params.cell = cell.mutable_data_ptr();
  params.workspace = workspace.mutable_data_ptr();
  launch_cell("lstm_cell", operands.state, params);
  return {hidden, cell, workspace};
}

std::tuple<Tensor, Tensor, Tensor> _thnn_fused_lstm_cell_backward_impl_xpu(
    const std::optional<Tensor>& hidden_gradient_given, const std::optional<Tensor>& cell_gradient_given,
    const Tensor& before, const Tensor& after, const Tensor& workspace, bool has_bias) {
  const auto hidden_gradient = dense(hidden_gradient_given.value_or(Tensor()));
  const auto cell_gradient = dense(cell_gradient_given.value_or(Tensor()));
  if (!hidden_gradient.defined() && !cell_gradient.defined()) return {};
  const auto state = before.contiguous(), cell = after.contiguous(), gates = workspace.contiguous();
  auto gates_gradient = at::empty_like(gates);
  auto state_gradient = at::empty_like(state);
  RnnBackwardParams params{};
  params.hidden_gradient = data_or_null(hidden_gradient);
  params.cell_gradient = data_or_null(cell_gradient);
  params.state = state.const_data_ptr();
  params.cell = cell.const_data_ptr();
  params.workspace = gates.const_data_ptr();
  params.input_gates_gradient = gates_gradient.mutable_data_ptr();
  params.state_gradient = state_gradient.mutable_data_ptr();
  launch_cell("lstm_cell_backward", state, params);
  return {gates_gradient, state_gradient, has_bias ? gates_gradient.sum(0, false) : Tensor()};
}

std::tuple<Tensor, Tensor> _thnn_fused_gru_cell_xpu(const Tensor& input_gates, const Tensor& hidden_gates,
                                                    const Tensor& before,
                                                    const std::optional<Tensor>& input_bias,
                                                    const std::optional<Tensor>& hidden_bias) {
  const Cell operands("_thnn_fused_gru_cell", 3, input_gates, hidden_gates, before, input_bias, hidden_bias);
  auto hidden = at::empty_like(operands.state);
  auto workspace = operands.workspace(5);
  auto params = operands.params();
  params.hidden_state = hidden.mutable_data_ptr();
  params.workspace = workspace.mutable_data_ptr();
  launch_cell("gru_cell", operands.state, params);
  return {hidden, workspace};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> _thnn_fused_gru_cell_backward_xpu(const Tensor& gradient,
                                                                                     const Tensor& workspace,
                                                                                     bool has_bias) {
  const auto hidden_gradient = gradient.contiguous(), kept = workspace.contiguous();
  const auto batch = hidden_gradient.size(0), hidden = hidden_gradient.size(1);
  auto input_gradient = at::empty({batch, 3 * hidden}, kept.options());
  auto hidden_gates_gradient = at::empty_like(input_gradient);
  auto state_gradient = at::empty_like(hidden_gradient);
  RnnBackwardParams params{};
  params.hidden_gradient = hidden_gradient.const_data_ptr();
  params.workspace = kept.const_data_ptr();
  params.input_gates_gradient = input_gradient.mutable_data_ptr();
  params.hidden_gates_gradient = hidden_gates_gradient.mutable_data_ptr();
  params.state_gradient = state_gradient.mutable_data_ptr();
  launch_cell("gru_cell_backward", hidden_gradient, params);
  Tensor input_bias_gradient, hidden_bias_gradient;
  if (has_bias) {
    input_bias_gradient = input_gradient.sum(0, false);
    hidden_bias_gradient = hidden_gates_gradient.sum(0, false);
  }
  return {input_gradient, hidden_gates_gradient, state_gradient, input_bias_gradient, hidden_bias_gradient};
}

}  // namespace at::native
