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

// Whether each layer and direction has weights and biases of its size.
bool sizes_fit(std::int64_t features, std::int64_t size, at::TensorList params, std::int64_t directions,
               std::size_t weights) {
  const auto gates = 4 * size;
  for (std::size_t first = 0; first < params.size(); first += weights) {
    const auto own = params.slice(first, weights);
    const bool lowest = first < static_cast<std::size_t>(directions) * weights;
    const auto is_bias = [&](const Tensor& bias) { return bias.dim() == 1 && bias.size(0) == gates; };
    if (own[0].sizes() != c10::IntArrayRef({gates, lowest ? features : directions * size}) ||
        own[1].sizes() != c10::IntArrayRef({gates, size}) ||
        !std::all_of(own.begin() + 2, own.end(), is_bias)) {
      return false;
    }
  }
  return true;
}

// Anything unusual, errors included, is left to the cells.
bool library_serves(const Tensor& input, at::TensorList hx, at::TensorList params, bool has_biases,
                    std::int64_t num_layers, std::int64_t directions, bool batch_first,
                    c10::ScalarType dtype) {
  const auto runs = num_layers * directions;
  const std::size_t weights = has_biases ? 4 : 2;
  if (!input.is_xpu() || input.dim() != 3 || input.numel() == 0 || hx.size() != 2 ||
      params.size() != static_cast<std::size_t>(runs) * weights ||
      onednn::lstm_refusal(input.device(), dtype) != nullptr) {
    return false;
  }
  const auto alike = [&](const Tensor& tensor) {
    return tensor.device() == input.device() && tensor.scalar_type() == input.scalar_type() &&
           tensor.numel() > 0;
  };
  const auto is_state = [&](const Tensor& state) {
    return state.dim() == 3 && state.size(0) == runs && state.size(1) == input.size(batch_first ? 0 : 1);
  };
  return is_state(hx[0]) && hx[0].sizes() == hx[1].sizes() && std::all_of(hx.begin(), hx.end(), alike) &&
         std::all_of(params.begin(), params.end(), alike) &&
         sizes_fit(input.size(2), hx[0].size(2), params, directions, weights);
}

bool needs_gradients(const Tensor& input, at::TensorList hx, at::TensorList params) {
  const auto needs = [](const Tensor& tensor) { return tensor.requires_grad(); };
  return c10::GradMode::is_enabled() && (needs(input) || std::any_of(hx.begin(), hx.end(), needs) ||
                                         std::any_of(params.begin(), params.end(), needs));
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

// A whole LSTM that the library serves: its operands in the computing dtype.
struct Layers {
  Tensor sequence, hidden, cell;
  at::TensorList params;
  bool has_biases;
  std::int64_t count, directions;
  double dropout;  // between layers; 0: none

  Tensor weight(std::int64_t run, std::int64_t which) const {
    return params[static_cast<std::size_t>(run * (has_biases ? 4 : 2) + which)].to(sequence.scalar_type());
  }
  Tensor bias(std::int64_t run, std::int64_t which) const {
    return has_biases ? weight(run, which) : at::zeros({4 * hidden.size(2)}, sequence.options());
  }
  Tensor next(const Tensor& output, std::int64_t layer) const {
    return dropout != 0 && layer + 1 < count ? at::dropout(output, dropout, true) : output;
  }
};

Result with_gradients(const Layers& layers) {
  constexpr std::int64_t lstm_mode = 2;
  auto sequence = layers.sequence;
  std::vector<Tensor> last_hidden, last_cell;
  for (std::int64_t layer = 0, run = 0; layer < layers.count; ++layer) {
    std::vector<Tensor> outputs;
    for (std::int64_t direction = 0; direction < layers.directions; ++direction, ++run) {
      const auto [output, hy, cy, workspace] = at::mkldnn_rnn_layer(
          sequence, layers.weight(run, 0), layers.weight(run, 1), layers.bias(run, 2), layers.bias(run, 3),
          layers.hidden[run], layers.cell[run], direction == 1, {}, lstm_mode, layers.hidden.size(2), 1,
          layers.has_biases, layers.directions == 2, false, true);
      outputs.push_back(output);
      last_hidden.push_back(hy);
      last_cell.push_back(cy);
    }
    sequence = layers.next(layers.directions == 1 ? outputs[0] : at::cat(outputs, -1), layer);
  }
  return {sequence, at::stack(last_hidden), at::stack(last_cell)};
}

// All kernels come before the library's tasks, which then follow one another; each writes its part of the
// results.
Result without_gradients(const Layers& layers) {
  std::vector<onednn::LstmLayer> runs;
  for (std::int64_t run = 0; run < layers.count * layers.directions; ++run) {
    runs.push_back(layer_of(layers.sequence, layers.weight(run, 0), layers.weight(run, 1),
                            layers.bias(run, 2), layers.bias(run, 3), layers.hidden[run], layers.cell[run],
                            run % layers.directions == 1));
  }
  const auto size = layers.hidden.size(2);
  const auto last_hidden = at::empty_like(layers.hidden, at::MemoryFormat::Contiguous);
  const auto last_cell = at::empty_like(layers.cell, at::MemoryFormat::Contiguous);
  auto sequence = layers.sequence;
  auto own = runs.begin();
  for (std::int64_t layer = 0; layer < layers.count; ++layer) {
    const auto output =
        at::empty({sequence.size(0), sequence.size(1), layers.directions * size}, sequence.options());
    for (std::int64_t direction = 0; direction < layers.directions; ++direction, ++own) {
      const auto run = layer * layers.directions + direction;
      own->input = sequence;
      onednn::lstm(*own, false,
                   {output.narrow(2, direction * size, size), last_hidden[run], last_cell[run], {}});
    }
    sequence = layers.next(output, layer);
  }
  return {sequence, last_hidden, last_cell};
}

Result lstm(const Tensor& input, at::TensorList hx, at::TensorList params, bool has_biases,
            std::int64_t num_layers, double dropout, bool train, bool bidirectional, bool batch_first) {
  const auto dtype = computing_dtype(input);
  const std::int64_t directions = bidirectional ? 2 : 1;
  if (!library_serves(input, hx, params, has_biases, num_layers, directions, batch_first, dtype)) {
    return by_cells<const Tensor&, at::TensorList, at::TensorList, bool, std::int64_t, double, bool, bool,
                    bool>(input, hx, params, has_biases, num_layers, dropout, train, bidirectional,
                          batch_first);
  }
  const Layers layers{(batch_first ? input.transpose(0, 1) : input).to(dtype).contiguous(),
                      hx[0].to(dtype),
                      hx[1].to(dtype),
                      params,
                      has_biases,
                      num_layers,
                      directions,
                      train ? dropout : 0};
  auto [sequence, hidden, cell] =
      needs_gradients(input, hx, params) ? with_gradients(layers) : without_gradients(layers);
  return {batch_first ? sequence.transpose(0, 1) : sequence, hidden, cell};
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
