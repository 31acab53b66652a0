// Sums of sparse tensors, in coordinates, where the CPU's kernels add half precision in half precision.
#include <ATen/Functions.h>
#include <ATen/native/Resize.h>
#include <torch/library.h>

#include "aten/dtypes.h"
#include "aten/fallback.h"

namespace ipex::aten {
namespace {

using at::Scalar;
using at::Tensor;

template <class Operator>
using on_host = at::native::call_fallback_fn_symint<&layout_fallback, Operator>;

// The coordinates of an element in one number, and back.
Tensor numbers_of(const Tensor& sparse) {
  const auto coordinates = sparse._indices();
  auto numbers = coordinates[0].clone();
  for (std::int64_t d = 1; d < sparse.sparse_dim(); ++d) numbers.mul_(sparse.size(d)).add_(coordinates[d]);
  return numbers;
}

Tensor coordinates_of(Tensor numbers, c10::IntArrayRef sizes) {
  std::vector<Tensor> coordinates(sizes.size());
  for (auto d = static_cast<std::int64_t>(sizes.size()) - 1; d >= 0; --d) {
    coordinates[d] = numbers.remainder(sizes[d]);
    numbers = numbers.div(sizes[d], "floor");
  }
  return at::stack(coordinates);
}

Tensor coalesce(const Tensor& self) {
  const auto values = self._values();
  if (self._nnz() < 2 || self.sparse_dim() == 0 || dtype_index(values.scalar_type()) < 0) {
    return on_host<at::_ops::_coalesce>::call(self);
  }
  const auto [numbers, places, counts] = at::_unique2(numbers_of(self), true, true);
  auto sizes = values.sizes().vec();
  sizes[0] = numbers.numel();
  const auto dtype = opmath_dtype(values.scalar_type());
  const auto sums = at::zeros(sizes, values.options().dtype(dtype)).index_add_(0, places, values.to(dtype));
  return at::_sparse_coo_tensor_unsafe(coordinates_of(numbers, self.sizes().slice(0, self.sparse_dim())),
                                       sums.to(values.scalar_type()), self.sizes(), {}, {}, {}, {}, true);
}

// out = self + alpha * other
Tensor& add_to_dense(const Tensor& self, const Tensor& other, const Scalar& alpha, Tensor& out) {
  const bool adds_to_dense = self.layout() == at::kStrided && out.layout() == at::kStrided &&
                             other.is_sparse() && other.sparse_dim() > 0 && other.numel() > 0;
  const auto dtype = self.scalar_type();
  if (!adds_to_dense || other.sizes() != self.sizes() || other.scalar_type() != dtype ||
      out.scalar_type() != dtype || !at::canCast(alpha.type(), dtype) || dtype_index(dtype) < 0) {
    return on_host<at::_ops::add_out>::call(self, other, alpha, out);
  }
  at::native::resize_output(out, self.sizes());
  auto sum = out.is_contiguous() ? out : at::empty(self.sizes(), self.options());
  sum.copy_(self);
  auto lines = other._values().sizes().vec();
  lines[0] = -1;
  sum.view(lines).index_add_(0, numbers_of(other), other._values(), alpha);
  if (!sum.is_same(out)) out.copy_(sum);
  return out;
}

// Whether an operator of these, which sums on the CPU, is called with wider ones instead.
bool sums_in_half(std::initializer_list<Tensor> tensors) {
  const auto dtype = tensors.begin()->scalar_type();
  return opmath_dtype(dtype) != dtype &&
         std::ranges::all_of(tensors, [&](const Tensor& tensor) { return tensor.scalar_type() == dtype; });
}

Tensor wide(const Tensor& tensor) { return tensor.to(opmath_dtype(tensor.scalar_type())); }

Tensor add_product(const Tensor& self, const Tensor& sparse, const Tensor& dense, const Scalar& beta,
                   const Scalar& alpha) {
  if (!sums_in_half({self, sparse, dense})) {
    return on_host<at::_ops::addmm>::call(self, sparse, dense, beta, alpha);
  }
  return at::addmm(wide(self), wide(sparse), wide(dense), beta, alpha).to(self.scalar_type());
}

Tensor& add_product_out(const Tensor& self, const Tensor& sparse, const Tensor& dense, const Scalar& beta,
                        const Scalar& alpha, Tensor& out) {
  if (!sums_in_half({self, sparse, dense, out})) {
    return on_host<at::_ops::addmm_out>::call(self, sparse, dense, beta, alpha, out);
  }
  const auto result = add_product(self, sparse, dense, beta, alpha);
  at::native::resize_output(out, result.sizes());
  return out.copy_(result);
}

Tensor& add_product_(Tensor& self, const Tensor& sparse, const Tensor& dense, const Scalar& beta,
                     const Scalar& alpha) {
  if (!sums_in_half({self, sparse, dense})) {
    return on_host<at::_ops::addmm_>::call(self, sparse, dense, beta, alpha);
  }
  return self.copy_(add_product(self, sparse, dense, beta, alpha));
}

Tensor hybrid_product(const Tensor& sparse, const Tensor& dense) {
  if (!sums_in_half({sparse, dense})) return on_host<at::_ops::hspmm>::call(sparse, dense);
  return at::hspmm(wide(sparse), wide(dense)).to(sparse.scalar_type());
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(aten, SparseXPU, library) {
  library.impl("_coalesce", ipex::aten::coalesce);
  library.impl("add.out", ipex::aten::add_to_dense);
  library.impl("addmm", ipex::aten::add_product);
  library.impl("addmm.out", ipex::aten::add_product_out);
  library.impl("addmm_", ipex::aten::add_product_);
  library.impl("hspmm", ipex::aten::hybrid_product);
}
