#include <ATen/native/Resize.h>
#include <ATen/ops/_cholesky_solve_helper_native.h>
#include <ATen/ops/_linalg_check_errors.h>
#include <ATen/ops/cholesky.h>
#include <ATen/ops/cholesky_inverse.h>
#include <ATen/ops/cholesky_inverse_native.h>
#include <ATen/ops/cholesky_native.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_cholesky_ex_native.h>

#include "aten/fallback.h"
#include "aten/linalg/linalg.h"

namespace ipex::aten {
namespace {

using at::Tensor;

// LAPACK's info of triangular matrices that are to be inverted: the first zero on the diagonal, from 1.
Tensor info_of_diagonal(const Tensor& triangles) {
  if (triangles.numel() == 0) return empty_info(triangles).zero_();
  const auto zeros = triangles.diagonal(0, -2, -1).eq(0);
  return zeros.to(at::kInt).argmax(-1).add_(1).mul_(zeros.any(-1)).to(at::kInt);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;
namespace onemkl = ipex::onemkl;

TORCH_IMPL_FUNC(linalg_cholesky_ex_L_xpu)
(const Tensor& A, bool upper, bool check_errors, const Tensor& L, const Tensor& info) {
  if (!by_onemkl("linalg.cholesky", A)) {
    on_cpu<at::_ops::linalg_cholesky_ex_L>::call(A, upper, check_errors, writable(L), writable(info));
    return;
  }
  in_column_major(L, [&](const Tensor& factors) {
    factors.copy_(A);
    onemkl::cholesky(factors, info, upper);
    upper ? factors.triu_() : factors.tril_();
  });
  if (check_errors) at::_linalg_check_errors(info, "linalg.cholesky_ex", A.dim() == 2);
}

Tensor cholesky_xpu(const Tensor& self, bool upper) {
  TORCH_WARN_ONCE("torch.cholesky is deprecated in favor of torch.linalg.cholesky");
  squareCheckInputs(self, "cholesky");
  auto [factors, info] = at::linalg_cholesky_ex(self, upper);
  at::_linalg_check_errors(info, "cholesky", self.dim() == 2);
  return factors;
}

Tensor cholesky_inverse_xpu(const Tensor& self, bool upper) {
  squareCheckInputs(self, "cholesky_inverse");
  if (!by_onemkl("cholesky_inverse", self)) return on_cpu<at::_ops::cholesky_inverse>::call(self, upper);
  at::_linalg_check_errors(info_of_diagonal(self), "cholesky_inverse", self.dim() == 2);
  auto result = column_major_copy(self);
  onemkl::cholesky_inverse(result, upper);
  // One triangle was written: the other is its mirror image.
  upper ? result.triu_() : result.tril_();
  return result.add_(upper ? result.triu(1).mH() : result.tril(-1).mH());
}

Tensor& cholesky_inverse_out_xpu(const Tensor& self, bool upper, Tensor& out) {
  checkSameDevice("cholesky_inverse", out, self);
  checkLinalgCompatibleDtype("cholesky_inverse", out, self);
  const auto result = at::cholesky_inverse(self, upper);
  resize_output(out, result.sizes());
  return out.copy_(result);
}

Tensor _cholesky_solve_helper_xpu(const Tensor& self, const Tensor& A, bool upper) {
  if (!by_onemkl("cholesky_solve", self))
    return on_cpu<at::_ops::_cholesky_solve_helper>::call(self, A, upper);
  auto result = column_major_copy(self);
  onemkl::cholesky_solve(column_major(A), result, upper);
  return result;
}

}  // namespace at::native
