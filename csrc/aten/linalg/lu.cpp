#include <ATen/ops/_linalg_check_errors.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/linalg_lu_factor_ex.h>
#include <ATen/ops/linalg_lu_factor_ex_native.h>
#include <ATen/ops/linalg_lu_solve.h>
#include <ATen/ops/linalg_lu_solve_native.h>
#include <ATen/ops/lu_unpack_native.h>
#include <ATen/ops/tril.h>
#include <ATen/ops/triu.h>

#include "aten/fallback.h"
#include "aten/fault.h"
#include "aten/kernel_table.h"
#include "aten/linalg/linalg.h"
#include "kernels/pivots_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

// The order in which the rows of the matrix are those of the product of its factors.
Tensor permutation_of(const Tensor& pivots, std::int64_t rows) {
  auto sizes = pivots.sizes().vec();
  const auto swaps = sizes.back();
  sizes.back() = rows;
  const auto result = at::arange(rows, pivots.options().dtype(at::kLong)).expand(sizes).contiguous();
  if (pivots.numel() == 0) return result;
  const auto dense = pivots.contiguous();
  const ipex::kernels::PivotParams params{result.mutable_data_ptr<std::int64_t>(),
                                          dense.const_data_ptr<std::int32_t>(),
                                          pivots.numel() / swaps,
                                          swaps,
                                          rows,
                                          fault_for("lu_unpack", Problem::pivot)};
  launch("pivots", "apply_pivots", range_for(params.matrices), params);
  return result;
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;
namespace onemkl = ipex::onemkl;

TORCH_IMPL_FUNC(linalg_lu_factor_ex_out_xpu)
(const Tensor& A, bool pivot, bool check_errors, const Tensor& LU, const Tensor& pivots, const Tensor& info) {
  if (!by_onemkl("linalg.lu_factor", A)) {
    on_cpu<at::_ops::linalg_lu_factor_ex_out>::call(A, pivot, check_errors, writable(LU), writable(pivots),
                                                    writable(info));
    return;
  }
  const auto order = pivot ? at::empty(pivots.sizes(), pivots.options().dtype(kLong)) : Tensor();
  in_column_major(LU, [&](const Tensor& factors) {
    factors.copy_(A);
    onemkl::lu_factor(factors, order, info);
  });
  pivots.copy_(pivot ? order : at::arange(1, pivots.size(-1) + 1, pivots.options()));
  if (check_errors) at::_linalg_check_errors(info, "torch.linalg.lu_factor_ex", A.dim() == 2);
}

// XA = B is solved as A^H X^H = B^H.
TORCH_IMPL_FUNC(linalg_lu_solve_out_xpu)
(const Tensor& LU, const Tensor& pivots, const Tensor& B, bool left, bool adjoint, const Tensor& result) {
  if (result.numel() == 0) return;
  if (!by_onemkl("linalg.lu_solve", LU)) {
    on_cpu<at::_ops::linalg_lu_solve_out>::call(LU, pivots, B, left, adjoint, writable(result));
    return;
  }
  auto sizes = result.sizes().vec();
  sizes.end()[-2] = sizes.end()[-1] = LU.size(-1);
  const auto factors = column_major(LU.expand(sizes));
  sizes.pop_back();
  const auto order = pivots.to(kLong).expand(sizes).contiguous();
  const auto transposition = adjoint == left ? onemkl::Transposition::adjoint : onemkl::Transposition::none;
  in_column_major(left ? result : result.mT(), [&](const Tensor& solution) {
    const auto right_sides = left ? B : B.mH();
    solution.copy_(right_sides.expand_as(solution));
    onemkl::lu_solve(factors, order, solution, transposition);
    if (!left) solution.conj_physical_();
  });
}

TORCH_IMPL_FUNC(lu_unpack_out_xpu)
(const Tensor& LU, const Tensor& pivots, bool unpack_data, bool unpack_pivots, const Tensor& P,
 const Tensor& L, const Tensor& U) {
  const auto rows = LU.size(-2), columns = LU.size(-1), shorter = std::min(rows, columns);
  if (unpack_data) {
    // LU may be the memory of one of the results, of the one that has all of it: that is written last.
    const auto upper = [&] { at::triu_out(writable(U), LU.narrow(-2, 0, shorter)); };
    const auto lower = [&] { at::tril_out(writable(L), LU.narrow(-1, 0, shorter), -1); };
    if (rows > columns || LU.is_same(L)) {
      upper();
      lower();
    } else {
      lower();
      upper();
    }
    L.diagonal(0, -2, -1).fill_(1);
  }
  if (unpack_pivots) {
    const auto permutation = permutation_of(pivots, rows);
    P.zero_();
    P.scatter_(-2, permutation.unsqueeze(-2), 1);
  }
}

}  // namespace at::native
