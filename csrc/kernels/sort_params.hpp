// What the host hands to the kernels of sort.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

constexpr int sort_group = 256;
// Elements that one work-group sorts in its own memory.
constexpr int sort_tile = 2048;

// What top_few_of_rows finds at most: every device has sub-groups of that many work-items.
constexpr int top_few = 8;

constexpr int radix_bits = 8;
constexpr int radix_bins = 1 << radix_bits;
// Work-items of a group of the radix sort; each owns a part of a row and a column of the group's counters.
constexpr int radix_group = 16;

// Rows of `length` elements, dense.
struct SortParams {
  const void* input;
  void* values;
  std::int64_t* indices;
  std::int64_t rows;
  std::int64_t length;
  bool descending;
  int segment;  // sort_rows: a power of two that holds a row
};

// The first `count` of each row, by descending or ascending order. A row is cut into `parts`, each of which
// leaves its own first `count` in `values` and `indices`, shaped [rows, parts, count].
struct TopParams {
  const void* input;
  const std::int64_t* input_indices;  // of the elements in the original row, or null for their position
  void* values;
  std::int64_t* indices;
  std::int64_t rows;
  std::int64_t length;
  std::int64_t part;  // length of a part, at least `count`; the last one takes what remains
  std::int64_t parts;
  int count;
  int tile;  // entries that a group sorts at a time: a power of two, at least twice `count`
  bool descending;
};

// One pass of the radix sort over entries [rows, length]; each row is cut into `parts`.
struct RadixParams {
  const void* input;  // values in the first launch, then entries
  void* output;       // entries, then values in the last launch
  std::int64_t* indices;
  const void* original;
  std::int32_t*
      counters;  // [rows, 1 + bins * parts]: after the scan, where each part puts what has that digit
  std::int64_t rows;
  std::int64_t length;
  std::int64_t part;
  std::int64_t parts;
  int shift;
  bool descending;
};

}  // namespace ipex::kernels
