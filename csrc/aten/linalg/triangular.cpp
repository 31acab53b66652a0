#include <ATen/native/Resize.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/linalg_solve_triangular_native.h>
#include <ATen/ops/triangular_solve.h>
#include <ATen/ops/triangular_solve_native.h>

#include "aten/fallback.h"
#include "aten/linalg/linalg.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using onemkl::Transposition;

// Triangular matrices as the library can read them: those of `memory`, transposed.
struct Triangles {
  Tensor memory;
  Transposition transposition = Transposition::none;
  bool upper;
};

Triangles readable(const Tensor& matrices, bool upper) {
  if (matrices.is_neg() || !matrices.is_contiguous())
    return {column_major(matrices), Transposition::none, upper};
  return {matrices.mT(), matrices.is_conj() ? Transposition::adjoint : Transposition::transpose, !upper};
}

// right_sides becomes the solution.
void solve(const Tensor& matrices, const Tensor& right_sides, bool left, bool upper, bool unit) {
  const auto triangles = readable(matrices, upper);
  onemkl::triangular_solve(triangles.memory, right_sides, left, triangles.upper, unit,
                           triangles.transposition);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;

Tensor linalg_solve_triangular_xpu(const Tensor& A, const Tensor& B, bool upper, bool left,
                                   bool unitriangular) {
  checkInputsSolver(A, B, left, "linalg.solve_triangular");
  if (!by_onemkl("linalg.solve_triangular", A)) {
    return on_cpu<at::_ops::linalg_solve_triangular>::call(A, B, upper, left, unitriangular);
  }
  const auto [right_sides, matrices] = _linalg_broadcast_batch_dims(B, A, nullptr);
  auto result = column_major_copy(right_sides);
  solve(matrices, result, left, upper, unitriangular);
  return result;
}

Tensor& linalg_solve_triangular_out_xpu(const Tensor& A, const Tensor& B, bool upper, bool left,
                                        bool unitriangular, Tensor& out) {
  const auto result = at::linalg_solve_triangular(A, B, upper, left, unitriangular);
  resize_output(out, result.sizes());
  return out.copy_(result);
}

TORCH_IMPL_FUNC(triangular_solve_X_xpu)
(const Tensor& self, const Tensor& A, bool upper, bool transpose, bool unitriangular, const Tensor& X,
 const Tensor& M) {
  TORCH_WARN_ONCE("torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular");
  if (!by_onemkl("triangular_solve", A)) {
    on_cpu<at::_ops::triangular_solve_X>::call(self, A, upper, transpose, unitriangular, writable(X),
                                               writable(M));
    return;
  }
  const auto [right_sides, matrices] = _linalg_broadcast_batch_dims(self, A, nullptr);
  M.copy_(matrices);
  in_column_major(X, [&](const Tensor& solution) {
    solution.copy_(right_sides);
    solve(transpose ? M.mT() : M, solution, /*left=*/true, upper != transpose, unitriangular);
  });
}

}  // namespace at::native
