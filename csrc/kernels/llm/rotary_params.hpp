// What the host hands to the kernels of rotary.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/fault.hpp"

namespace ipex::kernels {

// Vectors of `head_size` elements that follow each other, [batch, position, head]. Strides are in elements.
struct RotaryVectors {
  const void* input;
  void* output;  // may be the input
  std::int64_t sizes[3];
  std::int64_t input_strides[3];
  std::int64_t output_strides[3];
  std::int64_t head_size;
};

// The element of a vector's pair p: for halves p and p + pairs, else 2 p and 2 p + 1. A table's row has for
// the pair p the elements p * table_step and p * table_step + table_second.
struct RotaryParams {
  RotaryVectors vectors[2];
  std::int64_t count;  // of vectors: 1 or 2
  const void* cos;
  const void* sin;
  std::int64_t table_strides[3];  // by batch, position and head; where there are positions, they find the row
  const void* positions;          // or null
  std::int64_t position_strides[3];
  const void* offsets;  // of positions, at the same places; or null
  std::int64_t offset_strides[3];
  std::int64_t table_row;  // elements from a position's row to the next
  std::int64_t table_rows;
  std::int64_t pairs;
  std::int64_t table_step, table_second;
  Fault fault;
  bool halves;
  bool inverse;        // the transposed rotation
  bool wide_integers;  // positions and offsets are int64, else int32
};

}  // namespace ipex::kernels
