// Products with weights of four and eight bits on processors that multiply bytes (AVX-512 VNNI): activations
// are two digits of eight bits each.
#pragma once

#include "kernels/llm/quantized_activations.hpp"
#include "kernels/llm/row_products.hpp"

namespace ipex::kernels {

typedef int32_t DotSums __attribute__((ext_vector_type(16)));

// Sums of the products of neighbouring bytes, four in each: of unsigned bytes with signed ones. No pattern of
// C++ becomes this instruction. It adds to its result, which SPIR-V cannot tie to an operand: so a sum starts
// in here.
IPEX_WITHIN DotSums dot_bytes(const DotSums (&unsigned_bytes)[1], const DotSums (&signed_bytes)[1]) {
  DotSums sums;
#ifdef __SYCL_DEVICE_ONLY__
  asm("vpxord %0, %0, %0\n\t"
      "vpdpbusd %2, %1, %0"
      : "=&v"(sums)
      : "v"(unsigned_bytes[0]), "v"(signed_bytes[0]));
#endif
  return sums;
}
IPEX_WITHIN DotSums dot_bytes(const DotSums (&unsigned_bytes)[2], const DotSums (&signed_bytes)[2]) {
  DotSums sums;
#ifdef __SYCL_DEVICE_ONLY__
  asm("vpxord %0, %0, %0\n\t"
      "vpdpbusd %3, %1, %0\n\t"
      "vpdpbusd %4, %2, %0"
      : "=&v"(sums)
      : "v"(unsigned_bytes[0]), "v"(unsigned_bytes[1]), "v"(signed_bytes[0]), "v"(signed_bytes[1]));
#endif
  return sums;
}

IPEX_WITHIN DotSums load_bytes(const void* from) {
  typedef int32_t Unaligned __attribute__((ext_vector_type(16), aligned(1)));
  return *static_cast<const Unaligned*>(from);
}

namespace byte_weights {

// `unpack` gives the vectors of 64 weights that a step of 64 bytes of codes holds; a block is a quarter or a
// half of the lanes. `place` is that of 16 activations of a block.
struct int4 : weights::int4 {
  static constexpr int step_blocks = 4, parts = 2;
  static constexpr int shift = 0;  // of the codes multiplied

  static void unpack(DotSums codes, DotSums* bytes) {
    bytes[0] = codes & 0x0f0f0f0f;
    bytes[1] = (codes >> 4) & 0x0f0f0f0f;
  }
  static int64_t place(int64_t block, int digit, int half) {
    return block / 4 * 256 + digit * 128 + half * 64 + block % 4 * 16;
  }
};

struct int8 : weights::int8 {
  static constexpr int step_blocks = 2, parts = 1;
  static constexpr int shift = 128;

  static void unpack(DotSums codes, DotSums* bytes) { *bytes = codes ^ static_cast<int32_t>(0x80808080); }
  static int64_t place(int64_t block, int digit, int half) {
    return block / 2 * 128 + digit * 64 + block % 2 * 32 + half * 16;
  }
};

}  // namespace byte_weights

// R rows of codes by M rows of activations: activations are loaded once for all of the codes.
template <class Format, int R, int M>
class ByteRows {
 public:
  static constexpr int rows = R;  // of codes, multiplied together

  IPEX_WITHIN ByteRows(const QuantizedWeight& weight, const QuantizedActivations& activations,
                       const int32_t (&rows)[M])
      : weight_(weight), activations_(activations, weight.spans, rows) {}

  // result[r][m]: the product of row `rows[r]` of the weight with row m of the activations.
  IPEX_WITHIN void multiply(const int64_t (&rows)[R], float (&result)[R][M]) const {
    weight_.row_scales == 1 ? multiply_with<true>(rows, result) : multiply_with<false>(rows, result);
  }

 private:
  static constexpr int step_codes = Format::step_blocks * Format::block_bytes;
  static constexpr int step_bytes = 2 * Format::step_blocks * quantized_block;
  static_assert(step_codes == sizeof(DotSums));

  // With one scale for a row, the factors are those of the activations, which all rows share.
  template <bool OneScale>
  IPEX_WITHIN void multiply_with(const int64_t (&rows)[R], float (&result)[R][M]) const {
    FloatPack totals[R * M], offsets[R][M];
    const uint8_t* codes[R];
#pragma unroll
    for (int r = 0; r < R; ++r) {
      codes[r] = weight_.codes + rows[r] * weight_.row_bytes;
#pragma unroll
      for (int m = 0; m < M; ++m) totals[r * M + m] = offsets[r][m] = 0.0f;
    }
    for (int32_t first = 0; first < weight_.spans; first += span_chunk) {
      const int32_t count = sycl::min(span_chunk, weight_.spans - first);
      SpanFactors<M> factors[OneScale ? 1 : R];
      if constexpr (OneScale) {
        share_factors(first, count, factors[0], offsets[0]);
      } else {
#pragma unroll
        for (int r = 0; r < R; ++r) {
          set_factors<Format, true, Format::shift, M>(weight_, activations_, rows[r], first, count,
                                                      factors[r], offsets[r]);
        }
      }
      switch (weight_.span_blocks) {
        case 1:
          add_spans<1>(codes, first, count, factors, totals);
          break;
        case 2:
          add_spans<2>(codes, first, count, factors, totals);
          break;
        default:
          add_spans<4>(codes, first, count, factors, totals);
      }
    }
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const RowScales<Format> scales(weight_, rows[r]);
      const float scale = OneScale ? scales.scale(0) : 1.0f;
      const float offset = OneScale ? scales.offset(0, scale) - scale * Format::shift : 1.0f;
#pragma unroll
      for (int m = 0; m < M; ++m) {
        totals[r * M + m] =
            math::fma(offsets[OneScale ? 0 : r][m], FloatPack(offset), totals[r * M + m] * FloatPack(scale));
      }
    }
    const FloatPack joined = lane_totals(totals);
#pragma unroll
    for (int r = 0; r < R; ++r) {
#pragma unroll
      for (int m = 0; m < M; ++m) result[r][m] = joined.lanes[r * M + m];
    }
  }

  IPEX_WITHIN void share_factors(int32_t first, int32_t count, SpanFactors<M>& factors,
                                 FloatPack (&sums)[M]) const {
    for_spans(count, [&](int32_t i, int32_t here) {
#pragma unroll
      for (int m = 0; m < M; ++m) {
        store_pack(factors[m] + i, load_spans(activations_.scales[m] + first + i, here));
        sums[m] = sums[m] + load_spans(activations_.sums[m] + first + i, here);
      }
    });
    end_factors<M>(count, factors);
  }

  // The factors of a step's lanes.
  template <int Spans>
  IPEX_WITHIN static FloatPack spread(const float* factors) {
    if constexpr (Spans == 1) {
      return *factors;
    } else {
      const auto all = load_pack<FloatPack>(factors).lanes;
      if constexpr (Spans == 2) {
        return FloatPack::of(
            __builtin_shufflevector(all, all, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
      } else {
        return FloatPack::of(
            __builtin_shufflevector(all, all, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
      }
    }
  }

  template <int Blocks, int Rows>
  IPEX_WITHIN void add_spans(const uint8_t* const (&codes)[R], int32_t first, int32_t count,
                             const SpanFactors<M> (&factors)[Rows], FloatPack (&totals)[R * M]) const {
    constexpr int spans = Blocks < Format::step_blocks ? Format::step_blocks / Blocks : 1;  // of a step
    constexpr int steps = Blocks > Format::step_blocks ? Blocks / Format::step_blocks : 1;  // of a span
    constexpr int vectors = steps * Format::parts;
    for (int32_t i = 0; i < count; i += spans) {
      const int64_t step = int64_t{first + i} * Blocks / Format::step_blocks;
      DotSums bytes[R][vectors];
#pragma unroll
      for (int r = 0; r < R; ++r) {
#pragma unroll
        for (int s = 0; s < steps; ++s) {
          fetch_ahead(codes[r] + (step + s) * step_codes);
          Format::unpack(load_bytes(codes[r] + (step + s) * step_codes), bytes[r] + s * Format::parts);
        }
      }
#pragma unroll
      for (int m = 0; m < M; ++m) {
        DotSums upper[vectors], lower[vectors];
#pragma unroll
        for (int v = 0; v < vectors; ++v) {
          const char* values =
              activations_.values[m] + (step + v / Format::parts) * step_bytes + v % Format::parts * 64;
          upper[v] = load_bytes(values);
          lower[v] = load_bytes(values + step_bytes / 2);
        }
#pragma unroll
        for (int r = 0; r < R; ++r) {
          const DotSums sums = (dot_bytes(bytes[r], upper) << 8) + dot_bytes(bytes[r], lower);
          const auto floats = FloatPack::of(__builtin_convertvector(sums, decltype(FloatPack::lanes)));
          FloatPack& total = totals[r * M + m];
          total = math::fma(floats, spread<spans>(factors[Rows == 1 ? 0 : r][m] + i), total);
        }
      }
    }
  }

  const QuantizedWeight& weight_;
  ActivationRows<M> activations_;
};

template <class Format, int R, int M>
IPEX_KERNEL_OF_ONE void quantized_product_of_bytes(QuantizedProductParams params) {
  int32_t tokens[M];
#pragma unroll
  for (int m = 0; m < M; ++m) tokens[m] = sycl::min(m, params.rows - 1);
  const ByteRows<Format, R, M> product(params.weight, params.activations, tokens);
  const int64_t count = params.weight.rows;
  for_following_jobs((count + R - 1) / R, [&](int64_t job) {
    int64_t rows[R];
#pragma unroll
    for (int r = 0; r < R; ++r) rows[r] = sycl::min(job * R + r, count - 1);
    float sums[R][M];
    product.multiply(rows, sums);
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const float bias = bias_of(params, rows[r]);
#pragma unroll
      for (int m = 0; m < M; ++m) {
        if (m >= params.rows) continue;
        store_number(params.kind, params.output, m * params.output_stride + rows[r], sums[r][m] + bias);
      }
    }
  });
}

// Activations as two digits: of each span the integers of 16 bits nearest to them, whose largest is 127 of
// the upper digit; their bytes lie as steps of codes are unpacked. One span of a row.
template <class In, class Format>
IPEX_WITHIN void byte_span(const ActivationsParams& params, int64_t job) {
  const PackRows<float> rows;
  constexpr float largest_integer = 127 * 256, smallest = 1e-30f;
  const int64_t span_blocks = params.span_size / quantized_block;
  const ActivationSpan<In> span(params, job);
  auto* bytes = static_cast<int8_t*>(params.values) + span.row * params.row_bytes;
  const float largest = span.largest_magnitude(rows);
  const bool finite = largest < limits<float>::infinity();
  const float inverse = finite && largest > smallest ? largest_integer / largest : 0.0f;
  FloatPack sum = 0.0f;
  const int64_t first = span.span * span_blocks;
  const int64_t end = span.span + 1 < params.spans ? span_blocks : params.blocks - first;
  for (int64_t half = 0; half < 2 * end; ++half) {
    const int64_t start = half * 16, block = first + half / 2;
    FloatPack values = 0.0f;
    if (finite && start + 16 <= span.size) {
      values = load<float>(span.x, PackPlace{start});
    } else if (finite) {
      for (int64_t i = start; i < span.size; ++i) values.lanes[i - start] = load<float>(span.x, i);
    }
    const FloatPack integers = nearest(values * FloatPack(inverse));
    const FloatPack upper = nearest(integers * FloatPack(1.0f / 256));
    // The lower digit is from -128 to 128, of which a byte has no 128.
    const FloatPack lower = math::minimum(integers - upper * FloatPack(256.0f), FloatPack(127.0f));
    store_pack(bytes + Format::place(block, 0, half % 2), upper);
    store_pack(bytes + Format::place(block, 1, half % 2), lower);
    sum += upper * FloatPack(256.0f) + lower;
  }
  // What is not finite makes every result NaN.
  const float scale = finite ? largest / largest_integer : limits<float>::quiet_nan();
  params.scales[job] = scale;
  params.sums[job] = scale * sum_of_lanes(sum);
}

template <class In, class Format>
IPEX_KERNEL_OF_ONE void byte_activations(ActivationsParams params) {
  for_following_jobs(params.rows * params.spans, [&](int64_t job) { byte_span<In, Format>(params, job); });
}

}  // namespace ipex::kernels
