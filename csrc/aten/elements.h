// How the elements of a launch's operands become rows on a grid of work-groups.
#pragma once

#include <ATen/TensorIterator.h>

#include <limits>
#include <vector>

#include "aten/launch.h"
#include "kernels/core/row_grid.hpp"
#include "runtime/limits.h"

namespace ipex::aten {

// Operands that share a shape. Dimension 0 varies fastest; strides are in bytes and may be negative.
struct Elements {
  static constexpr int max_operands = 4;

  c10::SmallVector<std::int64_t, 5> shape;
  int operands = 0;
  char* data[max_operands];
  c10::IntArrayRef strides[max_operands];  // what they refer to must outlive the elements
  std::int64_t element_size[max_operands];

  Elements() = default;
  Elements(const at::TensorIteratorBase& iterator, int count);  // of the first `count` operands

  int dims() const { return static_cast<int>(shape.size()); }
  std::int64_t numel() const { return c10::multiply_integers(shape); }
  // Whether neighbours along dimension `dim` follow each other in memory.
  bool is_consecutive(int operand, int dim) const { return strides[operand][dim] == element_size[operand]; }
  // Those whose position in `dim` is in [begin, begin + length).
  Elements part(int dim, std::int64_t begin, std::int64_t length) const;
};

// Rows below this many elements leave vectors half empty.
constexpr std::int64_t shortest_row = 16;

// The largest divisor of `size` up to `limit`.
inline std::int64_t divisor_of(std::int64_t size, std::int64_t limit) {
  std::int64_t divisor = std::min(size, limit);
  while (size % divisor != 0) --divisor;
  return divisor;
}

// How a launch walks the elements.
struct Walk {
  int row = 0;              // the dimension that becomes a row
  int step = -1;            // the dimension along which a group goes on, -1 for none
  std::int64_t steps = 1;   // a divisor of its size
  bool transposes = false;  // an operand is consecutive along `step` instead of `row`
  std::int64_t lanes = 0;   // the most elements of a row for a group, 0 for what suits work-groups
};

// The walk along dimension 0, or along the longest where that is too short for vectors.
Walk walk_along_longest(const Elements& elements);

// Launch sizes for rows of `length`: lanes per group, and slices of a row.
struct SliceSize {
  std::int64_t slices;
  std::int64_t lanes;
};
SliceSize slice_size(std::int64_t length, bool narrow = false);
// Slices of equal length up to `most` elements.
inline SliceSize equal_slices(std::int64_t length, std::int64_t most) {
  const auto slices = std::max<std::int64_t>(1, (length + most - 1) / most);
  return {slices, (length + slices - 1) / slices};
}

// Fills in the slices of `rows` rows and the launch; false where the kernel's 32-bit numbers do not reach.
inline bool set_slices(std::int64_t rows, std::int64_t length, SliceSize size, kernels::RowSlices& slices,
                       Range& range) {
  constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
  slices.length = length;
  slices.slices = kernels::Divider(static_cast<std::uint32_t>(size.slices));
  range = {rows * size.slices, size.lanes};
  return rows <= limit / size.slices;
}

// Fills in where the elements are and the launch, of work-items that take `width` elements that follow each
// other; false where they are too many rows or dimensions.
template <int Operands>
bool set_grid(const Elements& elements, const Walk& walk, kernels::RowGrid<Operands>& grid, Range& range,
              int width = 1) {
  constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
  const int dims = elements.dims();
  for (int operand = 0; operand < elements.operands; ++operand) {
    grid.data[operand] = elements.data[operand];
    grid.strides[operand] = dims == 0 ? 0 : elements.strides[operand][walk.row] * width;
  }
  grid.steps = static_cast<std::uint32_t>(walk.steps);
  std::int64_t rows = 1;
  int outer = 0;
  const auto add_dimension = [&](int d, std::int64_t size) {
    if (outer == kernels::row_grid_outer_dims) return false;
    rows *= size;
    grid.outer_sizes[outer] = kernels::Divider(static_cast<std::uint32_t>(std::min(size, limit)));
    for (int operand = 0; operand < elements.operands; ++operand) {
      grid.outer_strides[outer][operand] = elements.strides[operand][d];
    }
    ++outer;
    return true;
  };
  if (walk.step >= 0 && elements.shape[walk.step] != 1)
    add_dimension(walk.step, elements.shape[walk.step] / walk.steps);
  for (int d = 0; d < dims; ++d) {
    if (d == walk.row || d == walk.step || elements.shape[d] == 1) continue;
    if (!add_dimension(d, elements.shape[d])) return false;
  }
  for (; outer < kernels::row_grid_outer_dims; ++outer) grid.outer_sizes[outer] = {};
  const std::int64_t length = dims == 0 ? 1 : elements.shape[walk.row] / width;
  const auto size = walk.lanes ? equal_slices(length, walk.lanes) : slice_size(length, walk.transposes);
  return set_slices(rows, length, size, grid.rows, range);
}

// Parts of what set_grid refused: fewer dimensions, or fewer rows.
std::vector<Elements> split(const Elements& elements, const Walk& walk);

}  // namespace ipex::aten
