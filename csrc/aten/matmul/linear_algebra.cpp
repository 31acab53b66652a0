// What is made of matrix products, and the cross product and trace.
#include <ATen/core/Tensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/addbmm_native.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/addr_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_cross_native.h>
#include <ATen/ops/result_type.h>
#include <ATen/ops/trace_native.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/TensorIterator.h>
#include <ATen/WrapDimUtils.h>

#include "aten/elements.h"
#include "aten/kernel_table.h"
#include "kernels/cross_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

TypedKernel cross_kernel{"cross", "cross"};

void launch_cross(jit::Kernel& kernel, const Elements& elements, kernels::CrossParams& params) {
  const auto walk = walk_along_longest(elements);
  Range range;
  if (!set_grid(elements, walk, params.grid, range)) {
    for (const auto& part : split(elements, walk)) launch_cross(kernel, part, params);
    return;
  }
  launch(kernel, range, params);
}

void check_factor(const char* name, const c10::Scalar& factor, c10::ScalarType dtype) {
  TORCH_CHECK(!factor.isBoolean() || dtype == at::kBool, "Boolean ", name,
              " only supported for Boolean results.");
  TORCH_CHECK(at::isFloatingType(dtype) || at::isComplexType(dtype) || factor.isIntegral(true),
              "For integral input tensors, argument ", name, " must not be a floating point number.");
}

void check_addbmm(const Tensor& self, const Tensor& batch1, const Tensor& batch2) {
  TORCH_CHECK(batch1.dim() == 3, "batch1 must be a 3D tensor");
  TORCH_CHECK(batch2.dim() == 3, "batch2 must be a 3D tensor");
  TORCH_CHECK(batch1.size(0) == batch2.size(0), "batch1 and batch2 must have same number of batches, got ",
              batch1.size(0), " and ", batch2.size(0));
  TORCH_CHECK(batch1.size(2) == batch2.size(1), "Incompatible matrix sizes for bmm (", batch1.size(1), "x",
              batch1.size(2), " and ", batch2.size(1), "x", batch2.size(2), ")");
  TORCH_CHECK(self.dim() == 2 && self.size(0) == batch1.size(1) && self.size(1) == batch2.size(2),
              "self tensor does not match matmul output shape");
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;

// The sum over the batch is one product of matrices that lie side by side.
Tensor& addbmm_out_xpu(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
                       const Scalar& alpha, Tensor& result) {
  TORCH_CHECK(batch1.dim() == 3, "batch1 must be a 3D tensor");
  TORCH_CHECK(batch2.dim() == 3, "batch2 must be a 3D tensor");
  const std::array<int64_t, 2> sizes{batch1.size(1), batch2.size(2)};
  Tensor base = *expand_size(self, sizes, "addbmm_out");
  check_addbmm(base, batch1, batch2);
  // In place, as stock does, self takes the result's shape.
  if (self.is_same(result) && self.sizes() != IntArrayRef(sizes)) base = base.clone();
  const auto depth = batch1.size(0) * batch1.size(2);
  const auto first = batch1.transpose(0, 1).reshape({batch1.size(1), depth});
  const auto second = batch2.reshape({depth, batch2.size(2)});
  return at::addmm_out(result, base, first, second, beta, alpha);
}

Tensor addbmm_xpu(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
                  const Scalar& alpha) {
  auto result = at::empty({0}, self.options());
  return addbmm_out_xpu(self, batch1, batch2, beta, alpha, result);
}

Tensor& addbmm__xpu(Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta,
                    const Scalar& alpha) {
  return addbmm_out_xpu(self, batch1, batch2, beta, alpha, self);
}

Tensor addr_xpu(const Tensor& self, const Tensor& first, const Tensor& second, const Scalar& beta,
                const Scalar& alpha) {
  TORCH_CHECK(first.dim() == 1, "addr: Expected 1-D argument vec1, but got ", first.dim(), "-D");
  TORCH_CHECK(second.dim() == 1, "addr: Expected 1-D argument vec2, but got ", second.dim(), "-D");
  const auto dtype = at::promote_types(at::result_type(first, second), self.scalar_type());
  check_factor("beta", beta, dtype);
  check_factor("alpha", alpha, dtype);
  // One rounding, at the end.
  const auto compute = opmath_dtype(dtype);
  const auto base = expand_size(self, {first.size(0), second.size(0)}, "addr");
  const auto column = first.to(compute).unsqueeze(1), row = second.to(compute).unsqueeze(0);
  const bool ignores_self = beta.equal(0);
  if (compute == kBool) {
    const auto product = alpha.to<bool>() ? column.logical_and(row) : at::zeros_like(*base, compute);
    return ignores_self ? product : product.logical_or(*base);
  }
  const auto scaled = ignores_self    ? at::zeros({}, column.options()).expand(base->sizes())
                      : beta.equal(1) ? base->to(compute)
                                      : base->to(compute).mul(beta);
  return at::addcmul(scaled, column, row, alpha).to(dtype);
}

Tensor& addr_out_xpu(const Tensor& self, const Tensor& first, const Tensor& second, const Scalar& beta,
                     const Scalar& alpha, Tensor& result) {
  const auto computed = addr_xpu(self, first, second, beta, alpha);
  TORCH_CHECK(canCast(computed.scalar_type(), result.scalar_type()), "result type ", computed.scalar_type(),
              " can't be cast to the desired output type ", result.scalar_type());
  TORCH_CHECK(!self.is_same(result) || self.sizes() == computed.sizes(), "output with shape ", self.sizes(),
              " doesn't match the broadcast shape ", computed.sizes());
  at::native::resize_output(result, computed.sizes());
  return result.copy_(computed);
}

TORCH_IMPL_FUNC(linalg_cross_out_xpu)
(const Tensor& input, const Tensor& other, int64_t given_dim, const Tensor& out) {
  if (out.numel() == 0) return;
  const auto dim = maybe_wrap_dim(given_dim, out.dim());
  const auto first = input.expand(out.sizes()), second = other.expand(out.sizes());
  const Tensor operands[] = {out, first, second};
  ipex::kernels::CrossParams params;
  for (int operand = 0; operand < 3; ++operand) {
    params.component[operand] = operands[operand].stride(dim) * static_cast<int64_t>(out.element_size());
  }
  const auto iterator = TensorIteratorConfig()
                            .set_check_mem_overlap(false)
                            .resize_outputs(false)
                            .add_owned_output(out.select(dim, 0))
                            .add_owned_const_input(first.select(dim, 0))
                            .add_owned_const_input(second.select(dim, 0))
                            .build();
  auto& kernel = cross_kernel.get("linalg_cross", out.scalar_type(), out.device().index());
  launch_cross(kernel, Elements(iterator, 3), params);
}

Tensor trace_xpu(const Tensor& self) {
  TORCH_CHECK(self.dim() == 2, "trace: expected a matrix, but got tensor with dim ", self.dim());
  return self.diagonal().sum();
}

}  // namespace at::native
