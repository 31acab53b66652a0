// Division by a number the host knows, shared by host and device.
#pragma once

#include <cstdint>

namespace ipex::kernels {

// x / divisor for x < 2^31 by a multiplication and a shift (Granlund and Montgomery, 1994).
struct Divider {
  std::uint32_t divisor = 1;
  std::uint32_t multiplier = 1;
  std::uint32_t shift = 0;

  Divider() = default;
  explicit Divider(std::uint32_t value) : divisor(value) {
    while (shift < 32 && (std::uint64_t{1} << shift) < value) ++shift;
    multiplier = static_cast<std::uint32_t>(
        ((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - value)) / value + 1);
  }

  std::uint32_t divide(std::uint32_t value) const {
    const auto high = static_cast<std::uint32_t>((std::uint64_t{value} * multiplier) >> 32);
    return (high + value) >> shift;
  }
};

// value / divider; leaves the remainder in `value`.
inline std::uint32_t split(const Divider& divider, std::uint32_t& value) {
  const std::uint32_t quotient = divider.divide(value);
  value -= quotient * divider.divisor;
  return quotient;
}

}  // namespace ipex::kernels
