// What the host hands to the kernels of quantized_linear.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

// Weights of a row whose codes lie together: of codes of four bits, byte i of 16 holds that of weight i in
// its lower half and that of weight i + 16 in its upper.
constexpr int quantized_block = 32;
// The most weights whose products with activations are added up before they are scaled.
constexpr int quantized_longest_span = 128;
// The most rows of activations that one kernel multiplies by.
constexpr int quantized_most_rows = 4;

enum class NumberKind : std::int32_t { float32, half, bfloat16 };

// A matrix of codes. A row is spans of one, two or four blocks, as many codes as share a scale or, where a
// row has one scale, as many as divide it.
struct QuantizedWeight {
  const std::uint8_t* codes;
  const void* scales;  // [rows, scales of a row]: float, or half
  const void* zeros;   // as scales; null: the code of zero is the format's
  std::int64_t rows;
  std::int64_t row_bytes;  // spans, and what fills them up to whole vectors
  std::int32_t spans;
  std::int32_t span_blocks;
  std::int32_t row_scales;  // as many as spans, or 1
  bool half_scales;
  bool zeros_are_offsets;  // a weight is code * scale + zero, not (code - zero) * scale
};

// Rows of activations, padded with zeros to whole spans: float, or integers with a scale for each span. They
// are no power of two apart, as they would share a set of the cache.
struct QuantizedActivations {
  const void* values;
  std::int64_t row_bytes;
  const float* scales;  // [rows, spans], of integers
  const float* sums;    // [rows, spans]: of integers, scaled
};

struct ActivationsParams {
  const void* input;
  void* values;
  float* scales;
  float* sums;
  std::int64_t rows;
  std::int64_t row_stride;
  std::int64_t row_bytes;  // of values
  std::int32_t columns;
  std::int32_t spans;
  std::int32_t span_size;
  std::int32_t blocks;  // of a row of codes, with what fills it up
  // Rows of 16-bit integers for each row of the input: with two, the second says what the first leaves.
  std::int32_t digits;
};

struct QuantizedProductParams {
  QuantizedWeight weight;
  QuantizedActivations activations;
  const void* bias;  // of the output's kind, or null
  void* output;
  std::int64_t output_stride;
  std::int32_t rows;    // of the output
  std::int32_t digits;  // rows of activations for each of the output's
  NumberKind kind;      // of the output
};

struct DequantizeParams {
  QuantizedWeight weight;
  void* output;  // [rows, columns]
  std::int64_t first_row;
  std::int64_t rows;
  std::int32_t columns;
};

}  // namespace ipex::kernels
