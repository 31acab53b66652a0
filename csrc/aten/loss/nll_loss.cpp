// Negative log likelihood, of one position ([N, C]) or many ([N, C, H, W]).
#include <ATen/core/Reduction.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/nll_loss2d_backward_native.h>
#include <ATen/ops/nll_loss2d_forward_native.h>
#include <ATen/ops/nll_loss_backward_native.h>
#include <ATen/ops/nll_loss_forward_native.h>

#include "aten/dtypes.h"
#include "aten/fault.h"
#include "aten/reduce/reduce.h"
#include "kernels/loss_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

struct Likelihood {
  const char* name;
  Tensor input;  // [batch, classes, positions], contiguous
  Tensor target;
  Tensor weight;
  std::int64_t classes, positions, ignore_index;
};

// `self` is [C], [N, C] or [N, C, H, W].
Likelihood likelihood(const char* name, const Tensor& self, const Tensor& target, const Tensor& weight,
                      std::int64_t ignore_index) {
  check_dtype(name, self.scalar_type());
  TORCH_CHECK(!weight.defined() || weight.scalar_type() == self.scalar_type(), name,
              ": expected weight of dtype ", self.scalar_type(), ", but got ", weight.scalar_type());
  const std::int64_t classes = self.size(self.dim() == 1 ? 0 : 1);
  const std::int64_t positions = self.dim() == 4 ? self.size(2) * self.size(3) : 1;
  return {name,
          self.contiguous(),
          target.to(c10::kLong).contiguous(),
          weight.defined() ? weight.contiguous() : weight,
          classes,
          positions,
          ignore_index};
}

kernels::NllParams params_of(const Likelihood& likelihood) {
  kernels::NllParams params{};
  params.input = likelihood.input.const_data_ptr();
  params.target = likelihood.target.const_data_ptr<std::int64_t>();
  params.weight = likelihood.weight.defined() ? likelihood.weight.const_data_ptr() : nullptr;
  params.targets = likelihood.target.numel();
  params.classes = likelihood.classes;
  params.positions = likelihood.positions;
  params.ignore_index = likelihood.ignore_index;
  params.fault = fault_for(likelihood.name, Problem::target);
  return params;
}

void launch_targets(const char* kernel, const Likelihood& likelihood, const kernels::NllParams& params) {
  constexpr std::int64_t group_size = 64;
  launch("loss", instantiation(kernel, type_name(likelihood.input.scalar_type())),
         {(params.targets + group_size - 1) / group_size, group_size}, params);
}

// `output` has the shape that the reduction needs.
void forward(const Likelihood& likelihood, std::int64_t reduction, const Tensor& output,
             const Tensor& total_weight) {
  if (reduction == at::Reduction::None) {
    const auto result =
        output.is_contiguous() ? output : at::empty_like(output, at::MemoryFormat::Contiguous);
    auto params = params_of(likelihood);
    params.output = result.mutable_data_ptr();
    launch_targets("nll_each", likelihood, params);
    if (!result.is_same(output)) output.copy_(result);
    total_weight.zero_();
    return;
  }
  const auto dtype = likelihood.input.scalar_type();
  Reduction operation{likelihood.name, reduction == at::Reduction::Mean ? "nll_mean" : "nll_sum", dtype};
  operation.arguments = std::string(type_name(dtype)) + ",";
  operation.context = {likelihood.input.const_data_ptr(),
                       likelihood.weight.defined() ? likelihood.weight.const_data_ptr() : nullptr};
  operation.fault = fault_for(likelihood.name, Problem::target);
  operation.integers = {likelihood.classes, likelihood.positions, likelihood.ignore_index};
  reduce(operation, likelihood.target.view({-1}), {output, total_weight}, std::nullopt, false);
}

void backward(const Likelihood& likelihood, const Tensor& gradient, std::int64_t reduction,
              const Tensor& total_weight, const Tensor& output) {
  const auto result = output.is_contiguous() ? output : at::empty_like(output, at::MemoryFormat::Contiguous);
  const auto gradients = gradient.contiguous();
  result.zero_();
  auto params = params_of(likelihood);
  params.gradient = gradients.const_data_ptr();
  params.one_gradient = reduction != at::Reduction::None;
  params.total_weight = reduction == at::Reduction::Mean ? total_weight.const_data_ptr() : nullptr;
  params.output = result.mutable_data_ptr();
  launch_targets("nll_backward", likelihood, params);
  if (!result.is_same(output)) output.copy_(result);
}

void check_shapes(const Tensor& self, const Tensor& target, const Tensor& weight) {
  TORCH_CHECK(
      target.dim() == 3,
      "only batches of spatial targets supported (3D tensors) but got targets of dimension: ", target.dim());
  TORCH_CHECK(
      self.dim() == 4,
      "only batches of spatial inputs supported (4D tensors), but got input of dimension: ", self.dim());
  TORCH_CHECK(!weight.defined() || weight.numel() == self.size(1),
              "weight tensor should be defined either for all or no classes");
  TORCH_CHECK(
      self.size(0) == target.size(0) && self.size(2) == target.size(1) && self.size(3) == target.size(2),
      "size mismatch (got input: ", self.sizes(), " , target: ", target.sizes());
}

Tensor defined_or_empty(const std::optional<Tensor>& tensor) { return tensor.value_or(Tensor()); }

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(nll_loss_forward_output_xpu)
(const Tensor& self, const Tensor& target, OptionalTensorRef weight, int64_t reduction, int64_t ignore_index,
 const Tensor& output, const Tensor& total_weight) {
  const auto weights = weight ? *weight : Tensor();
  // One sample alone has one loss, whatever the reduction.
  const int64_t alone = at::Reduction::Sum;
  const bool is_alone = self.dim() == 1 && reduction == at::Reduction::None;
  forward(likelihood("nll_loss", self, target, weights, ignore_index), is_alone ? alone : reduction, output,
          total_weight);
}

TORCH_IMPL_FUNC(nll_loss_backward_grad_input_xpu)
(const Tensor& grad_output, const Tensor& self, const Tensor& target, OptionalTensorRef weight,
 int64_t reduction, int64_t ignore_index, const Tensor& total_weight, const Tensor& grad_input) {
  const auto weights = weight ? *weight : Tensor();
  backward(likelihood("nll_loss_backward", self, target, weights, ignore_index), grad_output, reduction,
           total_weight, grad_input);
}

std::tuple<Tensor&, Tensor&> nll_loss2d_forward_output_xpu(const Tensor& self, const Tensor& target,
                                                           const std::optional<Tensor>& weight,
                                                           int64_t reduction, int64_t ignore_index,
                                                           Tensor& output, Tensor& total_weight) {
  const auto weights = defined_or_empty(weight);
  check_shapes(self, target, weights);
  at::native::resize_output(output, reduction == at::Reduction::None ? target.sizes() : IntArrayRef{});
  at::native::resize_output(total_weight, {});
  forward(likelihood("nll_loss2d", self, target, weights, ignore_index), reduction, output, total_weight);
  return {output, total_weight};
}

std::tuple<Tensor, Tensor> nll_loss2d_forward_xpu(const Tensor& self, const Tensor& target,
                                                  const std::optional<Tensor>& weight, int64_t reduction,
                                                  int64_t ignore_index) {
  auto output = at::empty({0}, self.options());
  auto total_weight = at::empty({0}, self.options());
  nll_loss2d_forward_output_xpu(self, target, weight, reduction, ignore_index, output, total_weight);
  return {output, total_weight};
}

Tensor& nll_loss2d_backward_grad_input_xpu(const Tensor& grad_output, const Tensor& self,
                                           const Tensor& target, const std::optional<Tensor>& weight,
                                           int64_t reduction, int64_t ignore_index,
                                           const Tensor& total_weight, Tensor& grad_input) {
  const auto weights = defined_or_empty(weight);
  check_shapes(self, target, weights);
  at::native::resize_output(grad_input, self.sizes());
  backward(likelihood("nll_loss2d_backward", self, target, weights, ignore_index), grad_output, reduction,
           total_weight, grad_input);
  return grad_input;
}

Tensor nll_loss2d_backward_xpu(const Tensor& grad_output, const Tensor& self, const Tensor& target,
                               const std::optional<Tensor>& weight, int64_t reduction, int64_t ignore_index,
                               const Tensor& total_weight) {
  auto grad_input = at::empty_like(self);
  return nll_loss2d_backward_grad_input_xpu(grad_output, self, target, weight, reduction, ignore_index,
                                            total_weight, grad_input);
}

}  // namespace at::native
