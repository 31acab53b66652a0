// What the host hands to the kernels of elementwise.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

constexpr int elementwise_max_inputs = 3;
constexpr int elementwise_max_operands = elementwise_max_inputs + 1;
constexpr int elementwise_max_dims = 8;
constexpr int elementwise_max_scalars = 4;
// Elements of one work-item; its neighbours take the ones between, so that accesses coalesce.
constexpr int elementwise_items = 4;

struct ElementwiseParams {
  void* data[elementwise_max_operands];  // the output, then the inputs
  std::int64_t numel;
  // The functor's members and the value of an immediate operand, in the computation's type.
  alignas(16) unsigned char scalars[elementwise_max_scalars * 16] = {};
  alignas(16) unsigned char immediate[16];
};

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

// Element number -> byte offset of each operand; dimension 0 varies fastest.
struct StridedParams : ElementwiseParams {
  int dims;
  // Where operands are contiguous along dimension 0, but for input `broadcast` (0 for none) that stays: a
  // work-group does `rows_per_group` rows, of which it takes one of `slices`. Otherwise rows_per_group is 0.
  std::uint32_t rows_per_group;
  std::uint32_t slices;
  int broadcast;
  Divider sizes[elementwise_max_dims];
  std::uint32_t strides[elementwise_max_dims][elementwise_max_operands];
};

}  // namespace ipex::kernels
