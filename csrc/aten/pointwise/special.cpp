// Elementwise operators of special.yaml whose schema does not tell all: results of another dtype, halves of
// tensors, noise.
#include <ATen/core/Tensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/angle_native.h>
#include <ATen/ops/complex_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/frexp_native.h>
#include <ATen/ops/glu_backward_native.h>
#include <ATen/ops/glu_jvp_native.h>
#include <ATen/ops/isneginf_native.h>
#include <ATen/ops/isposinf_native.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/logit_backward_native.h>
#include <ATen/ops/logit_native.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/polar_native.h>
#include <ATen/ops/rrelu_with_noise_native.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/TensorOperators.h>
#include <ATen/WrapDimUtils.h>

#include "aten/elementwise_rows.h"

namespace ipex::aten {
namespace {

// To an output of another dtype.
template <class... Inputs>
at::TensorIterator to_any(const at::Tensor& out, const Inputs&... inputs) {
  at::TensorIteratorConfig config;
  config.check_all_same_dtype(false).add_output(out);
  (config.add_const_input(inputs), ...);
  return config.build();
}

at::Tensor as_floating(const at::Tensor& tensor) {
  const bool whole = c10::isIntegralType(tensor.scalar_type(), /*includeBool=*/true);
  return whole ? tensor.to(c10::get_default_dtype_as_scalartype()) : tensor;
}

void combine_parts(const char* name, ElementwiseRow& row, const at::Tensor& first, const at::Tensor& second,
                   const at::Tensor& out) {
  const auto dtype = first.scalar_type();
  TORCH_CHECK(dtype == second.scalar_type(), name, ": expected both inputs of one dtype, but got ", dtype,
              " and ", second.scalar_type());
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kDouble || dtype == at::kHalf, name,
              ": expected inputs of float16, float32 or float64, but got ", dtype);
  TORCH_CHECK(out.scalar_type() == c10::toComplexType(dtype), "Expected object of scalar type ",
              c10::toComplexType(dtype), " but got scalar type ", out.scalar_type(), " for argument 'out'");
  if (dtype == at::kHalf) {
    // No kernel knows complex numbers of half: their parts are written on their own.
    const auto wide = at::empty({0}, first.options().dtype(at::kComplexFloat));
    combine_parts(name, row, first.to(at::kFloat), second.to(at::kFloat), wide);
    at::native::resize_output(out, wide.sizes());
    at::view_as_real(out).copy_(at::view_as_real(wide));
    return;
  }
  auto iterator = to_any(out, first, second);
  elementwise(iterator, row, {});
}

struct Halves {
  at::Tensor first, second;
};

Halves halve(const char* name, const at::Tensor& tensor, std::int64_t dim) {
  TORCH_CHECK(tensor.dim() > 0, name, " does not support 0-dimensional tensors");
  dim = c10::maybe_wrap_dim(dim, tensor.dim());
  const auto size = tensor.size(dim);
  TORCH_CHECK(size % 2 == 0, "Halving dimension must be even, but dimension ", dim, " is size ", size);
  return {tensor.narrow(dim, 0, size / 2), tensor.narrow(dim, size / 2, size / 2)};
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor& angle_out_xpu(const Tensor& self, Tensor& out) {
  const auto input = as_floating(self);
  const auto dtype = c10::toRealValueType(input.scalar_type());
  TORCH_CHECK(canCast(dtype, out.scalar_type()), "result type ", dtype,
              " can't be cast to the desired output type ", out.scalar_type());
  auto iterator = to_any(out, input);
  elementwise(iterator, rows::angle, {});
  return out;
}

Tensor angle_xpu(const Tensor& self) {
  const auto floating =
      isIntegralType(self.scalar_type(), true) ? c10::get_default_dtype_as_scalartype() : self.scalar_type();
  auto out = at::empty({0}, self.options().dtype(c10::toRealValueType(floating)));
  return angle_out_xpu(self, out);
}

Tensor& complex_out_xpu(const Tensor& real, const Tensor& imag, Tensor& out) {
  combine_parts("complex", rows::make_complex, real, imag, out);
  return out;
}

Tensor& polar_out_xpu(const Tensor& magnitude, const Tensor& angle, Tensor& out) {
  combine_parts("polar", rows::make_polar, magnitude, angle, out);
  return out;
}

TORCH_IMPL_FUNC(isposinf_out_xpu)(const Tensor& self, const Tensor& out) {
  if (isIntegralType(self.scalar_type(), true)) {
    out.fill_(false);
  } else {
    elementwise(*this, rows::isposinf, {});
  }
}

TORCH_IMPL_FUNC(isneginf_out_xpu)(const Tensor& self, const Tensor& out) {
  if (isIntegralType(self.scalar_type(), true)) {
    out.fill_(false);
  } else {
    elementwise(*this, rows::isneginf, {});
  }
}

std::tuple<Tensor&, Tensor&> frexp_Tensor_out_xpu(const Tensor& self, Tensor& mantissa, Tensor& exponent) {
  TORCH_CHECK(isFloatingType(self.scalar_type()),
              "torch.frexp() only supports floating-point dtypes, but got ", self.scalar_type());
  TORCH_CHECK(mantissa.scalar_type() == self.scalar_type(), "torch.frexp() expects mantissa to have dtype ",
              self.scalar_type(), " but got ", mantissa.scalar_type());
  TORCH_CHECK(exponent.scalar_type() == kInt, "torch.frexp() expects exponent to have int dtype but got ",
              exponent.scalar_type());
  auto to_exponent = to_any(exponent, self);
  elementwise(to_exponent, rows::exponent, {});
  auto to_mantissa = to_any(mantissa, self);
  elementwise(to_mantissa, rows::mantissa, {});
  return {mantissa, exponent};
}

Tensor& logit_out_xpu(const Tensor& self, std::optional<double> eps, Tensor& out) {
  auto iterator = TensorIterator::unary_float_op(out, self);
  elementwise(iterator, rows::logit, {eps.value_or(-1.)});
  return out;
}

Tensor logit_xpu(const Tensor& self, std::optional<double> eps) {
  Tensor out;
  auto iterator = TensorIterator::unary_float_op(out, self);
  elementwise(iterator, rows::logit, {eps.value_or(-1.)});
  return iterator.output();
}

Tensor& logit__xpu(Tensor& self, std::optional<double> eps) { return logit_out_xpu(self, eps, self); }

TORCH_IMPL_FUNC(logit_backward_grad_input_xpu)
(const Tensor&, const Tensor&, std::optional<double> eps, const Tensor&) {
  elementwise(*this, rows::logit_backward, {eps.value_or(-1.)});
}

Tensor& glu_backward_grad_input_xpu(const Tensor& gradient, const Tensor& self, int64_t dim, Tensor& out) {
  const auto input = halve("glu_backward", self, dim);
  at::native::resize_output(out, self.sizes());
  const auto result = halve("glu_backward", out, dim);
  auto of_first = TensorIterator::borrowing_binary_op(result.first, gradient, input.second);
  elementwise(of_first, rows::glu_backward_input, {});
  auto of_gate = TensorIteratorConfig()
                     .add_output(result.second)
                     .add_const_input(gradient)
                     .add_const_input(input.first)
                     .add_const_input(input.second)
                     .build();
  elementwise(of_gate, rows::glu_backward_gate, {});
  return out;
}

Tensor glu_backward_xpu(const Tensor& gradient, const Tensor& self, int64_t dim) {
  auto out = at::empty({0}, self.options());
  return glu_backward_grad_input_xpu(gradient, self, dim, out);
}

Tensor glu_jvp_xpu(const Tensor& glu, const Tensor& x, const Tensor& tangent, int64_t dim) {
  const auto gate = halve("glu_jvp", x, dim).second.sigmoid();
  const auto [of_input, of_gate] = halve("glu_jvp", tangent, dim);
  return of_input * gate + of_gate * (glu - gate * glu);
}

// The slope of negative numbers is random in training; `noise` keeps it for the gradient.
Tensor& rrelu_with_noise_out_xpu(const Tensor& self, Tensor& noise, const Scalar& lower, const Scalar& upper,
                                 bool training, std::optional<Generator> generator, Tensor& out) {
  TORCH_CHECK(self.sym_sizes() == noise.sym_sizes(), "noise tensor shape must match self tensor shape. Got ",
              "self.shape = ", self.sym_sizes(), ", noise.shape = ", noise.sym_sizes());
  if (!training) {
    return at::leaky_relu_out(out, self, (lower.toDouble() + upper.toDouble()) / 2);
  }
  noise.uniform_(lower.toDouble(), upper.toDouble(), generator).masked_fill_(self.gt(0), 1);
  return at::mul_out(out, self, noise);
}

Tensor rrelu_with_noise_xpu(const Tensor& self, Tensor& noise, const Scalar& lower, const Scalar& upper,
                            bool training, std::optional<Generator> generator) {
  auto out = at::empty_like(self);
  return rrelu_with_noise_out_xpu(self, noise, lower, upper, training, generator, out);
}

Tensor& rrelu_with_noise__xpu(Tensor& self, Tensor& noise, const Scalar& lower, const Scalar& upper,
                              bool training, std::optional<Generator> generator) {
  return rrelu_with_noise_out_xpu(self, noise, lower, upper, training, generator, self);
}

}  // namespace at::native
