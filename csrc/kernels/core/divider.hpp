#pragma once

#include <cstdint>

#include "kernels/elementwise_params.hpp"

namespace ipex::kernels {

// value / divider; leaves the remainder in `value`.
inline std::uint32_t split(const Divider& divider, std::uint32_t& value) {
  const std::uint32_t quotient = divider.divide(value);
  value -= quotient * divider.divisor;
  return quotient;
}

}  // namespace ipex::kernels
