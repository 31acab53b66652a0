// What the host hands to the kernels of embedding.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"
#include "kernels/core/fault.hpp"

namespace ipex::kernels {

// Sorted positions that one work-item looks at for the beginnings of runs of equal indices.
constexpr int embedding_chunk = 8;

struct EmbeddingGradientParams {
  const void* gradient;        // [count, columns], or [bags, columns]
  const void* indices;         // [count], sorted
  const std::int64_t* places;  // of the sorted indices in `gradient`
  void* output;                // [rows, columns]
  Fault fault;
  std::int64_t count;
  std::int64_t columns;
  std::int64_t rows;
  std::int64_t padding;  // a row that gets nothing, -1 for none
  bool average;          // divide by how often the index occurs
  // Of embeddings summed in bags; null otherwise.
  const std::int64_t* bags;       // of each index
  const std::int64_t* bag_sizes;  // of each bag, which the gradient is divided by
  const void* weights;            // of each index, which it is multiplied by
};

enum class BagMode : std::int32_t { sum, mean, max };

struct EmbeddingBagParams {
  const void* table;  // [rows, columns]
  std::int64_t rows, columns;
  std::int64_t row_stride, column_stride;
  const std::int64_t* indices;  // [count]
  std::int64_t count;
  const std::int64_t* offsets;  // [offset_count]: where each bag begins in `indices`
  std::int64_t offset_count;
  const void* weights;  // [count], or null
  std::int64_t padding;
  BagMode mode;
  Fault fault;
  void* output;               // [bags, columns]
  std::int64_t* index_bags;   // [count]
  std::int64_t* bag_sizes;    // [bags]
  std::int64_t* max_indices;  // [bags, columns], or null
  Divider slices;             // of the columns
};

// The gradient of the weights: for each index the product of its row and its bag's gradient.
struct BagWeightsGradientParams {
  const void* table;
  std::int64_t rows, columns;
  std::int64_t row_stride, column_stride;
  const void* gradient;  // [bags, columns]
  const std::int64_t* indices;
  const std::int64_t* index_bags;
  std::int64_t count;
  std::int64_t padding;
  void* output;  // [count]
};

}  // namespace ipex::kernels
