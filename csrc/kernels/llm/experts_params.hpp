// What the host hands to the kernels of experts.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

// Tokens and the experts that a router gives them to.
struct RoutingParams {
  const void* logits;     // [tokens, experts]
  float* weights;         // [tokens, chosen]
  std::int32_t* numbers;  // of experts, [tokens, chosen]
  std::int32_t* counts;   // of tokens, for each expert
  std::int32_t* places;   // [tokens, chosen], among the expert's tokens
  std::int64_t tokens, experts, chosen;
  bool normalize;
};

// output[row] = (add: output[row]) + scale * matrices[choice of row] input[row]
struct ChosenProductsParams {
  const void* input;
  const void* matrices;  // [choice, column, depth]
  void* output;
  const std::int32_t* choices;  // for each row; other rows give 0
  std::int64_t choice_count;
  std::int64_t rows, columns, depth;
  std::int64_t input_stride, output_stride;  // from a row to the next
  std::int64_t matrix_stride, column_stride;
  std::int64_t column_blocks;
  float scale;
  bool add;
};

}  // namespace ipex::kernels
