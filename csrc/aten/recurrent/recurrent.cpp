// Recurrent layers over whole sequences: by the library, or stock's cells.
#include "aten/recurrent/recurrent.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/gru_native.h>
#include <ATen/ops/lstm_native.h>
#include <ATen/ops/rnn_relu_native.h>
#include <ATen/ops/rnn_tanh_native.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/TensorSubclassLikeUtils.h>
#include <torch/library.h>

#include "runtime/strides.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using onednn::RecurrentLayer;

template <class... T>
RecurrentOutputs outputs(const std::tuple<T...>& results) {
  return std::apply([](const auto&... result) { return RecurrentOutputs{result...}; }, results);
}

// Stock's LSTM is a composite of cells. Without gradients it would choose a kernel through a table that has
// no place for xpu in a CPU build, and fail; so it is not told that there are none.
template <class Function>
auto pretending_gradients(Function function) {
  if (c10::GradMode::is_enabled()) return function();
  const at::AutoDispatchBelowAutograd below;
  const c10::AutoGradMode pretended(true);
  return function();
}

}  // namespace

RecurrentOutputs recurrent_by_cells(const RecurrentCall& call) {
  const auto with = [&](auto* layers, const auto& states) {
    return outputs(layers(call.input, states, call.params, call.has_biases, call.layers, call.dropout,
                          call.train, call.bidirectional, call.batch_first));
  };
  using Layers = std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, at::TensorList, bool, std::int64_t,
                                            double, bool, bool, bool);
  using LstmLayers = std::tuple<Tensor, Tensor, Tensor>(const Tensor&, at::TensorList, at::TensorList, bool,
                                                        std::int64_t, double, bool, bool, bool);
  switch (call.kind) {
    case Recurrence::lstm:
      return pretending_gradients(
          [&] { return with(static_cast<LstmLayers*>(at::native::lstm), at::TensorList(call.states)); });
    case Recurrence::gru:
      return with(static_cast<Layers*>(at::native::gru), call.states[0]);
    case Recurrence::rnn_tanh:
      return with(static_cast<Layers*>(at::native::rnn_tanh), call.states[0]);
    case Recurrence::rnn_relu:
      return with(static_cast<Layers*>(at::native::rnn_relu), call.states[0]);
  }
  return {};
}

namespace {

std::tuple<Tensor, Tensor, Tensor> packed_lstm(const Tensor& data, const Tensor& batch_sizes,
                                               at::TensorList hx, at::TensorList params, bool has_biases,
                                               std::int64_t num_layers, double dropout, bool train,
                                               bool bidirectional) {
  return pretending_gradients([&] {
    return at::native::lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train,
                            bidirectional);
  });
}

c10::ScalarType computing_dtype(const Tensor& input) {
  return at::autocast::is_autocast_enabled(at::kXPU) && input.scalar_type() == at::kFloat
             ? at::autocast::get_autocast_dtype(at::kXPU)
             : input.scalar_type();
}

// Whether each layer and direction has weights and biases of its size.
bool sizes_fit(const RecurrentCall& call) {
  const auto features = call.input.size(2), size = call.states[0].size(2);
  const auto rows = onednn::gates_of(call.kind) * size;
  for (std::size_t first = 0; first < call.params.size(); first += call.weights()) {
    const auto own = call.params.slice(first, call.weights());
    const bool lowest = first < static_cast<std::size_t>(call.directions()) * call.weights();
    const auto is_bias = [&](const Tensor& bias) { return bias.dim() == 1 && bias.size(0) == rows; };
    if (own[0].sizes() != c10::IntArrayRef({rows, lowest ? features : call.directions() * size}) ||
        own[1].sizes() != c10::IntArrayRef({rows, size}) ||
        !std::all_of(own.begin() + 2, own.end(), is_bias)) {
      return false;
    }
  }
  return true;
}

// Anything unusual, errors included, is left to the cells.
bool library_serves(const RecurrentCall& call, c10::ScalarType dtype) {
  const auto& input = call.input;
  const std::size_t states = call.kind == Recurrence::lstm ? 2 : 1;
  if (!input.is_xpu() || input.dim() != 3 || input.numel() == 0 || call.states.size() != states ||
      call.params.size() != static_cast<std::size_t>(call.runs()) * call.weights() ||
      onednn::recurrent_refusal(input.device(), dtype) != nullptr) {
    return false;
  }
  const auto alike = [&](const Tensor& tensor) {
    return tensor.device() == input.device() && tensor.scalar_type() == input.scalar_type() &&
           tensor.numel() > 0;
  };
  const auto& first = call.states[0];
  const auto is_state = [&](const Tensor& state) {
    return alike(state) && state.dim() == 3 && state.size(0) == call.runs() &&
           state.size(1) == input.size(call.batch_first ? 0 : 1) && state.sizes() == first.sizes();
  };
  return std::all_of(call.states.begin(), call.states.end(), is_state) &&
         std::all_of(call.params.begin(), call.params.end(), alike) && sizes_fit(call);
}

template <class Predicate>
bool any_operand(const RecurrentCall& call, Predicate predicate) {
  return predicate(call.input) || std::any_of(call.states.begin(), call.states.end(), predicate) ||
         std::any_of(call.params.begin(), call.params.end(), predicate);
}

// A call that the library serves: its operands in the computing dtype, time first.
struct Layers {
  const RecurrentCall& call;
  Tensor sequence;
  std::vector<Tensor> states;

  RecurrentRun run(std::int64_t number) const {
    const auto param = [&](std::size_t which) {
      return call.params[static_cast<std::size_t>(number) * call.weights() + which].to(
          sequence.scalar_type());
    };
    const auto rows = onednn::gates_of(call.kind) * states[0].size(2);
    const auto bias = [&](std::size_t which) {
      return call.has_biases ? param(which) : at::zeros({rows}, sequence.options());
    };
    return {call.kind,
            sequence,
            param(0),
            param(1),
            bias(2),
            bias(3),
            states[0][number],
            states.size() > 1 ? states[1][number] : Tensor(),
            number % call.directions() == 1};
  }
  Tensor next(const Tensor& output, std::int64_t layer) const {
    return call.train && call.dropout != 0 && layer + 1 < call.layers
               ? at::dropout(output, call.dropout, true)
               : output;
  }
};

RecurrentOutputs with_gradients(Layers layers) {
  const auto& call = layers.call;
  std::vector<std::vector<Tensor>> last(layers.states.size());
  for (std::int64_t layer = 0, number = 0; layer < call.layers; ++layer) {
    std::vector<Tensor> of_directions;
    for (std::int64_t direction = 0; direction < call.directions(); ++direction, ++number) {
      const auto results = differentiable_run(layers.run(number));
      of_directions.push_back(results[0]);
      for (std::size_t state = 0; state < last.size(); ++state) last[state].push_back(results[state + 1]);
    }
    const auto output = of_directions.size() == 1 ? of_directions[0] : at::cat(of_directions, -1);
    layers.sequence = layers.next(output, layer);
  }
  RecurrentOutputs results{layers.sequence};
  for (const auto& states : last) results.push_back(at::stack(states));
  return results;
}

// Time first, of the sizes of `like` but the last; in memory the batch may come first.
Tensor empty_sequence(const Tensor& like, std::int64_t features, bool batch_first) {
  const auto steps = like.size(0), batch = like.size(1);
  return batch_first ? at::empty({batch, steps, features}, like.options()).transpose(0, 1)
                     : at::empty({steps, batch, features}, like.options());
}

// All kernels come before the library's tasks, which then follow one another; each writes its part of the
// results.
RecurrentOutputs without_gradients(const Layers& layers) {
  const auto& call = layers.call;
  std::vector<RecurrentRun> given;
  std::vector<Tensor> biases;  // those of all runs are made by the same few kernels
  for (std::int64_t number = 0; number < call.runs(); ++number) {
    const auto& run = given.emplace_back(layers.run(number));
    biases.insert(biases.end(), {run.input_bias, run.hidden_bias});
  }
  const auto pairs = at::stack(biases).to(at::kFloat).unflatten(0, {call.runs(), 2});
  const auto bias = library_bias(call.kind, pairs.select(1, 0), pairs.select(1, 1));
  std::vector<RecurrentLayer> runs;
  for (std::int64_t number = 0; number < call.runs(); ++number)
    runs.push_back(library_layer(given[number], bias[number]));
  std::vector<Tensor> last;
  for (const auto& state : layers.states) last.push_back(at::empty_like(state, at::MemoryFormat::Contiguous));
  const auto size = last[0].size(2);
  auto sequence = layers.sequence;
  auto own = runs.begin();
  for (std::int64_t layer = 0; layer < call.layers; ++layer) {
    const auto output = empty_sequence(sequence, call.directions() * size, call.batch_first);
    for (std::int64_t direction = 0; direction < call.directions(); ++direction, ++own) {
      const auto number = layer * call.directions() + direction;
      own->input = sequence;
      onednn::recurrent(*own, false,
                        {output.narrow(2, direction * size, size), last[0][number],
                         last.size() > 1 ? last[1][number] : Tensor(), Tensor()});
    }
    sequence = layers.next(output, layer);
  }
  RecurrentOutputs results{sequence};
  results.insert(results.end(), last.begin(), last.end());
  return results;
}

RecurrentOutputs recurrent(const RecurrentCall& call) {
  const auto dtype = computing_dtype(call.input);
  if (!library_serves(call, dtype)) return recurrent_by_cells(call);
  const bool gradients = c10::GradMode::is_enabled() &&
                         any_operand(call, [](const Tensor& tensor) { return tensor.requires_grad(); });
  // Transforms of functions need operators, which only an LSTM's run is.
  if (call.kind != Recurrence::lstm &&
      any_operand(call, [](const Tensor& tensor) { return at::isTensorSubclassLike(tensor); })) {
    return recurrent_by_cells(call);
  }
  const auto sequence = (call.batch_first ? call.input.transpose(0, 1) : call.input).to(dtype);
  const bool as_it_lies =
      !gradients && sequence.is_non_overlapping_and_dense() && runtime::canonical_strides(sequence)[2] == 1;
  Layers layers{call, as_it_lies ? sequence : sequence.contiguous(), {}};
  for (const auto& state : call.states) layers.states.push_back(state.to(dtype));
  auto results = gradients ? with_gradients(layers) : without_gradients(layers);
  if (call.batch_first) results[0] = results[0].transpose(0, 1);
  return results;
}

std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& input, at::TensorList hx, at::TensorList params,
                                        bool has_biases, std::int64_t num_layers, double dropout, bool train,
                                        bool bidirectional, bool batch_first) {
  const auto results = recurrent({Recurrence::lstm, input, hx.vec(), params, has_biases, num_layers, dropout,
                                  train, bidirectional, batch_first});
  return {results[0], results[1], results[2]};
}

template <Recurrence kind>
std::tuple<Tensor, Tensor> rnn(const Tensor& input, const Tensor& hx, at::TensorList params, bool has_biases,
                               std::int64_t num_layers, double dropout, bool train, bool bidirectional,
                               bool batch_first) {
  const auto results = recurrent(
      {kind, input, {hx}, params, has_biases, num_layers, dropout, train, bidirectional, batch_first});
  return {results[0], results[1]};
}

void register_layers(torch::Library& m) {
  m.impl("lstm.input", lstm);
  m.impl("lstm.data", packed_lstm);
  m.impl("gru.input", rnn<Recurrence::gru>);
  m.impl("rnn_tanh.input", rnn<Recurrence::rnn_tanh>);
  m.impl("rnn_relu.input", rnn<Recurrence::rnn_relu>);
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(aten, XPU, m) { ipex::aten::register_layers(m); }
TORCH_LIBRARY_IMPL(aten, AutogradXPU, m) { ipex::aten::register_layers(m); }
