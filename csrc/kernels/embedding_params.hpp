// What the host hands to the kernels of embedding.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"
#include "kernels/core/fault.hpp"

namespace ipex::kernels {

// Sorted positions that one work-item looks at for the beginnings of runs of equal indices.
constexpr int embedding_chunk = 8;

struct EmbeddingGradientParams {
  const void* gradient;        // [count, columns]
  const void* indices;         // [count], sorted
  const std::int64_t* places;  // of the sorted indices in `gradient`
  void* output;                // [rows, columns]
  Fault fault;
  std::int64_t count;
  std::int64_t columns;
  std::int64_t rows;
  std::int64_t padding;  // a row that gets nothing, -1 for none
  bool average;          // divide by how often the index occurs
};

}  // namespace ipex::kernels
