// What the host hands to the kernels of index.hpp.
#pragma once

#include "kernels/core/divider.hpp"
#include "kernels/core/fault.hpp"
#include "kernels/core/row_grid.hpp"

namespace ipex::kernels {

constexpr int index_max_indices = 8;

// One index tensor: its values select along a dimension of the indexed operand. Its elements lie like those
// of the first, `distance` bytes away.
struct IndexedDim {
  std::int64_t distance;
  std::int64_t size;
  std::int64_t stride;  // in bytes, of the indexed operand
};

struct IndexParams {
  RowGrid<3> grid;  // of output, input and the first index tensor
  // For work-items that take whole slices: how many there are, and their width.
  std::uint32_t groups;
  std::uint32_t width;
  Fault fault;  // raised by an index out of range
  int indices;
  std::int64_t lowest;  // -1: a negative index counts from the end; 0: it is out of range
  IndexedDim indexed[index_max_indices];
  alignas(16) unsigned char value[16];  // what index_fill writes
};

constexpr int index_line_dims = 4;

// Lines along the dimension that an index selects: a work-item follows each in order. Strides are in bytes,
// of output, input and index; the output's along the line is that of the selected dimension.
struct IndexLinesParams {
  void* output;
  const void* input;
  const void* index;
  Fault fault;  // raised by an index out of range
  std::int64_t lines;
  std::int64_t length;
  std::int64_t size;   // of the selected dimension
  std::int64_t width;  // lines that one work-item follows side by side
  std::int64_t strides[3];
  // The dimensions that number the lines, the fastest first; those not used have size 1.
  Divider sizes[index_line_dims];
  std::int64_t line_strides[index_line_dims][3];
};

// Sums of half precision along columns: which positions of the index name the same place.
struct IndexSumsParams {
  IndexLinesParams lines;
  std::int64_t lowest;  // as in IndexParams
  std::int32_t* first;  // of each place of the selected dimension the first position, or none
  std::int32_t* next;   // of each position the next one of the same place, or none
  float alpha;
};
constexpr std::int32_t index_none = -1;

}  // namespace ipex::kernels
