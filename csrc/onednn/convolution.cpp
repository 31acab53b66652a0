#include "onednn/convolution.h"

#include <c10/util/accumulate.h>

#include "onednn/engine.h"
#include "runtime/libraries.h"

namespace ipex::onednn {
namespace {

using at::Tensor;
using dnnl::memory;

enum class Pass : int { forward, backward_data, backward_weights };

struct Problem {
  Pass pass;
  Tensor x, w, y, bias;
  ConvolutionGeometry geometry;
  bool channels_last;
};

memory::dims dims(c10::IntArrayRef values) { return {values.begin(), values.end()}; }

memory::dims dense_strides(c10::IntArrayRef sizes, bool channels_last) {
  const auto dimensions = static_cast<std::int64_t>(sizes.size());
  memory::dims strides(dimensions);
  std::int64_t stride = 1;
  if (channels_last) {
    strides[1] = 1;
    stride = sizes[1];
  }
  for (auto dimension = dimensions - 1; dimension >= 0; --dimension) {
    if (channels_last && dimension == 1) continue;
    strides[dimension] = stride;
    stride *= sizes[dimension];
  }
  return strides;
}

memory::desc describe(const Tensor& tensor, bool channels_last) {
  return {dims(tensor.sizes()), data_type(tensor.scalar_type()),
          dense_strides(tensor.sizes(), channels_last)};
}

memory::desc describe_weights(const Problem& problem) {
  const auto sizes = problem.w.sizes();
  auto grouped = dims(sizes);
  auto strides = dense_strides(sizes, problem.channels_last);
  const auto groups = problem.geometry.groups;
  if (groups > 1) {
    grouped[0] /= groups;
    grouped.insert(grouped.begin(), groups);
    strides.insert(strides.begin(), strides[0] * grouped[1]);
  }
  return {grouped, data_type(problem.w.scalar_type()), strides};
}

// How the primitive may want its operands.
struct Wanted {
  bool free_layout;
  bool single_precision;

  memory::desc of(const memory::desc& given, bool free) const {
    const auto type = single_precision ? memory::data_type::f32 : given.get_data_type();
    if (free) return {given.get_dims(), type, memory::format_tag::any};
    return {given.get_dims(), type, given.get_strides()};
  }
};

// The CPU library is slow on contiguous (not channels-last) activations. Copying them to the layout it likes
// costs about 0.1 ns per byte and gains, as measured with AVX2: a third of the time of 3x3 convolutions, a
// factor of 6 to 15 with groups, nothing for 1x1, and backwards into few channels even loses.
bool worth_reordering(const Problem& problem) {
  const auto device = problem.x.device().index();
  if (problem.channels_last || engine(device).get_kind() != dnnl::engine::kind::cpu) return false;
  if (problem.geometry.groups > 1) return true;
  const auto taps = c10::multiply_integers(problem.w.sizes().slice(2));
  if (taps == 1) return false;
  constexpr std::int64_t few_channels = 8;
  if (problem.pass == Pass::backward_data && problem.w.size(1) < few_channels) return false;
  const double operations = 2.0 * static_cast<double>(problem.y.numel()) * problem.w.size(1) * taps;
  constexpr double operations_per_element = 200;
  return operations > operations_per_element * static_cast<double>(problem.x.numel() + problem.y.numel());
}

// What has to follow x so that the kernel's last position is the last element of y.
memory::dims padding_after(const Problem& problem) {
  const auto& [stride, padding, dilation, groups] = problem.geometry;
  memory::dims after = dims(padding);
  for (std::size_t axis = 0; axis < after.size(); ++axis) {
    const auto extent = dilation[axis] * (problem.w.size(2 + axis) - 1) + 1;
    const auto room = problem.x.size(2 + axis) + 2 * padding[axis] - extent;
    const auto positions = problem.y.size(2 + axis);
    if (room / stride[axis] + 1 != positions) after[axis] += (positions - 1) * stride[axis] - room;
  }
  return after;
}

Operation make(const Problem& problem, const PostOps& post_ops, Wanted wanted) {
  const auto device = problem.x.device().index();
  const auto& target = engine(device);
  const auto x = describe(problem.x, problem.channels_last);
  const auto w = describe_weights(problem);
  const auto y = describe(problem.y, problem.channels_last);
  const bool has_bias = problem.bias.defined();
  memory::desc bias;  // one that is made so is not false, but one of no dimensions
  if (has_bias) {
    bias = {dims(problem.bias.sizes()), data_type(problem.bias.scalar_type()), memory::format_tag::a};
  }
  const auto wanted_x = wanted.of(x, wanted.free_layout);
  const auto wanted_w = wanted.of(w, true);
  const auto wanted_y = wanted.of(y, wanted.free_layout);
  const auto wanted_bias = has_bias ? wanted.of(bias, false) : bias;
  const auto stride = dims(problem.geometry.stride);
  const auto before = dims(problem.geometry.padding);
  const auto after = padding_after(problem);
  auto dilation = dims(problem.geometry.dilation);
  for (auto& distance : dilation) distance -= 1;  // the library counts the gaps

  std::vector<memory::desc> operands(post_ops.operands().size(), y);
  auto attributes = common_attributes();
  if (problem.pass == Pass::forward) attributes.set_post_ops(post_ops.build(operands));
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const dnnl::convolution_forward::primitive_desc forward(
      target, dnnl::prop_kind::forward_training, algorithm, wanted_x, wanted_w, wanted_bias, wanted_y, stride,
      dilation, before, after, attributes);

  const auto access = [&](Pass writes) { return problem.pass == writes ? Access::write : Access::read; };
  const auto arguments = [&](int x_id, int w_id, int y_id, int bias_id, const auto& description) {
    std::vector<Argument> all{{x_id, access(Pass::backward_data), x, {}},
                              {w_id, access(Pass::backward_weights), w, {}},
                              {y_id, access(Pass::forward), y, {}}};
    if (has_bias) all.push_back({bias_id, access(Pass::backward_weights), bias, {}});
    for (auto& argument : all) argument.wanted = description.query_md(dnnl::query::exec_arg_md, argument.id);
    return all;
  };
  switch (problem.pass) {
    case Pass::forward: {
      auto all = arguments(DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS, forward);
      for (std::size_t index = 0; index < operands.size(); ++index) {
        all.push_back({post_ops.operand_argument(index), Access::read, y, y});
      }
      return {device, dnnl::convolution_forward(forward), forward, std::move(all), Reorders::fastest};
    }
    case Pass::backward_data: {
      const dnnl::convolution_backward_data::primitive_desc backward(target, algorithm, wanted_x, wanted_w,
                                                                     wanted_y, stride, dilation, before,
                                                                     after, forward, attributes);
      auto all = arguments(DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, 0, backward);
      return {device, dnnl::convolution_backward_data(backward), backward, std::move(all), Reorders::fastest};
    }
    case Pass::backward_weights: {
      const dnnl::convolution_backward_weights::primitive_desc backward(
          target, algorithm, wanted_x, wanted_w, wanted_bias, wanted_y, stride, dilation, before, after,
          forward, attributes);
      auto all =
          arguments(DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_BIAS, backward);
      return {device, dnnl::convolution_backward_weights(backward), backward, std::move(all),
              Reorders::fastest};
    }
  }
  TORCH_INTERNAL_ASSERT(false);
}

// Some layouts and dtypes the CPU library has only a reference implementation for; others are then worth the
// reorders.
Operation make(const Problem& problem, const PostOps& post_ops) {
  const bool half = problem.x.scalar_type() != c10::kFloat;
  auto operation = make(problem, post_ops, {worth_reordering(problem), false});
  if (operation.is_reference()) operation = make(problem, post_ops, {true, false});
  if (operation.is_reference() && half) operation = make(problem, post_ops, {true, true});
  return operation;
}

// The part of x the kernel reaches. It is less than x where a transposed convolution pads its output further
// than the input: the library takes no negative padding.
Tensor reached(const Problem& problem) {
  auto part = problem.x;
  const auto after = padding_after(problem);
  for (std::size_t axis = 0; axis < after.size(); ++axis) {
    const auto dimension = static_cast<std::int64_t>(axis) + 2;
    if (after[axis] < 0) part = part.narrow(dimension, 0, part.size(dimension) + after[axis]);
  }
  return part;
}

void enqueue(const Problem& problem, const PostOps& post_ops) {
  Key key('c');
  key.append(problem.x.device().index());
  append_common_attributes(key);
  key.append(static_cast<int>(problem.pass));
  key.append(static_cast<int>(problem.x.scalar_type()));
  key.append(problem.channels_last);
  key.append(problem.bias.defined());
  key.append(problem.x.sizes());
  key.append(problem.w.sizes());
  key.append(problem.y.sizes());
  key.append(problem.geometry.stride);
  key.append(problem.geometry.padding);
  key.append(problem.geometry.dilation);
  key.append(problem.geometry.groups);
  post_ops.append_to(key);
  try {
    const auto operation = cached(key, [&] { return make(problem, post_ops); });
    c10::SmallVector<void*, 8> data{problem.x.data_ptr(), problem.w.data_ptr(), problem.y.data_ptr()};
    if (problem.bias.defined()) data.push_back(problem.bias.data_ptr());
    for (const auto& operand : post_ops.operands()) data.push_back(operand.data_ptr());
    operation->run({data.data(), data.size()});
  } catch (const dnnl::error& error) {
    TORCH_CHECK(false, "convolution: oneDNN can not convolve ", problem.x.toString(), problem.x.sizes(),
                " with weights ", problem.w.sizes(), " to ", problem.y.sizes(), " on ", problem.x.device(),
                ": ", error.what());
  }
}

void run(Problem problem, const PostOps& post_ops = {}) {
  const auto part = reached(problem);
  if (part.is_same(problem.x)) return enqueue(problem, post_ops);
  const auto whole = problem.x;
  problem.x = part.contiguous(whole.suggest_memory_format());
  enqueue(problem, post_ops);
  if (problem.pass != Pass::backward_data) return;
  whole.zero_();
  part.copy_(problem.x);
}

bool is_channels_last(const Tensor& tensor) {
  return tensor.is_contiguous(at::MemoryFormat::ChannelsLast) ||
         tensor.is_contiguous(at::MemoryFormat::ChannelsLast3d);
}

// Where a shape fits both layouts, all three tensors have to agree on one.
bool all_channels_last(const Tensor& x, const Tensor& w, const Tensor& y) {
  return !(x.is_contiguous() && w.is_contiguous() && y.is_contiguous()) && is_channels_last(x) &&
         is_channels_last(w) && is_channels_last(y);
}

}  // namespace

const char* convolution_refusal(const c10::Device& device, c10::ScalarType dtype) {
  if (!runtime::libraries_allowed()) return "IPEX_XPU_LIBRARIES is none";
  return dtype_support(device.index(), dtype) == DtypeSupport::none
             ? "oneDNN has no convolution of this dtype on this device"
             : nullptr;
}

void convolution_forward(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias,
                         const ConvolutionGeometry& geometry, const PostOps& post_ops) {
  run({Pass::forward, x, w, y, bias, geometry, all_channels_last(x, w, y)}, post_ops);
}

void convolution_backward_data(const Tensor& x, const Tensor& y, const Tensor& w,
                               const ConvolutionGeometry& geometry) {
  run({Pass::backward_data, x, w, y, {}, geometry, all_channels_last(x, w, y)});
}

void convolution_backward_weights(const Tensor& w, const Tensor& bias, const Tensor& y, const Tensor& x,
                                  const ConvolutionGeometry& geometry) {
  run({Pass::backward_weights, x, w, y, bias, geometry, all_channels_last(x, w, y)});
}

}  // namespace ipex::onednn
