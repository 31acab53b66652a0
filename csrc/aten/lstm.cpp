// LSTMs over whole sequences: layers by the library, or stock's cells.
#include "onednn/lstm.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/lstm_native.h>
#include <ATen/ops/mkldnn_rnn_layer.h>
#include <ATen/ops/mkldnn_rnn_layer_backward_native.h>
#include <ATen/ops/mkldnn_rnn_layer_native.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

namespace ipex::aten {
namespace {

using at::Tensor;
using Result = std::tuple<Tensor, Tensor, Tensor>;

// Stock's LSTM is a composite of cells. Without gradients it would choose a kernel through a table that has
// no place for xpu in a CPU build, and fail; so it is not told that there are none.
template <class... Arguments>
Result by_cells(Arguments... arguments) {
  if (c10::GradMode::is_enabled()) return at::native::lstm(arguments...);
  const at::AutoDispatchBelowAutograd below;
  const c10::AutoGradMode pretended(true);
  return at::native::lstm(arguments...);
}

Result packed_lstm(const Tensor& data, const Tensor& batch_sizes, at::TensorList hx, at::TensorList params,
                   bool has_biases, std::int64_t num_layers, double dropout, bool train, bool bidirectional) {
  return by_cells<const Tensor&, const Tensor&, at::TensorList, at::TensorList, bool, std::int64_t, double,
                  bool, bool>(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train,
                              bidirectional);
}

c10::ScalarType computing_dtype(const Tensor& input) {
  return at::autocast::is_autocast_enabled(at::kXPU) && input.scalar_type() == at::kFloat
             ? at::autocast::get_autocast_dtype(at::kXPU)
             : input.scalar_type();
}

// Anything unusual, errors included, is left to the cells.
bool library_serves(const Tensor& input, at::TensorList hx, at::TensorList params, bool has_biases,
                    std::int64_t num_layers, bool bidirectional, c10::ScalarType dtype) {
  const auto directions = static_cast<std::size_t>(num_layers) * (bidirectional ? 2 : 1);
  if (!input.is_xpu() || input.dim() != 3 || input.numel() == 0 || hx.size() != 2 ||
      params.size() != directions * (has_biases ? 4 : 2) ||
      onednn::lstm_refusal(input.device(), dtype) != nullptr) {
    return false;
  }
  const auto alike = [&](const Tensor& tensor) {
    return tensor.device() == input.device() && tensor.scalar_type() == input.scalar_type() &&
           tensor.numel() > 0;
  };
  return hx[0].dim() == 3 && hx[0].sizes() == hx[1].sizes() &&
         hx[0].size(0) == static_cast<std::int64_t>(directions) && std::all_of(hx.begin(), hx.end(), alike) &&
         std::all_of(params.begin(), params.end(), alike);
}

bool needs_gradients(const Tensor& input, at::TensorList hx, at::TensorList params) {
  const auto needs = [](const Tensor& tensor) { return tensor.requires_grad(); };
  return c10::GradMode::is_enabled() && (needs(input) || std::any_of(hx.begin(), hx.end(), needs) ||
                                         std::any_of(params.begin(), params.end(), needs));
}

Result lstm(const Tensor& input, at::TensorList hx, at::TensorList params, bool has_biases,
            std::int64_t num_layers, double dropout, bool train, bool bidirectional, bool batch_first) {
  const auto dtype = computing_dtype(input);
  if (!library_serves(input, hx, params, has_biases, num_layers, bidirectional, dtype)) {
    return by_cells<const Tensor&, at::TensorList, at::TensorList, bool, std::int64_t, double, bool, bool,
                    bool>(input, hx, params, has_biases, num_layers, dropout, train, bidirectional,
                          batch_first);
  }
  constexpr std::int64_t lstm_mode = 2;
  const bool keeps_workspace = needs_gradients(input, hx, params);
  const std::size_t directions = bidirectional ? 2 : 1, weights = has_biases ? 4 : 2;
  const auto hidden_size = hx[0].size(2);
  auto sequence = (batch_first ? input.transpose(0, 1) : input).to(dtype).contiguous();
  const auto hidden = hx[0].to(dtype), cell = hx[1].to(dtype);
  std::vector<Tensor> last_hidden, last_cell;
  for (std::int64_t layer = 0; layer < num_layers; ++layer) {
    std::vector<Tensor> outputs;
    for (std::size_t direction = 0; direction < directions; ++direction) {
      const auto index = static_cast<std::int64_t>(last_hidden.size());
      const auto own = params.slice(last_hidden.size() * weights, weights);
      const auto bias = [&](std::size_t which) {
        return has_biases ? own[which].to(dtype) : at::zeros({own[0].size(0)}, sequence.options());
      };
      const auto [output, hy, cy, workspace] = at::mkldnn_rnn_layer(
          sequence, own[0].to(dtype), own[1].to(dtype), bias(2), bias(3), hidden[index], cell[index],
          direction == 1, {}, lstm_mode, hidden_size, 1, has_biases, bidirectional, false, keeps_workspace);
      outputs.push_back(output);
      last_hidden.push_back(hy);
      last_cell.push_back(cy);
    }
    sequence = directions == 1 ? outputs[0] : at::cat(outputs, -1);
    if (dropout != 0 && train && layer + 1 < num_layers) sequence = at::dropout(sequence, dropout, true);
  }
  return {batch_first ? sequence.transpose(0, 1) : sequence, at::stack(last_hidden), at::stack(last_cell)};
}

onednn::LstmLayer layer_of(const Tensor& input, const Tensor& input_weight, const Tensor& hidden_weight,
                           const Tensor& input_bias, const Tensor& hidden_bias, const Tensor& hidden,
                           const Tensor& cell, bool reverse) {
  return {input.contiguous(),
          input_weight.contiguous(),
          hidden_weight.contiguous(),
          input_bias.to(at::kFloat).add(hidden_bias),
          hidden.contiguous(),
          cell.contiguous(),
          reverse};
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex;

std::tuple<Tensor, Tensor, Tensor, Tensor> mkldnn_rnn_layer_xpu(
    const Tensor& input, const Tensor& input_weight, const Tensor& hidden_weight, const Tensor& input_bias,
    const Tensor& hidden_bias, const Tensor& hidden, const Tensor& cell, bool reverse, IntArrayRef, int64_t,
    int64_t, int64_t, bool, bool, bool, bool train) {
  auto result = onednn::lstm(
      aten::layer_of(input, input_weight, hidden_weight, input_bias, hidden_bias, hidden, cell, reverse),
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
  const auto given = [](const std::optional<Tensor>& gradient, const Tensor& like) {
    const auto options = like.options().dtype(kFloat);
    return gradient && gradient->defined() ? gradient->to(kFloat).contiguous()
                                           : at::zeros_like(like, options);
  };
  const auto gradients = onednn::lstm_backward(
      aten::layer_of(input, input_weight, hidden_weight, input_bias, hidden_bias, hidden, cell, reverse),
      {output.contiguous(), last_hidden.contiguous(), last_cell.contiguous(), workspace},
      given(output_gradient, output), given(hidden_gradient, last_hidden), given(cell_gradient, last_cell));
  const auto dtype = input.scalar_type();
  const auto bias = gradients.bias.to(dtype);
  return {gradients.input.to(dtype),
          gradients.input_weight.to(dtype),
          gradients.hidden_weight.to(dtype),
          bias,
          bias,
          gradients.hidden.to(dtype),
          gradients.cell.to(dtype)};
}

}  // namespace at::native

TORCH_LIBRARY_IMPL(aten, XPU, m) {
  m.impl("lstm.input", ipex::aten::lstm);
  m.impl("lstm.data", ipex::aten::packed_lstm);
}
TORCH_LIBRARY_IMPL(aten, AutogradXPU, m) {
  m.impl("lstm.input", ipex::aten::lstm);
  m.impl("lstm.data", ipex::aten::packed_lstm);
}
