// linear of inputs with more than two dimensions, whose bias the product adds whatever their strides.
#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/linear_native.h>
#include <torch/library.h>

namespace ipex::aten {
namespace {

// Stock code adds the bias after the product if the input is not contiguous, as it is not in
// nn.MultiheadAttention with the batch first.
at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  const bool applies = input.dim() > 2 && weight.dim() == 2 && input.layout() == at::kStrided &&
                       weight.layout() == at::kStrided && bias && bias->defined() && bias->dim() == 1 &&
                       bias->scalar_type() == input.scalar_type();
  if (!applies) return at::native::linear(input, weight, bias);
  auto sizes = input.sym_sizes().vec();
  sizes.back() = weight.sym_size(0);
  return at::addmm(*bias, input.flatten(0, -2), weight.t()).view_symint(sizes);
}

}  // namespace
}  // namespace ipex::aten

// A composite: autograd sees the operators it is made of.
TORCH_LIBRARY_IMPL(aten, XPU, m) { m.impl("linear", TORCH_FN(ipex::aten::linear)); }
TORCH_LIBRARY_IMPL(aten, AutogradXPU, m) { m.impl("linear", TORCH_FN(ipex::aten::linear)); }
