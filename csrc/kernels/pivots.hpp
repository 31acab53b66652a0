// Permutations from the pivots of LU factorizations.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/pivots_params.hpp"

namespace ipex::kernels {

IPEX_KERNEL inline void apply_pivots(PivotParams params) {
  const auto matrix = static_cast<std::int64_t>(this_item().get_global_id(0));
  if (matrix >= params.matrices) return;
  auto* permutation = params.permutations + matrix * params.rows;
  const auto* pivots = params.pivots + matrix * params.swaps;
  for (std::int64_t row = 0; row < params.swaps; ++row) {
    const auto other = pivots[row] - 1;
    if (other < 0 || other >= params.rows) return params.fault.raise();
    const auto value = permutation[row];
    permutation[row] = permutation[other];
    permutation[other] = value;
  }
}

}  // namespace ipex::kernels
