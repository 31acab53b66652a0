// What the host hands to the kernels of elementwise.hpp.
#pragma once

#include "kernels/core/row_grid.hpp"

namespace ipex::kernels {

constexpr int elementwise_max_inputs = 3;
constexpr int elementwise_max_operands = elementwise_max_inputs + 1;
constexpr int elementwise_max_scalars = 4;

struct ElementwiseParams {
  RowGrid<elementwise_max_operands> grid;  // of the output, then the inputs
  // The functor's members and the value of an immediate operand, in the computation's type.
  alignas(16) unsigned char scalars[elementwise_max_scalars * 16] = {};
  alignas(16) unsigned char immediate[16];
};

}  // namespace ipex::kernels
