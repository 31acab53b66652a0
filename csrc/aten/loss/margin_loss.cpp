// Losses of the margin between classes.
#include <ATen/core/Reduction.h>
#include <ATen/core/Tensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/multi_margin_loss_backward_native.h>
#include <ATen/ops/multi_margin_loss_native.h>
#include <ATen/ops/multilabel_margin_loss_backward_native.h>
#include <ATen/ops/multilabel_margin_loss_forward_native.h>
#include <ATen/TensorOperators.h>

#include "aten/fault.h"
#include "aten/kernel_table.h"
#include "kernels/margin_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

struct Batch {
  std::int64_t rows, classes;
};

Batch check_batch(const char* name, const Tensor& self) {
  const auto dims = self.dim();
  TORCH_CHECK(
      dims == 0 || (dims <= 2 && self.size(dims - 1) != 0), name,
      ": Expected non-empty vector or matrix with optional 0-dim batch size, but got: ", self.sizes());
  return {dims == 2 ? self.size(0) : 1, dims == 0 ? 1 : self.size(dims - 1)};
}

// Each row's loss, joined as the reduction says; a single row has no dimension.
void reduce_rows(const Tensor& losses, bool is_batch, std::int64_t reduction, Tensor& out) {
  const bool keep = reduction == at::Reduction::None && is_batch;
  at::native::resize_output(out, keep ? losses.sizes() : at::IntArrayRef{});
  out.copy_(keep ? losses : reduction == at::Reduction::Mean ? losses.mean() : losses.sum());
}

// The distances of each class from the margin of its row's class, with what turns them into terms.
struct Margin {
  Tensor distance;  // 0 where far enough
  Tensor target;    // [rows, 1]
  Tensor weight;    // [rows, 1], or undefined
};

Margin margins(const Tensor& self, const Tensor& target, const c10::Scalar& p, const c10::Scalar& margin,
               const std::optional<Tensor>& weight, Batch batch) {
  TORCH_CHECK(p.toDouble() == 1 || p.toDouble() == 2, "multi_margin_loss: only p == 1 and p == 2 supported");
  TORCH_CHECK(target.dim() <= 1 && target.numel() == batch.rows, "inconsistent target size, expected ",
              batch.rows, " but got ", target.sizes());
  const bool weighted = weight.has_value() && weight->defined();
  TORCH_CHECK(!weighted || (weight->dim() <= 1 && weight->numel() == batch.classes),
              "inconsistent weight size, expected ", batch.classes, " but got ",
              weighted ? weight->sizes() : at::IntArrayRef{});
  const auto dtype = opmath_dtype(self.scalar_type());
  const auto input = self.to(dtype).reshape({batch.rows, batch.classes});
  Margin result;
  result.target = target.reshape({batch.rows, 1});
  result.distance = input.sub(input.gather(1, result.target)).add_(margin).clamp_min_(0);
  if (weighted) result.weight = weight->to(dtype).reshape(-1).take(result.target);
  return result;
}

void multilabel_shape(const Tensor& self, const Tensor& target) {
  TORCH_CHECK(target.sizes() == self.sizes() || (self.dim() == 0 && target.numel() == 1),
              "inconsistent target size: ", target.sizes(), " for input of size: ", self.sizes());
  TORCH_CHECK(target.scalar_type() == at::kLong,
              "multilabel_margin_loss: expected target of dtype int64, but "
              "got ",
              target.scalar_type());
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor& multi_margin_loss_out_xpu(const Tensor& self, const Tensor& target, const Scalar& p,
                                  const Scalar& margin, const std::optional<Tensor>& weight,
                                  int64_t reduction, Tensor& out) {
  const auto batch = check_batch("multi_margin_loss", self);
  auto terms = margins(self, target, p, margin, weight, batch);
  if (p.toDouble() == 2) terms.distance.square_();
  if (terms.weight.defined()) terms.distance.mul_(terms.weight);
  terms.distance.scatter_(1, terms.target, 0);
  const auto losses = terms.distance.sum(1).div_(static_cast<double>(batch.classes));
  reduce_rows(losses, target.dim() > 0, reduction, out);
  return out;
}

Tensor multi_margin_loss_xpu(const Tensor& self, const Tensor& target, const Scalar& p, const Scalar& margin,
                             const std::optional<Tensor>& weight, int64_t reduction) {
  auto out = at::empty({0}, self.options());
  return multi_margin_loss_out_xpu(self, target, p, margin, weight, reduction, out);
}

// The own class receives what the others of its row lose.
Tensor& multi_margin_loss_backward_grad_input_xpu(const Tensor& gradient, const Tensor& self,
                                                  const Tensor& target, const Scalar& p, const Scalar& margin,
                                                  const std::optional<Tensor>& weight, int64_t reduction,
                                                  Tensor& out) {
  const auto batch = check_batch("multi_margin_loss_backward", self);
  const auto terms = margins(self, target, p, margin, weight, batch);
  auto slope =
      p.toDouble() == 1 ? terms.distance.gt(0).to(terms.distance.scalar_type()) : terms.distance.mul(2);
  if (terms.weight.defined()) slope.mul_(terms.weight);
  slope.scatter_(1, terms.target, 0);
  slope.scatter_(1, terms.target, slope.sum(1, true).neg_());
  const bool by_row = reduction == at::Reduction::None && gradient.dim() > 0;
  slope.mul_(by_row ? gradient.view({batch.rows, 1}) : gradient);
  const auto count = batch.classes * (reduction == at::Reduction::Mean ? batch.rows : 1);
  at::native::resize_output(out, self.sizes());
  out.copy_(slope.div_(static_cast<double>(count)).view(self.sizes()));
  return out;
}

Tensor multi_margin_loss_backward_xpu(const Tensor& gradient, const Tensor& self, const Tensor& target,
                                      const Scalar& p, const Scalar& margin,
                                      const std::optional<Tensor>& weight, int64_t reduction) {
  auto out = at::empty({0}, self.options());
  return multi_margin_loss_backward_grad_input_xpu(gradient, self, target, p, margin, weight, reduction, out);
}

std::tuple<Tensor&, Tensor&> multilabel_margin_loss_forward_output_xpu(const Tensor& self,
                                                                       const Tensor& target,
                                                                       int64_t reduction, Tensor& out,
                                                                       Tensor& is_target) {
  const auto batch = check_batch("multilabel_margin_loss", self);
  multilabel_shape(self, target);
  at::native::resize_output(is_target, target.sizes());
  const auto input = self.contiguous(), labels = target.contiguous();
  auto marks = at::empty(target.sizes(), self.options());
  auto terms = at::empty({batch.rows, batch.classes}, self.options().dtype(opmath_dtype(self.scalar_type())));
  static TypedKernel kernel{"margin", "margin_terms"};
  ipex::kernels::MarginParams params{};
  params.input = input.const_data_ptr();
  params.target = labels.const_data_ptr<int64_t>();
  params.is_target = marks.mutable_data_ptr();
  params.output = terms.mutable_data_ptr();
  params.rows = batch.rows;
  params.classes = batch.classes;
  params.fault = fault_for("multilabel_margin_loss", Problem::target);
  auto& found = kernel.get("multilabel_margin_loss", self.scalar_type(), self.get_device());
  if (terms.numel() > 0) launch(found, range_for(terms.numel()), params);
  is_target.copy_(marks);
  reduce_rows(terms.sum(1).div_(static_cast<double>(batch.classes)), target.dim() > 1, reduction, out);
  return {out, is_target};
}

std::tuple<Tensor, Tensor> multilabel_margin_loss_forward_xpu(const Tensor& self, const Tensor& target,
                                                              int64_t reduction) {
  auto out = at::empty({0}, self.options()), is_target = at::empty({0}, self.options());
  multilabel_margin_loss_forward_output_xpu(self, target, reduction, out, is_target);
  return {out, is_target};
}

Tensor& multilabel_margin_loss_backward_grad_input_xpu(const Tensor& gradient, const Tensor& self,
                                                       const Tensor& target, int64_t reduction,
                                                       const Tensor& is_target, Tensor& out) {
  const auto batch = check_batch("multilabel_margin_loss_backward", self);
  multilabel_shape(self, target);
  at::native::resize_output(out, self.sizes());
  if (self.numel() == 0) return out;
  const auto input = self.contiguous(), labels = target.contiguous();
  const auto marks = is_target.to(self.scalar_type()).contiguous();
  const auto factor = gradient.to(self.scalar_type()).contiguous();
  auto result = at::empty(self.sizes(), self.options());
  static TypedKernel kernel{"margin", "margin_gradient"};
  ipex::kernels::MarginParams params{};
  params.input = input.const_data_ptr();
  params.target = labels.const_data_ptr<int64_t>();
  params.is_target = const_cast<void*>(marks.const_data_ptr());
  params.output = result.mutable_data_ptr();
  params.gradient = factor.const_data_ptr();
  params.gradient_stride = reduction == at::Reduction::None && gradient.dim() > 0 ? 1 : 0;
  params.rows = batch.rows;
  params.classes = batch.classes;
  const auto count = batch.classes * (reduction == at::Reduction::Mean ? batch.rows : 1);
  params.divisor = static_cast<float>(count);
  params.fault = fault_for("multilabel_margin_loss_backward", Problem::target);
  launch(kernel.get("multilabel_margin_loss_backward", self.scalar_type(), self.get_device()),
         range_for(self.numel()), params);
  out.copy_(result);
  return out;
}

Tensor multilabel_margin_loss_backward_xpu(const Tensor& gradient, const Tensor& self, const Tensor& target,
                                           int64_t reduction, const Tensor& is_target) {
  auto out = at::empty({0}, self.options());
  return multilabel_margin_loss_backward_grad_input_xpu(gradient, self, target, reduction, is_target, out);
}

}  // namespace at::native
