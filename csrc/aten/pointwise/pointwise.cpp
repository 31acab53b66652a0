// Elementwise operators whose schema does not tell all: the functor depends on an argument, or the iterator
// is unusual.
#include <ATen/Dispatch.h>
#include <ATen/ExpandUtils.h>
#include <ATen/Functions.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/native/Activation.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_prelu_kernel_backward_native.h>
#include <ATen/ops/abs_native.h>
#include <ATen/ops/clamp_native.h>
#include <ATen/ops/div_native.h>
#include <ATen/ops/gelu_backward_native.h>
#include <ATen/ops/gelu_native.h>
#include <ATen/ops/log_sigmoid_backward_native.h>
#include <ATen/ops/log_sigmoid_forward_native.h>
#include <ATen/ops/logical_not_native.h>
#include <ATen/ops/masked_fill_native.h>
#include <ATen/ops/nan_to_num_native.h>
#include <ATen/ops/pow_native.h>
#include <ATen/ops/round_native.h>
#include <ATen/ops/where_native.h>
#include <ATen/ScalarOps.h>

#include <cmath>
#include <limits>

#include "aten/elementwise_rows.h"

namespace ipex::aten {
namespace {

// An operator that computes in its input's dtype and may give another one.
at::TensorIterator unary_to_any(const at::Tensor& out, const at::Tensor& self) {
  return at::TensorIteratorConfig().check_all_same_dtype(false).add_output(out).add_const_input(self).build();
}

at::TensorIterator masked(const at::Tensor& out, const at::Tensor& mask,
                          std::initializer_list<at::Tensor> inputs, bool resize) {
  at::TensorIteratorConfig config;
  config.check_all_same_dtype(false).set_check_mem_overlap(false).resize_outputs(resize);
  config.add_output(out).add_const_input(mask);
  for (const auto& input : inputs) config.add_owned_const_input(input);
  return config.build();
}

void check_mask(const at::Tensor& self, const at::Tensor& mask) {
  TORCH_CHECK(mask.scalar_type() == at::kBool,
              "masked_fill only supports boolean masks, but got mask with dtype ", mask.scalar_type());
  TORCH_CHECK(self.device() == mask.device(),
              "expected self and mask to be on the same device, but got mask on ", mask.device(),
              " and self on ", self.device());
}

ElementwiseRow* division(std::optional<std::string_view> rounding_mode) {
  if (!rounding_mode) return &rows::div_out;
  return *rounding_mode == "floor" ? &rows::floor_divide_out : &rows::trunc_divide;
}

// The functor that computes x^exponent faster and closer than pow does, if there is one.
ElementwiseRow* special_power(c10::ScalarType dtype, double exponent) {
  if (exponent == 2) return &rows::square;
  if (exponent == 3) return &rows::cube;
  if (c10::isIntegralType(dtype, true)) return nullptr;
  if (exponent == 0.5) return &rows::sqrt_out;
  if (exponent == -0.5) return &rows::rsqrt_out;
  if (exponent == -1) return &rows::reciprocal_out;
  if (exponent == -2) return &rows::reciprocal_square;
  return nullptr;
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor& abs_out_xpu(const Tensor& self, Tensor& out) {
  auto iterator = unary_to_any(out, self);
  elementwise(iterator, rows::abs, {});
  return out;
}

Tensor& logical_not_out_xpu(const Tensor& self, Tensor& out) {
  auto iterator = unary_to_any(out, self);
  elementwise(iterator, rows::logical_not, {});
  return out;
}

Tensor& nan_to_num_out_xpu(const Tensor& self, std::optional<double> nan,
                           std::optional<double> positive_infinity, std::optional<double> negative_infinity,
                           Tensor& out) {
  TORCH_CHECK(self.scalar_type() == out.scalar_type(), "nan_to_num: dtype of out: ", out.scalar_type(),
              " should be same as input: ", self.scalar_type());
  if (c10::isIntegralType(self.scalar_type(), true)) {
    at::native::resize_output(out, self.sizes());
    out.copy_(self);
    return out;
  }
  // The largest finite value of the tensor's dtype, which for half is not that of the float it is computed
  // in.
  const auto dtype = c10::toRealValueType(self.scalar_type());
  const double largest = AT_DISPATCH_FLOATING_TYPES_AND2(kHalf, kBFloat16, dtype, "nan_to_num", [] {
    return static_cast<double>(std::numeric_limits<scalar_t>::max());
  });
  auto iterator = TensorIterator::unary_op(out, self);
  elementwise(iterator, rows::nan_to_num,
              {nan.value_or(0.), positive_infinity.value_or(largest), negative_infinity.value_or(-largest)});
  return out;
}

TORCH_IMPL_FUNC(round_decimals_out_xpu)(const Tensor& self, int64_t decimals, const Tensor&) {
  if (c10::isIntegralType(self.scalar_type(), true)) {
    maybe_get_output().copy_(self);
    return;
  }
  if (decimals == 0) return elementwise(*this, rows::round_out, {});
  const double scale = std::pow(10., static_cast<double>(std::abs(decimals)));
  elementwise(*this, rows::round_decimals, {scale, decimals < 0 ? 1. : 0.});
}

TORCH_IMPL_FUNC(clamp_out_xpu)
(const Tensor&, at::OptionalScalarRef low, at::OptionalScalarRef high, const Tensor& out) {
  const auto is_nan = [](at::OptionalScalarRef bound) {
    return bound.get().isFloatingPoint() && std::isnan(bound.get().toDouble());
  };
  if (low && high && (is_nan(low) || is_nan(high))) {
    out.fill_(std::numeric_limits<double>::quiet_NaN());
  } else if (low && high) {
    elementwise(*this, rows::clamp, {low.get(), high.get()});
  } else if (low) {
    elementwise(*this, rows::clamp_min_out, {low.get()});
  } else {
    elementwise(*this, rows::clamp_max_out, {high.get()});
  }
}

TORCH_IMPL_FUNC(clamp_Tensor_out_xpu)
(const Tensor& self, at::OptionalTensorRef low, at::OptionalTensorRef high, const Tensor& out) {
  if (low && high) {
    elementwise(*this, rows::clamp_tensor, {});
  } else if (low) {
    at::maximum_out(const_cast<Tensor&>(out), self, *low);
  } else {
    at::minimum_out(const_cast<Tensor&>(out), self, *high);
  }
}

TORCH_IMPL_FUNC(div_out_mode_xpu)
(const Tensor&, const Tensor&, std::optional<std::string_view> rounding_mode, const Tensor&) {
  elementwise(*this, *division(rounding_mode), {});
}

TORCH_IMPL_FUNC(pow_Tensor_Scalar_out_xpu)(const Tensor& base, const Scalar& exponent, const Tensor& out) {
  if (exponent.equal(0.0) || exponent.equal(false)) {
    out.fill_(1);
  } else if (exponent.equal(1.0) || exponent.equal(true)) {
    out.copy_(base);
  } else {
    auto* special = exponent.isComplex() ? nullptr : special_power(common_dtype(), exponent.toDouble());
    if (special != nullptr) return elementwise(*this, *special, {});
    elementwise(*this, rows::pow_scalar, {exponent});
  }
}

TORCH_IMPL_FUNC(pow_Scalar_out_xpu)(const Scalar& base, const Tensor& exponent, const Tensor& out) {
  if (base.equal(1.0)) {
    out.fill_(1);
  } else {
    at::pow_out(const_cast<Tensor&>(out), wrapped_scalar_tensor(base), exponent);
  }
}

TORCH_IMPL_FUNC(gelu_out_xpu)(const Tensor&, std::string_view approximate, const Tensor&) {
  const bool by_tanh = get_gelutype_enum(approximate) == GeluType::Tanh;
  elementwise(*this, by_tanh ? rows::gelu_tanh : rows::gelu, {});
}

TORCH_IMPL_FUNC(gelu_backward_grad_input_xpu)
(const Tensor&, const Tensor&, std::string_view approximate, const Tensor&) {
  const bool by_tanh = get_gelutype_enum(approximate) == GeluType::Tanh;
  elementwise(*this, by_tanh ? rows::gelu_tanh_backward : rows::gelu_backward, {});
}

std::tuple<Tensor&, Tensor&> log_sigmoid_forward_output_xpu(const Tensor& self, Tensor& out, Tensor& buffer) {
  auto iterator = TensorIterator::unary_op(out, self);
  elementwise(iterator, rows::log_sigmoid, {});
  // Backward recomputes from the input; nothing is kept.
  buffer.resize_({0});
  return {out, buffer};
}

std::tuple<Tensor, Tensor> log_sigmoid_forward_xpu(const Tensor& self) {
  auto out = at::empty_like(self);
  auto buffer = at::empty({0}, self.options());
  log_sigmoid_forward_output_xpu(self, out, buffer);
  return {out, buffer};
}

Tensor& log_sigmoid_backward_grad_input_xpu(const Tensor& gradient, const Tensor& self, const Tensor&,
                                            Tensor& out) {
  auto iterator = TensorIterator::borrowing_binary_op(out, gradient, self);
  elementwise(iterator, rows::log_sigmoid_backward, {});
  return out;
}

Tensor log_sigmoid_backward_xpu(const Tensor& gradient, const Tensor& self, const Tensor& buffer) {
  auto out = at::empty_like(gradient);
  return log_sigmoid_backward_grad_input_xpu(gradient, self, buffer, out);
}

std::tuple<Tensor, Tensor> _prelu_kernel_backward_xpu(const Tensor& gradient, const Tensor& self,
                                                      const Tensor& weight) {
  auto input_gradient = at::empty_like(self);
  auto weight_gradient = at::empty(at::infer_size(self.sizes(), weight.sizes()), weight.options());
  auto of_input = TensorIteratorConfig()
                      .add_output(input_gradient)
                      .add_const_input(self)
                      .add_const_input(weight)
                      .add_const_input(gradient)
                      .build();
  elementwise(of_input, rows::prelu_backward_input, {});
  auto of_weight = TensorIterator::borrowing_binary_op(weight_gradient, self, gradient);
  elementwise(of_weight, rows::prelu_backward_weight, {});
  return {input_gradient, weight_gradient};
}

Tensor& where_self_out_xpu(const Tensor& condition, const Tensor& self, const Tensor& other, Tensor& out) {
  const auto dtype = at::result_type(self, other);
  TORCH_CHECK(condition.scalar_type() == kBool || condition.scalar_type() == kByte,
              "where expected condition to be a boolean tensor, but got a tensor with dtype ",
              condition.scalar_type());
  if (condition.scalar_type() == kByte) {
    TORCH_WARN_ONCE(
        "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a "
        "future version of "
        "PyTorch. Use a boolean condition instead.");
  }
  TORCH_CHECK(out.scalar_type() == dtype, "Expected out type to be ", dtype, " but got ", out.scalar_type());
  const auto device = out.device();
  // Scalars on the CPU may meet tensors on the device; other mixtures are the caller's mistake.
  auto prepare = [&](const Tensor& tensor, ScalarType to) {
    TORCH_CHECK(tensor.device() == device || (tensor.dim() == 0 && tensor.is_cpu()),
                "Expected condition, x and y to be on the same device, but got a tensor on ", tensor.device(),
                " and one on ", device);
    return tensor.is_cpu() ? at::scalar_tensor(tensor.item(), TensorOptions(device).dtype(to))
                           : tensor.to(to);
  };
  auto iterator = masked(out, prepare(condition, kBool), {prepare(self, dtype), prepare(other, dtype)}, true);
  elementwise(iterator, rows::where, {});
  return out;
}

Tensor where_self_xpu(const Tensor& condition, const Tensor& self, const Tensor& other) {
  const auto device = condition.is_xpu() ? condition.device()
                      : self.is_xpu()    ? self.device()
                                         : other.device();
  auto out = at::empty({0}, self.options().device(device).dtype(at::result_type(self, other)));
  return where_self_out_xpu(condition, self, other, out);
}

Tensor masked_fill_Scalar_xpu(const Tensor& self, const Tensor& mask, const Scalar& value) {
  check_mask(self, mask);
  auto out = at::empty(at::infer_size(mask.sizes(), self.sizes()), self.options());
  auto iterator = masked(out, mask, {self}, false);
  elementwise(iterator, rows::masked_fill, {value});
  return out;
}

Tensor& masked_fill__Scalar_xpu(Tensor& self, const Tensor& mask, const Scalar& value) {
  check_mask(self, mask);
  if (at::has_internal_overlap(self) == MemOverlap::Yes) {
    TORCH_WARN(
        "Use of masked_fill_ on expanded tensors is deprecated. Please clone() the tensor before performing "
        "this "
        "operation. This also applies to advanced indexing e.g. tensor[mask] = scalar");
  }
  at::assert_no_partial_overlap(self, mask);
  const auto expanded = mask.expand(at::infer_size(mask.sizes(), self.sizes()));
  TORCH_CHECK(expanded.sizes() == self.sizes(), "The expanded size of the mask ", mask.sizes(),
              " must match the tensor's size ", self.sizes());
  auto iterator = masked(self, expanded, {self}, false);
  elementwise(iterator, rows::masked_fill, {value});
  return self;
}

Tensor& masked_fill__Tensor_xpu(Tensor& self, const Tensor& mask, const Tensor& value) {
  TORCH_CHECK(value.dim() == 0,
              "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.dim(),
              " dimension(s).");
  if (value.is_cpu()) return masked_fill__Scalar_xpu(self, mask, value.item());
  // The value stays on the device: no synchronisation for its sake.
  auto iterator = masked(self, mask.expand_as(self), {value.to(self.scalar_type()), self}, false);
  elementwise(iterator, rows::where, {});
  return self;
}

}  // namespace at::native
