// What the host hands to the kernels of margin.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/fault.hpp"

namespace ipex::kernels {

struct MarginParams {
  const void* input;           // [rows, classes]
  const std::int64_t* target;  // [rows, classes]: the labels of a row, ended by -1
  void* is_target;             // [rows, classes]
  void* output;                // [rows, classes]: terms of the loss, or the gradient
  const void* gradient;        // of the rows, or of the whole loss
  std::int64_t gradient_stride;
  std::int64_t rows, classes;
  float divisor;
  Fault fault;
};

}  // namespace ipex::kernels
