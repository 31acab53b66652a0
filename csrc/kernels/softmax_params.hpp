// What the host hands to the kernels of softmax.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

struct SoftmaxParams {
  const void* input;   // or the gradient
  const void* result;  // of the forward pass
  void* output;
  std::int64_t rows;
  std::int64_t size;
};

}  // namespace ipex::kernels
