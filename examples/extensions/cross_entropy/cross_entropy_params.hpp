#pragma once

#include <cstdint>

// Read by the host and by the kernels.
struct CrossEntropyParams {
  const void* logits;           // [rows, classes]
  const std::int64_t* targets;  // [rows]
  float* losses;                // [rows]
  float* logsumexp;             // [rows]
  const float* loss_gradients;  // [rows]
  void* gradients;              // [rows, classes]
  std::int64_t rows, classes;
};
