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
#include "aten/elementwise.h"
#include "aten/reduce.h"
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

void launch_rows(const char* kernel, bool rms, const Tensor& input, c10::ScalarType parameters, Rows rows,
                 RowNormParams& params) {
  params.rows = rows.rows;
  params.size = rows.size;
  const auto [name, range] = row_kernel(kernel, rows.rows);
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
    launch_rows("norm_rows", rms, input, parameters, rows, params);
  }
  return result;
}

Tensor input_gradient(bool rms, const Tensor& gradient, const Tensor& input, const Tensor& mean,
                      const Tensor& scale, const Tensor& weight, c10::ScalarType parameters, Rows rows) {
  auto result = at::empty_like(input);
  if (result.numel() == 0) return result;
  RowNormParams params{};
  params.gradient = gradient.const_data_ptr();
  params.input = input.const_data_ptr();
  params.weight = data_of(weight);
  params.output = result.mutable_data_ptr();
  params.mean = rms ? nullptr : mean.mutable_data_ptr();
  params.scale = scale.mutable_data_ptr();
  launch_rows("norm_rows_backward", rms, input, parameters, rows, params);
  return result;
}

// Gradients of weight and bias.
std::pair<Tensor, Tensor> parameter_gradients(const char* name, const Tensor& gradient, const Tensor& input,
                                              const Tensor& mean, const Tensor& scale, at::IntArrayRef shape,
                                              c10::ScalarType parameters, Rows rows) {
  const auto options = input.options().dtype(parameters);
  auto weight = at::empty(shape, options);
  auto bias = at::empty(shape, options);
  Reduction reduction{name, "row_gradients", input.scalar_type()};
  reduction.context = {data_of(mean), data_of(scale)};
  const auto view = [&](const Tensor& tensor) { return tensor.view({rows.rows, rows.size}); };
  reduce(reduction, {view(gradient), view(input)}, {weight.view({1, rows.size}), bias.view({1, rows.size})},
         DimMask(1));
  return {weight, bias};
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
  Tensor of_input, of_weight, of_bias;
  if (output_mask[0]) of_input = input_gradient(false, gradient, x, means, scales, w, dtype, rows);
  if (output_mask[1] || output_mask[2]) {
    auto [weights, biases] = parameter_gradients("native_layer_norm_backward", gradient, x, means, scales,
                                                 normalized_shape, dtype, rows);
    if (output_mask[1]) of_weight = weights;
    if (output_mask[2]) of_bias = biases;
  }
  return {of_input, of_weight, of_bias};
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
  Tensor of_input, of_weight;
  if (output_mask[0]) of_input = input_gradient(true, gradient, x, {}, scales, w, dtype, rows);
  if (output_mask[1]) {
    of_weight = parameter_gradients("_fused_rms_norm_backward", gradient, x, {}, scales, normalized_shape,
                                    dtype, rows)
                    .first;
  }
  return {of_input, of_weight};
}

}  // namespace at::native
