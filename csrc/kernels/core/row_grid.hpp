// Rows of elements on a grid of work-groups, as the host describes them to kernels.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"

namespace ipex::kernels {

// Rows of `length` elements, each cut into slices of at most a work-group's width.
struct RowSlices {
  std::int64_t length;
  Divider slices;
};

constexpr int row_grid_outer_dims = 4;

// How the elements of several operands lie as rows. A work-group does a slice of a row, then the same slice
// of the rows that follow it in the first outer dimension, `steps` rows in all; a work-item does one element
// of each. Strides are in bytes and may be negative.
template <int Operands>
struct RowGrid {
  void* data[Operands];
  std::int64_t strides[Operands];  // between the elements of a row
  RowSlices rows;
  std::uint32_t steps = 1;
  // The dimensions that number the rows; the first counts its blocks of `steps`. Those not used have size 1.
  Divider outer_sizes[row_grid_outer_dims];
  std::int64_t outer_strides[row_grid_outer_dims][Operands] = {};
};

}  // namespace ipex::kernels
