#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"
#include "kernels/core/row_grid.hpp"

namespace ipex::kernels {

// What a work-item does at a time.
constexpr int transpose_block_rows = 256, transpose_block_columns = 128;
constexpr int transpose_outer_dims = 4;

// The source is consecutive along its columns, the destination along its rows. Strides are in bytes.
struct TransposeParams {
  const char* source;
  char* destination;
  std::int64_t rows, columns;
  std::int64_t source_row;          // from a row of the source to the next
  std::int64_t destination_column;  // from a column of the destination to the next
  // A job is a block; the blocks of a matrix are numbered by rows, then columns.
  std::int64_t jobs;
  Divider row_blocks, column_blocks;
  Divider outer_sizes[transpose_outer_dims];
  std::int64_t outer_source[transpose_outer_dims];
  std::int64_t outer_destination[transpose_outer_dims];
};

struct CopyWordsParams {
  RowGrid<2> grid;  // destination, source
  std::uint32_t width;
  // Where pairs are made: from the source of a pair's first word to that of its second; else 0.
  std::int64_t partner;
};

}  // namespace ipex::kernels
