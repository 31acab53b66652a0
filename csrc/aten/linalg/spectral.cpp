// Eigenvalues of symmetric matrices, singular values.
#include <ATen/ops/_linalg_check_errors.h>
#include <ATen/ops/_linalg_eigh.h>
#include <ATen/ops/_linalg_eigh_native.h>
#include <ATen/ops/_linalg_svd.h>
#include <ATen/ops/_linalg_svd_native.h>

#include "aten/fallback.h"
#include "aten/linalg/linalg.h"

namespace at::native {

using namespace ipex::aten;
namespace onemkl = ipex::onemkl;

TORCH_IMPL_FUNC(_linalg_eigh_eigenvalues_xpu)
(const Tensor& A, std::string_view UPLO, bool compute_v, const Tensor& eigenvalues,
 const Tensor& eigenvectors) {
  if (A.numel() == 0) return;
  if (!by_onemkl("linalg.eigh", A)) {
    on_cpu<at::_ops::_linalg_eigh_eigenvalues>::call(A, UPLO, compute_v, writable(eigenvalues),
                                                     writable(eigenvectors));
    return;
  }
  const auto info = empty_info(A);
  const bool upper = UPLO == "U" || UPLO == "u";
  const auto compute = [&](const Tensor& matrices) {
    matrices.copy_(A);
    in_contiguous(eigenvalues,
                  [&](const Tensor& values) { onemkl::eigh(matrices, values, info, upper, compute_v); });
  };
  compute_v ? in_column_major(eigenvectors, compute) : compute(empty_column_major(A.sizes(), A.options()));
  at::_linalg_check_errors(info, "linalg.eigh", A.dim() == 2);
}

TORCH_IMPL_FUNC(_linalg_svd_U_xpu)
(const Tensor& A, bool full_matrices, bool compute_uv, std::optional<std::string_view> driver,
 const Tensor& U, const Tensor& S, const Tensor& Vh) {
  if (A.numel() == 0) {
    if (compute_uv && full_matrices) {
      fill_identity(U);
      fill_identity(Vh);
    }
    return;
  }
  if (!by_onemkl("linalg.svd", A)) {
    on_cpu<at::_ops::_linalg_svd_U>::call(A, full_matrices, compute_uv, driver, writable(U), writable(S),
                                          writable(Vh));
    return;
  }
  const auto matrices = column_major_copy(A);
  const auto info = empty_info(A);
  const auto not_finite = matrices.sub(matrices).ne(0).flatten(-2).any(-1);
  in_contiguous(S, [&](const Tensor& values) {
    if (!compute_uv) return onemkl::svd(matrices, {}, values, {}, info);
    in_column_major(U, [&](const Tensor& u) {
      in_column_major(Vh, [&](const Tensor& vh) { onemkl::svd(matrices, u, values, vh, info); });
    });
  });
  // The library says nothing of matrices with NaN or infinity; LAPACK's word for them is a negative info.
  info.masked_fill_(not_finite, -4);
  at::_linalg_check_errors(info, "linalg.svd", A.dim() == 2);
}

}  // namespace at::native
