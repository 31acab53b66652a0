// What the host hands to the kernels of shape.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"
#include "kernels/core/row_grid.hpp"

namespace ipex::kernels {

constexpr int shape_items = 4;
constexpr int cat_max_inputs = 32;

struct CatInput {
  const void* data;
  std::uint32_t numel;
  std::uint32_t first_group;  // the work-group that starts on it
  std::int64_t offset;        // in a row of the output
  Divider row;
  std::int64_t stride;  // from a row of the input to the next
};

// output[outer, offset + column] = input[outer, column] for each input.
struct CatParams {
  void* output;
  std::int64_t output_row;
  // Of cat_by_packs, whose jobs are parts of the rows, of `part` elements each but for the last.
  std::int64_t width;
  std::int64_t part;
  std::int64_t jobs;
  std::int64_t parts;  // of each row
  int inputs;
  CatInput input[cat_max_inputs];
};

// Keeps one side of a diagonal of matrices and zeroes the other. A matrix is a row of elements here.
struct TriangleParams {
  void* output;
  const void* input;
  RowSlices matrices;
  std::int64_t stride;  // from a matrix to the next
  Divider columns;
  std::int32_t diagonal;
  bool upper;
};

}  // namespace ipex::kernels
