#include "onednn/lstm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/util/SmallVector.h>

#include <utility>
#include <vector>

#include "onednn/engine.h"
#include "onednn/post_ops.h"
#include "onednn/primitive_cache.h"
#include "runtime/libraries.h"

namespace ipex::onednn {
namespace {

using at::Tensor;
using dnnl::memory;
using Tag = memory::format_tag;

// Sizes of a layer, and the library's descriptions of its tensors.
struct Shape {
  memory::dim steps, batch, features, hidden;
  c10::DeviceIndex device;
  c10::ScalarType dtype;
  bool reverse, train;
  memory::dim output_row;  // from one batch's row of the output to the next

  static constexpr memory::dim gates = 4;
  inline static const memory::desc none;  // no peepholes, no projection

  Shape(const LstmLayer& layer, bool trains, const Tensor& output = {})
      : steps(layer.input.size(0)),
        batch(layer.input.size(1)),
        features(layer.input.size(2)),
        hidden(layer.hidden.size(1)),
        device(layer.input.device().index()),
        dtype(layer.input.scalar_type()),
        reverse(layer.reverse),
        train(trains),
        output_row(output.defined() ? output.stride(1) : hidden) {}

  Key key(char name) const {
    Key key(name);
    append_common_attributes(key);
    key.append(device);
    key.append(static_cast<int>(dtype));
    key.append(c10::IntArrayRef{steps, batch, features, hidden, output_row});
    key.append(reverse);
    key.append(train);
    return key;
  }

  memory::desc sequence(memory::dim size) const { return {{steps, batch, size}, data_type(dtype), Tag::tnc}; }
  memory::desc output() const {
    return {{steps, batch, hidden}, data_type(dtype), {batch * output_row, output_row, 1}};
  }
  memory::desc state() const { return {{1, 1, batch, hidden}, data_type(dtype), Tag::ldnc}; }
  // Gradients are float32 whatever the dtype.
  memory::desc sequence_gradient(memory::dim size) const {
    return {{steps, batch, size}, memory::data_type::f32, Tag::tnc};
  }
  memory::desc state_gradient() const { return {{1, 1, batch, hidden}, memory::data_type::f32, Tag::ldnc}; }
  memory::desc bias() const { return {{1, 1, gates, hidden}, memory::data_type::f32, Tag::ldgo}; }
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

  dnnl::lstm_forward::primitive_desc forward() const {
    return describe<dnnl::lstm_forward::primitive_desc>(train ? dnnl::prop_kind::forward_training
                                                              : dnnl::prop_kind::forward_inference);
  }
  dnnl::lstm_backward::primitive_desc backward(const dnnl::lstm_forward::primitive_desc& forward_pass) const {
    return describe<dnnl::lstm_backward::primitive_desc>(
        dnnl::prop_kind::backward, sequence_gradient(features), state_gradient(), state_gradient(),
        weight_gradient(features), weight_gradient(hidden), none, none, bias(), sequence_gradient(hidden),
        state_gradient(), state_gradient(), forward_pass);
  }

 private:
  // The forward pass, and what the backward pass adds to it.
  template <class Description, class... More>
  Description describe(dnnl::prop_kind kind, const More&... more) const {
    return {engine(device),
            kind,
            direction(),
            sequence(features),
            state(),
            state(),
            weight(features, Tag::any),
            weight(hidden, Tag::any),
            none,
            none,
            bias(),
            output(),
            state(),
            state(),
            more...,
            common_attributes()};
  }
  dnnl::rnn_direction direction() const {
    return reverse ? dnnl::rnn_direction::unidirectional_right2left
                   : dnnl::rnn_direction::unidirectional_left2right;
  }
};

using Arguments = std::vector<Argument>;

// Of the forward pass, which the backward pass reads too: in the order of inputs().
template <class Description>
void add_inputs(Arguments& arguments, const Shape& shape, const Description& description) {
  arguments.push_back(as_given(DNNL_ARG_SRC_LAYER, Access::read, shape.sequence(shape.features)));
  arguments.push_back(as_given(DNNL_ARG_SRC_ITER, Access::read, shape.state()));
  arguments.push_back(as_given(DNNL_ARG_SRC_ITER_C, Access::read, shape.state()));
  arguments.push_back({DNNL_ARG_WEIGHTS_LAYER, Access::read, shape.weight(shape.features, Tag::ldgoi),
                       description.weights_layer_desc()});
  arguments.push_back({DNNL_ARG_WEIGHTS_ITER, Access::read, shape.weight(shape.hidden, Tag::ldgoi),
                       description.weights_iter_desc()});
  arguments.push_back(as_given(DNNL_ARG_BIAS, Access::read, shape.bias()));
}

c10::SmallVector<void*, 20> inputs(const LstmLayer& layer) {
  return {layer.input.data_ptr(),        layer.hidden.data_ptr(),        layer.cell.data_ptr(),
          layer.input_weight.data_ptr(), layer.hidden_weight.data_ptr(), layer.bias.data_ptr()};
}

void add_results(Arguments& arguments, const Shape& shape, Access access) {
  arguments.push_back(as_given(DNNL_ARG_DST_LAYER, access, shape.output()));
  arguments.push_back(as_given(DNNL_ARG_DST_ITER, access, shape.state()));
  arguments.push_back(as_given(DNNL_ARG_DST_ITER_C, access, shape.state()));
}

Operation make_forward(const Shape& shape) {
  const auto description = shape.forward();
  Arguments arguments;
  add_inputs(arguments, shape, description);
  add_results(arguments, shape, Access::write);
  if (shape.train)
    arguments.push_back(as_given(DNNL_ARG_WORKSPACE, Access::write, description.workspace_desc()));
  return {shape.device, dnnl::lstm_forward(description), description, std::move(arguments)};
}

Operation make_backward(const Shape& shape) {
  const auto forward = shape.forward();
  const auto description = shape.backward(forward);
  Arguments arguments;
  add_inputs(arguments, shape, description);
  add_results(arguments, shape, Access::read);
  arguments.push_back(as_given(DNNL_ARG_WORKSPACE, Access::read, forward.workspace_desc()));
  arguments.push_back(as_given(DNNL_ARG_DIFF_DST_LAYER, Access::read, shape.sequence_gradient(shape.hidden)));
  arguments.push_back(as_given(DNNL_ARG_DIFF_DST_ITER, Access::read, shape.state_gradient()));
  arguments.push_back(as_given(DNNL_ARG_DIFF_DST_ITER_C, Access::read, shape.state_gradient()));
  arguments.push_back(
      as_given(DNNL_ARG_DIFF_SRC_LAYER, Access::write, shape.sequence_gradient(shape.features)));
  arguments.push_back(as_given(DNNL_ARG_DIFF_SRC_ITER, Access::write, shape.state_gradient()));
  arguments.push_back(as_given(DNNL_ARG_DIFF_SRC_ITER_C, Access::write, shape.state_gradient()));
  arguments.push_back(
      as_given(DNNL_ARG_DIFF_WEIGHTS_LAYER, Access::write, shape.weight_gradient(shape.features)));
  arguments.push_back(
      as_given(DNNL_ARG_DIFF_WEIGHTS_ITER, Access::write, shape.weight_gradient(shape.hidden)));
  arguments.push_back(as_given(DNNL_ARG_DIFF_BIAS, Access::write, shape.bias()));
  return {shape.device, dnnl::lstm_backward(description), description, std::move(arguments)};
}

// Runs `function`; an error of the library becomes one that names the operator and the layer.
template <class Function>
auto checked(const char* name, const LstmLayer& layer, Function function) {
  try {
    return function();
  } catch (const dnnl::error& error) {
    TORCH_CHECK(false, name, ": oneDNN has no LSTM for ", layer.input.toString(), layer.input.sizes(),
                " with a state of ", layer.hidden.size(1), " on ", layer.input.device(), ": ", error.what());
  }
}

}  // namespace

const char* lstm_refusal(const c10::Device& device, c10::ScalarType dtype) {
  if (!runtime::libraries_allowed()) return "IPEX_XPU_LIBRARIES is none";
  return (dtype == c10::kFloat || dtype == c10::kBFloat16) &&
                 dtype_support(device.index(), dtype) == DtypeSupport::native
             ? nullptr
             : "oneDNN has no LSTM of this dtype on this device";
}

LstmResult lstm(const LstmLayer& layer, bool train, LstmResult result) {
  return checked("lstm", layer, [&] {
    const Shape shape(layer, train, result.output);
    const auto operation = cached(shape.key('l'), [&] { return make_forward(shape); });
    if (!result.output.defined())
      result = {at::empty({shape.steps, shape.batch, shape.hidden}, layer.input.options()),
                at::empty_like(layer.hidden),
                at::empty_like(layer.cell),
                {}};
    auto data = inputs(layer);
    for (const auto& tensor : {result.output, result.hidden, result.cell}) data.push_back(tensor.data_ptr());
    if (train) {
      const auto bytes = operation->bytes_of(DNNL_ARG_WORKSPACE);
      result.workspace =
          at::empty({static_cast<std::int64_t>(bytes)}, layer.input.options().dtype(at::kByte));
      data.push_back(result.workspace.data_ptr());
    }
    operation->run({data.data(), data.size()});
    return result;
  });
}

LstmGradients lstm_backward(const LstmLayer& layer, const LstmResult& result, const Tensor& output,
                            const Tensor& hidden, const Tensor& cell) {
  return checked("lstm_backward", layer, [&] {
    const Shape shape(layer, true);
    const auto operation = cached(shape.key('b'), [&] { return make_backward(shape); });
    const auto single = layer.input.options().dtype(at::kFloat);
    // The library adds to the gradients of weights and bias.
    const auto weight = [&](std::int64_t size) {
      return at::zeros({size, shape.weight_gradient_row()}, single).narrow(1, 0, Shape::gates * shape.hidden);
    };
    LstmGradients gradients{at::empty_like(layer.input, single),
                            weight(shape.features),
                            weight(shape.hidden),
                            at::zeros({Shape::gates * shape.hidden}, single),
                            at::empty_like(layer.hidden, single),
                            at::empty_like(layer.cell, single)};
    auto data = inputs(layer);
    for (const auto& tensor : {result.output, result.hidden, result.cell, result.workspace, output, hidden,
                               cell, gradients.input, gradients.hidden, gradients.cell,
                               gradients.input_weight, gradients.hidden_weight, gradients.bias}) {
      data.push_back(tensor.data_ptr());
    }
    operation->run({data.data(), data.size()});
    gradients.input_weight = gradients.input_weight.t();
    gradients.hidden_weight = gradients.hidden_weight.t();
    return gradients;
  });
}

}  // namespace ipex::onednn
