// Weights as a length for each slice along a dimension, and a direction.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_weight_norm_interface_backward_native.h>
#include <ATen/ops/_weight_norm_interface_native.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/TensorOperators.h>

#include "aten/dtypes.h"

namespace ipex::aten {
namespace {

std::vector<std::int64_t> others(const at::Tensor& tensor, std::int64_t dim) {
  TORCH_CHECK(dim == 0 || dim == tensor.dim() - 1,
              "fused kernels can only be applied for first or last dim, got ", dim, " of ", tensor.dim());
  std::vector<std::int64_t> result;
  for (std::int64_t d = 0; d < tensor.dim(); ++d) {
    if (d != dim) result.push_back(d);
  }
  return result;
}

// One number for each slice, which may be a vector's, beside `tensor`.
at::Tensor along(const at::Tensor& numbers, const at::Tensor& tensor, std::int64_t dim) {
  TORCH_CHECK(numbers.numel() == tensor.size(dim), "_weight_norm_interface: expected g of ", tensor.size(dim),
              " elements, but got ", numbers.sizes());
  std::vector<std::int64_t> sizes(tensor.dim(), 1);
  sizes[dim] = tensor.size(dim);
  return numbers.reshape(sizes);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor> _weight_norm_interface_xpu(const Tensor& v, const Tensor& g, int64_t dim) {
  const auto norms = at::linalg_vector_norm(v, 2, others(v, dim), true, opmath_dtype(v.scalar_type()));
  return {v.mul(along(g, v, dim).div(norms)).to(v.scalar_type()), norms.view(g.sizes())};
}

// The length takes the gradient along the direction, the direction what is across it.
std::tuple<Tensor, Tensor> _weight_norm_interface_backward_xpu(const Tensor& grad_w, const Tensor& v,
                                                               const Tensor& g, const Tensor& norms,
                                                               int64_t dim) {
  const auto dtype = norms.scalar_type();
  const auto gradient = grad_w.to(dtype);
  const auto length = along(norms, v, dim), direction = v.to(dtype).div(length);
  const auto lengthwise = gradient.mul(direction).sum(others(v, dim), true);
  const auto across = gradient.sub(direction.mul(lengthwise)).mul_(along(g, v, dim).div(length));
  return {across.to(v.scalar_type()), lengthwise.view(g.sizes()).to(g.scalar_type())};
}

}  // namespace at::native
