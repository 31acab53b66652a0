// What the host hands to the kernel of pivots.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/fault.hpp"

namespace ipex::kernels {

// Swaps elements of dense permutations as LAPACK's pivots, which count from 1, say.
struct PivotParams {
  std::int64_t* permutations;
  const std::int32_t* pivots;
  std::int64_t matrices, swaps, rows;
  Fault fault;  // raised by a pivot that is no row
};

}  // namespace ipex::kernels
