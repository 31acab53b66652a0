// Losses of a pair of tensors.
#include <ATen/core/Reduction.h>
#include <ATen/ExpandUtils.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/binary_cross_entropy_backward_native.h>
#include <ATen/ops/binary_cross_entropy_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/huber_loss_backward_native.h>
#include <ATen/ops/huber_loss_native.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mse_loss_backward_native.h>
#include <ATen/ops/mse_loss_native.h>
#include <ATen/ops/smooth_l1_loss_backward_native.h>
#include <ATen/ops/smooth_l1_loss_native.h>
#include <ATen/ops/sum.h>

#include "aten/elementwise_rows.h"
#include "aten/reduce/reduce.h"

namespace ipex::aten {
namespace {

using at::Tensor;

// The sum or mean of the row's functor over two tensors that broadcast, in one pass.
void joined_loss(ElementwiseRow& row, const Tensor& self, const Tensor& target, std::int64_t reduction,
                 const std::vector<c10::Scalar>& scalars, const Tensor& result) {
  const auto shape = at::infer_size(self.sizes(), target.sizes());
  const auto dtype = result.scalar_type();
  Reduction operation{row.name, reduction == at::Reduction::Mean ? "mean_of" : "sum_of", dtype, scalars};
  operation.arguments = std::string("op::") + row.functor + ",";
  const auto input = [&](const Tensor& tensor) { return tensor.to(dtype).expand(shape); };
  const auto mask = DimMask().set();
  const auto view = at::native::review_reduce_result(result, static_cast<int>(shape.size()), mask, false);
  reduce(operation, {input(self), input(target)}, {view}, mask);
}

void structured_loss(at::TensorIteratorBase& iterator, ElementwiseRow& row, const Tensor& self,
                     const Tensor& target, std::int64_t reduction, const std::vector<c10::Scalar>& scalars,
                     const Tensor& result) {
  if (reduction == at::Reduction::None) return elementwise(iterator, row, scalars);
  joined_loss(row, self, target, reduction, scalars, result);
}

// The gradient of the first tensor; its factor comes first among the functor's members.
void loss_backward(ElementwiseRow& row, const Tensor& gradient, const Tensor& self, const Tensor& target,
                   std::int64_t reduction, double factor, std::vector<c10::Scalar> scalars,
                   const Tensor& result) {
  if (reduction == at::Reduction::Mean) factor /= static_cast<double>(self.numel());
  scalars.insert(scalars.begin(), factor);
  auto iterator = at::TensorIteratorConfig()
                      .add_output(result)
                      .add_const_input(self)
                      .add_const_input(target)
                      .add_const_input(gradient)
                      .build();
  elementwise(iterator, row, scalars);
}

void reduce_losses(const Tensor& losses, std::int64_t reduction, Tensor& out) {
  at::native::resize_output(out, {});
  if (reduction == at::Reduction::Mean) {
    at::mean_out(out, losses, at::OptionalIntArrayRef{});
  } else {
    at::sum_out(out, losses, at::OptionalIntArrayRef{});
  }
}

void check_cross_entropy(const Tensor& self, const Tensor& target) {
  TORCH_CHECK(self.sizes() == target.sizes(), "Using a target size (", target.sizes(),
              ") that is different to the input size (", self.sizes(),
              ") is deprecated. Please ensure they have the same size.");
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(mse_loss_out_xpu)
(const Tensor& self, const Tensor& target, int64_t reduction, const Tensor& result) {
  structured_loss(*this, rows::squared_difference, self, target, reduction, {}, result);
}

TORCH_IMPL_FUNC(smooth_l1_loss_out_xpu)
(const Tensor& self, const Tensor& target, int64_t reduction, double beta, const Tensor& result) {
  structured_loss(*this, rows::smooth_l1, self, target, reduction, {beta}, result);
}

Tensor& huber_loss_out_xpu(const Tensor& self, const Tensor& target, int64_t reduction, double delta,
                           Tensor& result) {
  TORCH_CHECK(delta > 0, "huber_loss does not support non-positive values for delta.");
  if (reduction == at::Reduction::None) {
    auto iterator = TensorIterator::borrowing_binary_op(result, self, target);
    elementwise(iterator, rows::huber, {delta});
  } else {
    at::native::resize_output(result, {});
    joined_loss(rows::huber, self, target, reduction, {delta}, result);
  }
  return result;
}

Tensor huber_loss_xpu(const Tensor& self, const Tensor& target, int64_t reduction, double delta) {
  TORCH_CHECK(delta > 0, "huber_loss does not support non-positive values for delta.");
  const auto shape = reduction == at::Reduction::None ? at::infer_size(self.sizes(), target.sizes())
                                                      : std::vector<int64_t>{};
  auto result = at::empty(shape, self.options());
  return huber_loss_out_xpu(self, target, reduction, delta, result);
}

Tensor& mse_loss_backward_grad_input_xpu(const Tensor& grad_output, const Tensor& self, const Tensor& target,
                                         int64_t reduction, Tensor& grad_input) {
  loss_backward(rows::mse_loss_backward, grad_output, self, target, reduction, 2, {}, grad_input);
  return grad_input;
}

Tensor mse_loss_backward_xpu(const Tensor& grad_output, const Tensor& self, const Tensor& target,
                             int64_t reduction) {
  auto grad_input = at::empty_like(self, at::MemoryFormat::Contiguous);
  return mse_loss_backward_grad_input_xpu(grad_output, self, target, reduction, grad_input);
}

Tensor& smooth_l1_loss_backward_grad_input_xpu(const Tensor& grad_output, const Tensor& self,
                                               const Tensor& target, int64_t reduction, double beta,
                                               Tensor& grad_input) {
  loss_backward(rows::smooth_l1_backward, grad_output, self, target, reduction, 1, {beta}, grad_input);
  return grad_input;
}

Tensor& huber_loss_backward_out_xpu(const Tensor& grad_output, const Tensor& self, const Tensor& target,
                                    int64_t reduction, double delta, Tensor& grad_input) {
  loss_backward(rows::huber_backward, grad_output, self, target, reduction, 1, {delta}, grad_input);
  return grad_input;
}

Tensor& binary_cross_entropy_out_xpu(const Tensor& self, const Tensor& target,
                                     const std::optional<Tensor>& weight, int64_t reduction, Tensor& result) {
  check_cross_entropy(self, target);
  const bool joined = reduction != at::Reduction::None;
  if (!joined) at::native::resize_output(result, self.sizes());
  auto losses = joined ? at::empty_like(self) : result;
  auto iterator = TensorIterator::borrowing_binary_op(losses, self, target);
  elementwise(iterator, rows::binary_cross_entropy, {});
  if (weight && weight->defined()) losses.mul_(*weight);
  if (joined) reduce_losses(losses, reduction, result);
  return result;
}

Tensor binary_cross_entropy_xpu(const Tensor& self, const Tensor& target, const std::optional<Tensor>& weight,
                                int64_t reduction) {
  auto result = at::empty({0}, self.options());
  return binary_cross_entropy_out_xpu(self, target, weight, reduction, result);
}

Tensor& binary_cross_entropy_backward_grad_input_xpu(const Tensor& grad_output, const Tensor& self,
                                                     const Tensor& target,
                                                     const std::optional<Tensor>& weight, int64_t reduction,
                                                     Tensor& grad_input) {
  check_cross_entropy(self, target);
  auto iterator = at::TensorIteratorConfig()
                      .add_output(grad_input)
                      .add_const_input(grad_output)
                      .add_const_input(self)
                      .add_const_input(target)
                      .build();
  elementwise(iterator, rows::binary_cross_entropy_backward, {});
  if (weight && weight->defined()) grad_input.mul_(*weight);
  if (reduction == at::Reduction::Mean) grad_input.div_(self.numel());
  return grad_input;
}

Tensor binary_cross_entropy_backward_xpu(const Tensor& grad_output, const Tensor& self, const Tensor& target,
                                         const std::optional<Tensor>& weight, int64_t reduction) {
  auto grad_input = at::empty_like(self);
  return binary_cross_entropy_backward_grad_input_xpu(grad_output, self, target, weight, reduction,
                                                      grad_input);
}

}  // namespace at::native
