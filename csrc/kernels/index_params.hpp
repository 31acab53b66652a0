// What the host hands to the kernels of index.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"
#include "kernels/core/fault.hpp"

namespace ipex::kernels {

constexpr int index_max_dims = 12;
constexpr int index_max_indices = 12;
constexpr int index_items = 4;  // positions of each work-item, where their order does not matter

// One index tensor: its values select along a dimension of the indexed operand.
struct IndexedDim {
  const std::int64_t* index;
  std::int64_t size;
  std::int64_t stride;  // in bytes, of the indexed operand
};

// A launch over `numel` positions; dimension 0 varies fastest. Strides are in bytes and may be negative.
struct IndexParams {
  char* output;
  const char* input;
  Fault fault;  // raised by an index out of range
  std::uint32_t numel;
  std::uint32_t items;  // positions of each work-item
  int dims;
  int indices;
  std::int64_t lowest;  // -1: a negative index counts from the end; 0: it is out of range
  Divider sizes[index_max_dims];
  std::int32_t strides[index_max_dims][3];  // of output, input and every index tensor
  IndexedDim indexed[index_max_indices];
  alignas(16) unsigned char value[16];  // what index_fill and index_update_scalar write
};

// Rows of `row` elements: output[outer, n, :] = input[outer, index[n], :], all of them dense.
struct IndexRowsParams {
  void* output;
  const void* input;
  const std::int64_t* index;
  Fault fault;  // raised by an index out of range
  std::int64_t numel;
  std::int64_t input_rows;  // rows of the input for one `outer`
  Divider row;
  Divider indices;
};

}  // namespace ipex::kernels
