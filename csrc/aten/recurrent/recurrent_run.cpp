// One layer in one direction: by the library, with gradients.
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mkldnn_rnn_layer.h>
#include <ATen/ops/mkldnn_rnn_layer_backward_native.h>
#include <ATen/ops/mkldnn_rnn_layer_native.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <optional>

#include "aten/recurrent/recurrent.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using onednn::RecurrentLayer;
using torch::autograd::variable_list;

// PyTorch's GRU has the reset gate first, the library's the update gate. Its own inverse.
Tensor exchange_gates(Recurrence kind, const Tensor& tensor) {
  if (kind != Recurrence::gru) return tensor;
  const auto gates = tensor.chunk(3);
  return at::cat({gates[1], gates[0], gates[2]});
}

RecurrentLayer contiguous_layer(RecurrentRun run) {
  run.input = run.input.contiguous();
  return library_layer(run, library_bias(run.kind, run.input_bias, run.hidden_bias));
}

// Of a run's operands, in the order of RecurrentRun, in their dtype.
variable_list gradients_of(const RecurrentRun& run, const onednn::RecurrentResult& result,
                           const std::array<Tensor, 3>& given) {
  const auto single = [&](const Tensor& gradient, const Tensor& like) {
    if (!like.defined()) return Tensor();
    return gradient.defined() ? gradient.to(at::kFloat).contiguous()
                              : at::zeros_like(like, like.options().dtype(at::kFloat));
  };
  const auto gradients =
      onednn::recurrent_backward(contiguous_layer(run), result, single(given[0], result.output),
                                 single(given[1], result.hidden), single(given[2], result.cell));
  auto input_bias = gradients.bias, hidden_bias = gradients.bias;
  if (run.kind == Recurrence::gru) {
    const auto gates = gradients.bias.chunk(4);
    input_bias = at::cat({gates[1], gates[0], gates[2]});
    hidden_bias = at::cat({gates[1], gates[0], gates[3]});
  }
  const auto dtype = run.input.scalar_type();
  return {gradients.input.to(dtype),
          exchange_gates(run.kind, gradients.input_weight).to(dtype),
          exchange_gates(run.kind, gradients.hidden_weight).to(dtype),
          input_bias.to(dtype),
          hidden_bias.to(dtype),
          gradients.hidden.to(dtype),
          gradients.cell.defined() ? gradients.cell.to(dtype) : Tensor()};
}

RecurrentOutputs run_by_cells(const RecurrentRun& run) {
  const std::array params{run.input_weight, run.hidden_weight, run.input_bias, run.hidden_bias};
  auto results = recurrent_by_cells({run.kind,
                                     run.reverse ? run.input.flip(0) : run.input,
                                     {run.hidden.unsqueeze(0)},
                                     params,
                                     true,
                                     1,
                                     0,
                                     false,
                                     false,
                                     false});
  if (run.reverse) results[0] = results[0].flip(0);
  results[1] = results[1].squeeze(0);
  return results;
}

// A run of a GRU or a plain RNN. An LSTM's has an operator of PyTorch, whose second derivative is an LSTM's.
class RunFunction : public torch::autograd::Function<RunFunction> {
 public:
  static variable_list forward(torch::autograd::AutogradContext* context, const Tensor& input,
                               const Tensor& input_weight, const Tensor& hidden_weight,
                               const Tensor& input_bias, const Tensor& hidden_bias, const Tensor& hidden,
                               std::int64_t kind, bool reverse) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const RecurrentRun run{Recurrence{kind}, input,  input_weight, hidden_weight, input_bias,
                           hidden_bias,      hidden, Tensor(),     reverse};
    const auto result = onednn::recurrent(contiguous_layer(run), true);
    context->save_for_backward({input, input_weight, hidden_weight, input_bias, hidden_bias, hidden,
                                result.output, result.hidden, result.workspace});
    context->saved_data["kind"] = kind;
    context->saved_data["reverse"] = reverse;
    return {result.output, result.hidden};
  }

  static variable_list backward(torch::autograd::AutogradContext* context, const variable_list& given) {
    const auto saved = context->get_saved_variables();
    const RecurrentRun run{Recurrence{context->saved_data["kind"].toInt()},
                           saved[0],
                           saved[1],
                           saved[2],
                           saved[3],
                           saved[4],
                           saved[5],
                           Tensor(),
                           context->saved_data["reverse"].toBool()};
    auto gradients = c10::GradMode::is_enabled() ? differentiable(run, given)
                                                 : gradients_of(run, {saved[6], saved[7], Tensor(), saved[8]},
                                                                {given[0], given[1], Tensor()});
    gradients.resize(6);  // none of a cell,
    gradients.resize(8);  // and of kind and reverse
    return gradients;
  }

 private:
  static variable_list differentiable(const RecurrentRun& run, const variable_list& given) {
    variable_list inputs;
    const std::array all{run.input,      run.input_weight, run.hidden_weight,
                         run.input_bias, run.hidden_bias,  run.hidden};
    for (const auto& tensor : all) {
      if (tensor.requires_grad()) inputs.push_back(tensor);
    }
    const auto results = run_by_cells(run);
    variable_list of, by;
    for (std::size_t k = 0; k < given.size(); ++k) {
      if (!given[k].defined()) continue;
      of.push_back(results[k]);
      by.push_back(given[k]);
    }
    const auto found = torch::autograd::grad(of, inputs, by, true, true, true);
    variable_list gradients;
    auto next = found.begin();
    for (const auto& tensor : all) gradients.push_back(tensor.requires_grad() ? *next++ : Tensor());
    return gradients;
  }
};

}  // namespace

Tensor library_bias(Recurrence kind, const Tensor& input_bias, const Tensor& hidden_bias) {
  const auto input = input_bias.to(at::kFloat), hidden = hidden_bias.to(at::kFloat);
  if (kind != Recurrence::gru) return input + hidden;
  const auto size = input.size(-1) / 3;
  const auto both = input.narrow(-1, 0, 2 * size) + hidden.narrow(-1, 0, 2 * size);
  return at::cat({both.narrow(-1, size, size), both.narrow(-1, 0, size), input.narrow(-1, 2 * size, size),
                  hidden.narrow(-1, 2 * size, size)},
                 -1);
}

RecurrentLayer library_layer(const RecurrentRun& run, const Tensor& bias) {
  return {run.kind,
          run.input,
          exchange_gates(run.kind, run.input_weight).contiguous(),
          exchange_gates(run.kind, run.hidden_weight).contiguous(),
          bias,
          run.hidden.contiguous(),
          run.cell.defined() ? run.cell.contiguous() : Tensor(),
          run.reverse};
}

RecurrentOutputs differentiable_run(const RecurrentRun& run) {
  if (run.kind != Recurrence::lstm) {
    return RunFunction::apply(run.input, run.input_weight, run.hidden_weight, run.input_bias, run.hidden_bias,
                              run.hidden, static_cast<std::int64_t>(run.kind), run.reverse);
  }
  const auto [output, hidden, cell, workspace] = at::mkldnn_rnn_layer(
      run.input, run.input_weight, run.hidden_weight, run.input_bias, run.hidden_bias, run.hidden, run.cell,
      run.reverse, {}, static_cast<std::int64_t>(run.kind), run.hidden.size(1), 1, true, false, false, true);
  return {output, hidden, cell};
}

}  // namespace ipex::aten

namespace at::native {
using namespace ipex;

std::tuple<Tensor, Tensor, Tensor, Tensor> mkldnn_rnn_layer_xpu(
    const Tensor& input, const Tensor& input_weight, const Tensor& hidden_weight, const Tensor& input_bias,
    const Tensor& hidden_bias, const Tensor& hidden, const Tensor& cell, bool reverse, IntArrayRef,
    int64_t mode, int64_t, int64_t, bool, bool, bool, bool train) {
  TORCH_CHECK_NOT_IMPLEMENTED(aten::Recurrence{mode} == aten::Recurrence::lstm,
                              "mkldnn_rnn_layer: expected mode 2, an LSTM, got ", mode);
  auto result =
      onednn::recurrent(aten::contiguous_layer({aten::Recurrence::lstm, input, input_weight, hidden_weight,
                                                input_bias, hidden_bias, hidden, cell, reverse}),
                        train);
  if (!train) result.workspace = at::empty({0}, input.options().dtype(kByte));
  return {result.output, result.hidden, result.cell, result.workspace};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> mkldnn_rnn_layer_backward_xpu(
    const Tensor& input, const Tensor& input_weight, const Tensor& hidden_weight, const Tensor& input_bias,
    const Tensor& hidden_bias, const Tensor& hidden, const Tensor& cell, const Tensor& output,
    const Tensor& last_hidden, const Tensor& last_cell, const std::optional<Tensor>& output_gradient,
    const std::optional<Tensor>& hidden_gradient, const std::optional<Tensor>& cell_gradient, bool reverse,
    int64_t, int64_t, int64_t, bool, bool, bool, IntArrayRef, bool, const Tensor& workspace) {
  const auto given = [](const std::optional<Tensor>& gradient) { return gradient.value_or(Tensor()); };
  const auto g =
      aten::gradients_of({aten::Recurrence::lstm, input, input_weight, hidden_weight, input_bias, hidden_bias,
                          hidden, cell, reverse},
                         {output.contiguous(), last_hidden.contiguous(), last_cell.contiguous(), workspace},
                         {given(output_gradient), given(hidden_gradient), given(cell_gradient)});
  return {g[0], g[1], g[2], g[3], g[4], g[5], g[6]};
}

}  // namespace at::native
