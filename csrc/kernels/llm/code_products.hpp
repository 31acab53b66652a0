// Rows of codes of few bits by the vectors of a decoder's step.
#pragma once

#include "kernels/llm/quantized_bytes.hpp"
#include "kernels/llm/row_products.hpp"

namespace ipex::kernels {

struct no_codes {};  // the format of a program whose weights are all numbers

template <class Format>
concept MultipliedAsBytes = requires {
  Format::step_blocks;
};

template <class Format, int M>
struct CodeProduct {
  using type = QuantizedRow<Format, M>;
};
template <MultipliedAsBytes Format, int M>
struct CodeProduct<Format, M> {
  using type = ByteRows<Format, 4, M>;
};

// Rows that a vector becomes: integers of 16 bits hold more than half and bfloat16 do, two of them what float
// does.
template <class Format, class T>
constexpr int code_digits() {
  if constexpr (MultipliedAsBytes<Format>) {
    return 1;
  } else {
    return std::is_same_v<T, float> && std::is_same_v<typename Format::Activation, int16_t> ? 2 : 1;
  }
}

// All of the vectors, by one work-item.
template <class Format>
IPEX_WITHIN void prepare_vectors(const ActivationsParams& params) {
#pragma nounroll
  for (int64_t job = 0; job < params.rows * params.spans; ++job) {
    if constexpr (MultipliedAsBytes<Format>) {
      byte_span<float, Format>(params, job);
    } else if constexpr (std::is_same_v<typename Format::Activation, float>) {
      plain_span<float>(PackRows<float>(), params, job);
    } else {
      integer_span<float>(params, job);
    }
  }
}

// `count` rows from `first` on by vectors `vector` and those that follow; their results begin at the sink's.
template <class Format, int Digits, int Vectors, class Sink>
IPEX_WITHIN void multiply_code_rows(const QuantizedWeight& weight, const QuantizedActivations& activations,
                                    int64_t first, int64_t count, int vector, const Sink& sink) {
  constexpr int M = Vectors * Digits;
  using Product = typename CodeProduct<Format, M>::type;
  constexpr int block = Product::rows;
  int32_t places[M];
#pragma unroll
  for (int m = 0; m < M; ++m) places[m] = vector * Digits + m;
  const Product product(weight, activations, places);
#pragma nounroll
  for (int64_t row = 0; row < count; row += block) {
    int64_t rows[block];
#pragma unroll
    for (int r = 0; r < block; ++r) rows[r] = first + sycl::min(row + r, count - 1);
    float sums[block][M];
    product.multiply(rows, sums);
#pragma unroll
    for (int r = 0; r < block; ++r) {
      if (row + r >= count) break;
#pragma unroll
      for (int v = 0; v < Vectors; ++v) {
        sink.put(row + r, v,
                 Digits == 2 ? sums[r][v * Digits] + sums[r][v * Digits + Digits - 1] : sums[r][v]);
      }
    }
  }
}

// The same for any number of vectors, a few at a time: the codes stay in the cache for those that follow.
template <class Format, int Digits, class Sink>
IPEX_WITHIN void multiply_codes(const QuantizedWeight& weight, const QuantizedActivations& activations,
                                int64_t first, int64_t count, int vectors, Sink sink) {
  int done = 0;
  const auto next = [&](int step) {
    done += step;
    sink.output += step * sink.stride;
  };
  if constexpr (Digits == 1) {
    for (; done + 4 <= vectors; next(4))
      multiply_code_rows<Format, Digits, 4>(weight, activations, first, count, done, sink);
  }
  for (; done + 2 <= vectors; next(2))
    multiply_code_rows<Format, Digits, 2>(weight, activations, first, count, done, sink);
  if (done < vectors) multiply_code_rows<Format, Digits, 1>(weight, activations, first, count, done, sink);
}

}  // namespace ipex::kernels
