// Weights of few bits: what the operators on them share.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "kernels/llm/quantized_linear_params.hpp"

namespace ipex::aten {

// A matrix [rows, columns] of codes, on a device (kernels/llm/quantized_linear_params.hpp says how they lie).
struct QuantizedMatrix {
  std::string kind;   // int8, int4, nf4, e4m3, e5m2
  at::Tensor codes;   // uint8 [rows, bytes of a row]
  at::Tensor scales;  // float32 or float16 [rows, spans of a row, or 1]
  at::Tensor zeros;   // as scales, or undefined
  std::int64_t columns;
  std::int64_t span;  // weights that share a scale, or whose number divides that: 32, 64 or 128
  bool zeros_are_offsets;

  std::int64_t rows() const { return codes.size(0); }
};

kernels::QuantizedWeight weight_params(const QuantizedMatrix& matrix);

// How a kernel of one work-item multiplies by a matrix: the format that it is made for, and what vectors of a
// dtype become before (without places).
struct CodeProduct {
  const char* format;
  kernels::ActivationsParams activations;
};
CodeProduct code_product(const char* name, const QuantizedMatrix& matrix, c10::ScalarType dtype);

// Raises an error where the parts do not fit each other.
void check_matrix(const char* name, const QuantizedMatrix& matrix);

// input [..., columns] @ weight^T + bias.
at::Tensor quantized_linear(const char* name, const at::Tensor& input, const QuantizedMatrix& weight,
                            const std::optional<at::Tensor>& bias);

}  // namespace ipex::aten
