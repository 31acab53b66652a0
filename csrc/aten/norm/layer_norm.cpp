// Layer and RMS normalization.
#include <ATen/native/layer_norm.h>
#include <ATen/ops/_fused_rms_norm_backward_native.h>
#include <ATen/ops/_fused_rms_norm_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_layer_norm_backward_native.h>
#include <ATen/ops/native_layer_norm_native.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

#include "aten/dtypes.h"
#include "aten/pointwise/elementwise.h"
#include "aten/reduce/reduce.h"
#include "kernels/norm_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;
using kernels::RowNormParams;

// The rows of an input whose last dimensions are normalized together.
struct Rows {
  std::int64_t rows, size;
};

Rows rows_of(const Tensor& input, at::IntArrayRef shape, const Tensor& weight, const Tensor& bias) {
  const auto [rows, size] = at::native::_check_layer_norm_inputs(input, shape, weight, bias);
  return {rows, size};
}

Tensor defined_or_empty(const std::optional<Tensor>& tensor) { return tensor.value_or(Tensor()); }

// Weight and bias may be of the input's dtype or of the one it is computed in; both of one dtype.
c10::ScalarType parameter_dtype(const char* name, const Tensor& input, const Tensor& weight,
                                const Tensor& bias) {
  const auto own = input.scalar_type();
  const auto dtype = weight.defined() ? weight.scalar_type() : bias.defined() ? bias.scalar_type() : own;
  TORCH_CHECK(dtype == own || dtype == opmath_dtype(own), name, ": expected weight and bias of dtype ", own,
              " or ", opmath_dtype(own), ", but got ", dtype);
  TORCH_CHECK(!bias.defined() || bias.scalar_type() == dtype, name,
              ": expected weight and bias of one dtype, but got ", dtype, " and ", bias.scalar_type());
  return dtype;
}

const void* data_of(const Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr() : nullptr; }

Tensor contiguous_or_empty(const Tensor& tensor) { return tensor.defined() ? tensor.contiguous() : tensor; }

void launch_rows(const RowKernel& kernel, bool rms, const Tensor& input, c10::ScalarType parameters,
                 Rows rows, RowNormParams& params) {
  params.rows = rows.rows;
  params.size = rows.size;
  const auto& [name, range] = kernel;
  launch("norm",
         instantiation(name, rms ? "true" : "false", type_name(input.scalar_type()), type_name(parameters)),
         range, params);
}

struct Forward {
  Tensor output, mean, scale;
};

Forward forward(const char* name, bool rms, const Tensor& self, Rows rows, at::IntArrayRef shape,
                const Tensor& weight_or_empty, const Tensor& bias_or_empty, double epsilon) {
  check_dtype(name, self.scalar_type());
  const auto input = self.contiguous();
  const auto weight = contiguous_or_empty(weight_or_empty);
  const auto bias = contiguous_or_empty(bias_or_empty);
  const auto parameters = parameter_dtype(name, input, weight, bias);
  auto statistics = input.sizes().vec();
  for (auto d = input.dim() - static_cast<std::int64_t>(shape.size()); d < input.dim(); ++d)
    statistics[d] = 1;
  const auto options = input.options().dtype(opmath_dtype(input.scalar_type()));
  Forward result{at::empty_like(input), rms ? Tensor() : at::empty(statistics, options),
                 at::empty(statistics, options)};
  if (rows.rows > 0) {
    RowNormParams params{};
    params.input = input.const_data_ptr();
    params.weight = data_of(weight);
    params.bias = data_of(bias);
    params.output = result.output.mutable_data_ptr();
    params.mean = rms ? nullptr : result.mean.mutable_data_ptr();
    params.scale = result.scale.mutable_data_ptr();
    store_scalars(input.scalar_type(), {epsilon}, params.epsilon);
    launch_rows(row_kernel("norm_rows", rows.rows), rms, input, parameters, rows, params);
  }
  return result;
}

struct Gradients {
  Tensor input, weight, bias;
};

// What both gradients are computed from.
struct Backward {
  const char* name;
  bool rms;
  Tensor gradient, input, mean, scale, weight;
  c10::ScalarType parameters;
  Rows rows;
};

// With `sums`, also adds up the parameters' gradients in [groups, size] tensors that it makes.
Tensor input_gradient(const Backward& backward, const RowKernel& kernel, Gradients* sums) {
  const auto& [name, rms, gradient, input, mean, scale, weight, parameters, rows] = backward;
  auto result = at::empty_like(input);
  if (result.numel() == 0) return result;
  RowNormParams params{};
  params.gradient = gradient.const_data_ptr();
  params.input = input.const_data_ptr();
  params.weight = data_of(weight);
  params.output = result.mutable_data_ptr();
  params.mean = rms ? nullptr : mean.mutable_data_ptr();
  params.scale = scale.mutable_data_ptr();
  if (sums != nullptr) {
    sums->weight = at::empty({kernel.range.groups, rows.size}, scale.options());
    params.weight_sums = sums->weight.mutable_data_ptr();
    if (!rms) {
      sums->bias = at::empty_like(sums->weight);
      params.bias_sums = sums->bias.mutable_data_ptr();
    }
  }
  launch_rows(kernel, rms, input, parameters, rows, params);
  return result;
}

// Gradients of weight and bias from the rows.
Gradients parameter_gradients(const Backward& backward) {
  const auto& [name, rms, gradient, input, mean, scale, weight, parameters, rows] = backward;
  const auto options = input.options().dtype(parameters);
  Gradients result{{}, at::empty({1, rows.size}, options), at::empty({1, rows.size}, options)};
  Reduction reduction{name, "row_gradients", input.scalar_type()};
  reduction.context = {data_of(mean), data_of(scale)};
  const std::array<std::int64_t, 2> shape{rows.rows, rows.size};
  reduce(reduction, {gradient.view(shape), input.view(shape)}, {result.weight, result.bias}, DimMask(1));
  return result;
}

Tensor sum_of_groups(const Backward& backward, const Tensor& sums) {
  auto result = at::empty({1, backward.rows.size}, sums.options().dtype(backward.parameters));
  reduce({backward.name, "sum", sums.scalar_type()}, {sums}, {result}, DimMask(1));
  return result;
}

// Whether the rows that a work-group takes are so many that their sums are little beside them.
bool sums_by_groups(Rows rows, std::int64_t groups) {
  constexpr std::int64_t fewest_rows = 4, narrowest = 16;
  return walks_alone() && rows.size >= narrowest && rows.rows > 0 && rows.rows >= fewest_rows * groups;
}

// The gradients that are asked for; those of the parameters have the shape of `shape`.
Gradients gradients(const Backward& backward, at::IntArrayRef shape, bool of_input, bool of_parameters) {
  Gradients result, sums;
  const auto kernel = row_kernel("norm_rows_backward", backward.rows.rows);
  const bool together = of_input && of_parameters && sums_by_groups(backward.rows, kernel.range.groups);
  if (of_input) result.input = input_gradient(backward, kernel, together ? &sums : nullptr);
  if (!of_parameters) return result;
  if (together) {
    result.weight = sum_of_groups(backward, sums.weight);
    if (!backward.rms) result.bias = sum_of_groups(backward, sums.bias);
  } else {
    auto of_rows = parameter_gradients(backward);
    result.weight = of_rows.weight;
    result.bias = of_rows.bias;
  }
  for (auto* parameter : {&result.weight, &result.bias}) {
    if (parameter->defined()) *parameter = parameter->view(shape);
  }
  return result;
}

// Statistics as the kernels read them: another backend's or dtype's are converted.
Tensor statistics(const Tensor& tensor, const Tensor& input) {
  return tensor.to(opmath_dtype(input.scalar_type())).contiguous();
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor, Tensor> native_layer_norm_xpu(const Tensor& input, IntArrayRef normalized_shape,
                                                         const std::optional<Tensor>& weight,
                                                         const std::optional<Tensor>& bias, double eps) {
  const auto w = defined_or_empty(weight), b = defined_or_empty(bias);
  auto result = forward("native_layer_norm", false, input, rows_of(input, normalized_shape, w, b),
                        normalized_shape, w, b, eps);
  return {result.output, result.mean, result.scale};
}

std::tuple<Tensor, Tensor, Tensor> native_layer_norm_backward_xpu(const Tensor& grad_out, const Tensor& input,
                                                                  IntArrayRef normalized_shape,
                                                                  const Tensor& mean, const Tensor& rstd,
                                                                  const std::optional<Tensor>& weight,
                                                                  const std::optional<Tensor>& bias,
                                                                  std::array<bool, 3> output_mask) {
  const auto w = contiguous_or_empty(defined_or_empty(weight)), b = defined_or_empty(bias);
  const auto rows = rows_of(input, normalized_shape, w, b);
  const auto dtype = parameter_dtype("native_layer_norm_backward", input, w, b);
  const auto x = input.contiguous(), gradient = grad_out.contiguous();
  const auto means = statistics(mean, x), scales = statistics(rstd, x);
  const auto result =
      gradients({"native_layer_norm_backward", false, gradient, x, means, scales, w, dtype, rows},
                normalized_shape, output_mask[0], output_mask[1] || output_mask[2]);
  return {result.input, output_mask[1] ? result.weight : Tensor(), output_mask[2] ? result.bias : Tensor()};
}

std::tuple<Tensor, Tensor> _fused_rms_norm_xpu(const Tensor& input, IntArrayRef normalized_shape,
                                               const std::optional<Tensor>& weight,
                                               std::optional<double> eps) {
  const auto w = defined_or_empty(weight);
  const double smallest = AT_DISPATCH_FLOATING_TYPES(
      opmath_dtype(input.scalar_type()), "_fused_rms_norm",
      [] { return static_cast<double>(std::numeric_limits<scalar_t>::epsilon()); });
  auto result = forward("_fused_rms_norm", true, input, rows_of(input, normalized_shape, w, {}),
                        normalized_shape, w, {}, eps.value_or(smallest));
  return {result.output, result.scale};
}

std::tuple<Tensor, Tensor> _fused_rms_norm_backward_xpu(const Tensor& grad_out, const Tensor& input,
                                                        IntArrayRef normalized_shape, const Tensor& rstd,
                                                        const std::optional<Tensor>& weight,
                                                        std::array<bool, 2> output_mask) {
  const auto w = contiguous_or_empty(defined_or_empty(weight));
  const auto rows = rows_of(input, normalized_shape, w, {});
  const auto dtype = parameter_dtype("_fused_rms_norm_backward", input, w, {});
  const auto x = input.contiguous(), gradient = grad_out.contiguous();
  const auto scales = statistics(rstd, x);
  const auto result = gradients({"_fused_rms_norm_backward", true, gradient, x, {}, scales, w, dtype, rows},
                                normalized_shape, output_mask[0], output_mask[1]);
  return {result.input, result.weight};
}

}  // namespace at::native
