#include "onednn/recurrent.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/util/SmallVector.h>

#include <initializer_list>
#include <utility>
#include <vector>

#include "onednn/engine.h"
#include "onednn/post_ops.h"
#include "onednn/primitive_cache.h"
#include "runtime/libraries.h"
#include "runtime/strides.h"

namespace ipex::onednn {
namespace {

using at::Tensor;
using dnnl::memory;
using Tag = memory::format_tag;

memory::dims strides_of(const Tensor& tensor) {
  const auto strides = runtime::canonical_strides(tensor);
  return {strides.begin(), strides.end()};
}

// Sizes of a layer, and the library's descriptions of its tensors.
struct Shape {
  memory::dim steps, batch, features, hidden;
  c10::DeviceIndex device;
  c10::ScalarType dtype;
  Recurrence kind;
  bool reverse, train;
  memory::dims input_strides, output_strides;
  memory::dim gates;

  inline static const memory::desc none;  // no peepholes, no projection

  Shape(const RecurrentLayer& layer, bool trains, const Tensor& output = {})
      : steps(layer.input.size(0)),
        batch(layer.input.size(1)),
        features(layer.input.size(2)),
        hidden(layer.hidden.size(1)),
        device(layer.input.device().index()),
        dtype(layer.input.scalar_type()),
        kind(layer.kind),
        reverse(layer.reverse),
        train(trains),
        input_strides(strides_of(layer.input)),
        output_strides(output.defined() ? strides_of(output) : memory::dims{batch * hidden, hidden, 1}),
        gates(gates_of(layer.kind)) {}

  bool has_cell() const { return kind == Recurrence::lstm; }

  Key key(char name) const {
    Key key(name);
    append_common_attributes(key);
    key.append(device);
    key.append(static_cast<int>(dtype));
    key.append(static_cast<int>(kind));
    key.append(c10::IntArrayRef{steps, batch, features, hidden});
    key.append(input_strides);
    key.append(output_strides);
    key.append(reverse);
    key.append(train);
    return key;
  }

  memory::desc input() const { return {{steps, batch, features}, data_type(dtype), input_strides}; }
  memory::desc output() const { return {{steps, batch, hidden}, data_type(dtype), output_strides}; }
  memory::desc state() const { return {{1, 1, batch, hidden}, data_type(dtype), Tag::ldnc}; }
  // Gradients are float32 whatever the dtype.
  memory::desc sequence_gradient(memory::dim size) const {
    return {{steps, batch, size}, memory::data_type::f32, Tag::tnc};
  }
  memory::desc state_gradient() const { return {{1, 1, batch, hidden}, memory::data_type::f32, Tag::ldnc}; }
  memory::desc bias() const { return {{1, 1, biases_of(kind), hidden}, memory::data_type::f32, Tag::ldgo}; }
  memory::desc weight(memory::dim size, Tag tag) const {
    return {{1, 1, size, gates, hidden}, data_type(dtype), tag};
  }
  memory::desc weight_gradient(memory::dim size) const {
    const auto row = weight_gradient_row();
    return {{1, 1, size, gates, hidden}, memory::data_type::f32, {size * row, size * row, row, hidden, 1}};
  }
  // From one row of a weight's gradient to the next: not in the same set of a cache.
  memory::dim weight_gradient_row() const {
    constexpr memory::dim page = 4096 / sizeof(float), line = 64 / sizeof(float);
    return gates * hidden % page == 0 ? gates * hidden + line : gates * hidden;
  }

  // Each: the forward pass, and what the backward pass adds to it.
  template <class Primitive, class... More>
  auto lstm(dnnl::prop_kind pass, const More&... more) const {
    return
        typename Primitive::primitive_desc(engine(device), pass, direction(), input(), state(), state(),
                                           weight(features, Tag::any), weight(hidden, Tag::any), none, none,
                                           bias(), output(), state(), state(), more..., common_attributes());
  }
  template <class Primitive, class... More>
  auto gru(dnnl::prop_kind pass, const More&... more) const {
    return typename Primitive::primitive_desc(engine(device), pass, direction(), input(), state(),
                                              weight(features, Tag::any), weight(hidden, Tag::any), bias(),
                                              output(), state(), more..., common_attributes());
  }
  template <class Primitive, class... More>
  auto rnn(dnnl::prop_kind pass, const More&... more) const {
    const auto activation =
        kind == Recurrence::rnn_relu ? dnnl::algorithm::eltwise_relu : dnnl::algorithm::eltwise_tanh;
    return typename Primitive::primitive_desc(engine(device), pass, activation, direction(), input(), state(),
                                              weight(features, Tag::any), weight(hidden, Tag::any), bias(),
                                              output(), state(), more..., common_attributes());
  }
  dnnl::rnn_direction direction() const {
    return reverse ? dnnl::rnn_direction::unidirectional_right2left
                   : dnnl::rnn_direction::unidirectional_left2right;
  }

  dnnl::primitive_desc_base forward() const {
    const auto pass = train ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    switch (kind) {
      case Recurrence::lstm:
        return lstm<dnnl::lstm_forward>(pass);
      case Recurrence::gru:
        return gru<dnnl::lbr_gru_forward>(pass);
      default:
        return rnn<dnnl::vanilla_rnn_forward>(pass);
    }
  }
  dnnl::primitive_desc_base backward() const {
    constexpr auto pass = dnnl::prop_kind::backward, forward_pass = dnnl::prop_kind::forward_training;
    const auto input = sequence_gradient(features), output = sequence_gradient(hidden),
               state_change = state_gradient();
    const auto input_weight = weight_gradient(features), hidden_weight = weight_gradient(hidden);
    switch (kind) {
      case Recurrence::lstm:
        return lstm<dnnl::lstm_backward>(pass, input, state_change, state_change, input_weight, hidden_weight,
                                         none, none, bias(), output, state_change, state_change,
                                         lstm<dnnl::lstm_forward>(forward_pass));
      case Recurrence::gru:
        return gru<dnnl::lbr_gru_backward>(pass, input, state_change, input_weight, hidden_weight, bias(),
                                           output, state_change, gru<dnnl::lbr_gru_forward>(forward_pass));
      default:
        return rnn<dnnl::vanilla_rnn_backward>(pass, input, state_change, input_weight, hidden_weight, bias(),
                                               output, state_change,
                                               rnn<dnnl::vanilla_rnn_forward>(forward_pass));
    }
  }
};

using Arguments = std::vector<Argument>;

using Description = dnnl::primitive_desc_base;

memory::desc wanted(const Description& description, int argument) {
  return description.query_md(dnnl::query::exec_arg_md, argument);
}

void add_states(Arguments& arguments, const Shape& shape, Access access, const memory::desc& state,
                int hidden, int cell) {
  arguments.push_back(as_given(hidden, access, state));
  if (shape.has_cell()) arguments.push_back(as_given(cell, access, state));
}

// Of the forward pass, which the backward pass reads too: in the order of inputs().
void add_inputs(Arguments& arguments, const Shape& shape, const Description& description) {
  arguments.push_back(as_given(DNNL_ARG_SRC_LAYER, Access::read, shape.input()));
  add_states(arguments, shape, Access::read, shape.state(), DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C);
  arguments.push_back({DNNL_ARG_WEIGHTS_LAYER, Access::read, shape.weight(shape.features, Tag::ldgoi),
                       wanted(description, DNNL_ARG_WEIGHTS_LAYER)});
  arguments.push_back({DNNL_ARG_WEIGHTS_ITER, Access::read, shape.weight(shape.hidden, Tag::ldgoi),
                       wanted(description, DNNL_ARG_WEIGHTS_ITER)});
  arguments.push_back(as_given(DNNL_ARG_BIAS, Access::read, shape.bias()));
}

// The addresses of the tensors that there are.
using Data = c10::SmallVector<void*, 20>;
void append(Data& data, std::initializer_list<Tensor> tensors) {
  for (const auto& tensor : tensors) {
    if (tensor.defined()) data.push_back(tensor.data_ptr());
  }
}

Data inputs(const RecurrentLayer& layer) {
  Data data;
  append(data, {layer.input, layer.hidden, layer.cell, layer.input_weight, layer.hidden_weight, layer.bias});
  return data;
}

void add_results(Arguments& arguments, const Shape& shape, Access access) {
  arguments.push_back(as_given(DNNL_ARG_DST_LAYER, access, shape.output()));
  add_states(arguments, shape, access, shape.state(), DNNL_ARG_DST_ITER, DNNL_ARG_DST_ITER_C);
}

Operation make_forward(const Shape& shape) {
  const auto description = shape.forward();
  Arguments arguments;
  add_inputs(arguments, shape, description);
  add_results(arguments, shape, Access::write);
  if (shape.train) {
    arguments.push_back(as_given(DNNL_ARG_WORKSPACE, Access::write, wanted(description, DNNL_ARG_WORKSPACE)));
  }
  return {shape.device, dnnl::primitive(description.get()), description, std::move(arguments)};
}

Operation make_backward(const Shape& shape) {
  const auto description = shape.backward();
  const auto state = shape.state_gradient();
  Arguments arguments;
  add_inputs(arguments, shape, description);
  add_results(arguments, shape, Access::read);
  arguments.push_back(as_given(DNNL_ARG_WORKSPACE, Access::read, wanted(description, DNNL_ARG_WORKSPACE)));
  arguments.push_back(as_given(DNNL_ARG_DIFF_DST_LAYER, Access::read, shape.sequence_gradient(shape.hidden)));
  add_states(arguments, shape, Access::read, state, DNNL_ARG_DIFF_DST_ITER, DNNL_ARG_DIFF_DST_ITER_C);
  arguments.push_back(
      as_given(DNNL_ARG_DIFF_SRC_LAYER, Access::write, shape.sequence_gradient(shape.features)));
  add_states(arguments, shape, Access::write, state, DNNL_ARG_DIFF_SRC_ITER, DNNL_ARG_DIFF_SRC_ITER_C);
  arguments.push_back(
      as_given(DNNL_ARG_DIFF_WEIGHTS_LAYER, Access::write, shape.weight_gradient(shape.features)));
  arguments.push_back(
      as_given(DNNL_ARG_DIFF_WEIGHTS_ITER, Access::write, shape.weight_gradient(shape.hidden)));
  arguments.push_back(as_given(DNNL_ARG_DIFF_BIAS, Access::write, shape.bias()));
  return {shape.device, dnnl::primitive(description.get()), description, std::move(arguments)};
}

// Runs `function`; an error of the library becomes one that names the operator and the layer.
template <class Function>
auto checked(const char* name, const RecurrentLayer& layer, Function function) {
  try {
    return function();
  } catch (const dnnl::error& error) {
    TORCH_CHECK(false, name, ": oneDNN has no recurrent layer for ", layer.input.toString(),
                layer.input.sizes(), " with a state of ", layer.hidden.size(1), " on ", layer.input.device(),
                ": ", error.what());
  }
}

}  // namespace

const char* recurrent_refusal(const c10::Device& device, c10::ScalarType dtype) {
  if (!runtime::libraries_allowed()) return "IPEX_XPU_LIBRARIES is none";
  const auto support = dtype_support(device.index(), dtype);
  const bool taken = (dtype == c10::kFloat || dtype == c10::kBFloat16) &&
                     (support == DtypeSupport::native || support == DtypeSupport::imitated);
  return taken ? nullptr : "oneDNN has no recurrent layers of this dtype on this device";
}

RecurrentResult recurrent(const RecurrentLayer& layer, bool train, RecurrentResult result) {
  return checked("recurrent", layer, [&] {
    const Shape shape(layer, train, result.output);
    const auto operation = cached(shape.key('l'), [&] { return make_forward(shape); });
    if (!result.output.defined()) {
      result = {at::empty({shape.steps, shape.batch, shape.hidden}, layer.input.options()),
                at::empty_like(layer.hidden),
                shape.has_cell() ? at::empty_like(layer.cell) : Tensor(),
                {}};
    }
    if (train) {
      const auto bytes = operation->bytes_of(DNNL_ARG_WORKSPACE);
      result.workspace =
          at::empty({static_cast<std::int64_t>(bytes)}, layer.input.options().dtype(at::kByte));
    }
    auto data = inputs(layer);
    append(data, {result.output, result.hidden, result.cell, result.workspace});
    operation->run({data.data(), data.size()});
    return result;
  });
}

RecurrentGradients recurrent_backward(const RecurrentLayer& layer, const RecurrentResult& result,
                                      const Tensor& output, const Tensor& hidden, const Tensor& cell) {
  return checked("recurrent_backward", layer, [&] {
    const Shape shape(layer, true);
    const auto operation = cached(shape.key('b'), [&] { return make_backward(shape); });
    const auto single = layer.input.options().dtype(at::kFloat);
    // The library adds to the gradients of weights and bias.
    const auto weight = [&](std::int64_t size) {
      return at::zeros({size, shape.weight_gradient_row()}, single).narrow(1, 0, shape.gates * shape.hidden);
    };
    RecurrentGradients gradients{at::empty_like(layer.input, single),
                                 weight(shape.features),
                                 weight(shape.hidden),
                                 at::zeros({biases_of(shape.kind) * shape.hidden}, single),
                                 at::empty_like(layer.hidden, single),
                                 shape.has_cell() ? at::empty_like(layer.cell, single) : Tensor()};
    auto data = inputs(layer);
    append(data, {result.output, result.hidden, result.cell, result.workspace, output, hidden, cell,
                  gradients.input, gradients.hidden, gradients.cell, gradients.input_weight,
                  gradients.hidden_weight, gradients.bias});
    operation->run({data.data(), data.size()});
    gradients.input_weight = gradients.input_weight.t();
    gradients.hidden_weight = gradients.hidden_weight.t();
    return gradients;
  });
}

}  // namespace ipex::onednn
