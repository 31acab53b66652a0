// What the host hands to the kernels of elementwise.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"

namespace ipex::kernels {

constexpr int elementwise_max_inputs = 3;
constexpr int elementwise_max_operands = elementwise_max_inputs + 1;
constexpr int elementwise_max_outer_dims = 4;
constexpr int elementwise_max_scalars = 4;

// The elements are rows of `length`. A work-group does one of the `slices` of a row, then as much of the rows
// that follow it in the first outer dimension, `steps` rows in all; a work-item does one element of each.
// Operands: the output, then the inputs. Strides are in bytes.
struct ElementwiseParams {
  void* data[elementwise_max_operands];
  std::int64_t length;
  std::int64_t strides[elementwise_max_operands];  // between the elements of a row
  Divider slices;
  std::uint32_t steps = 1;
  // The dimensions that number the rows; the first counts its blocks of `steps`. Those not used have size 1.
  Divider outer_sizes[elementwise_max_outer_dims];
  std::int64_t outer_strides[elementwise_max_outer_dims][elementwise_max_operands] = {};
  // The functor's members and the value of an immediate operand, in the computation's type.
  alignas(16) unsigned char scalars[elementwise_max_scalars * 16] = {};
  alignas(16) unsigned char immediate[16];
};

}  // namespace ipex::kernels
