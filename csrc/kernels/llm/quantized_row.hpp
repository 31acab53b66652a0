// Rows of codes by activations: what kernels of products with weights of few bits, and kernels that do more
// than such products, are made of.
#pragma once

#include "kernels/core/rows.hpp"
#include "kernels/llm/quantized_formats.hpp"

namespace ipex::kernels {

// ---- What a row's codes are multiplied by and what is added ----

// The first `count` lanes; the others are 0, whatever they were.
IPEX_WITHIN FloatPack first_lanes(FloatPack pack, int32_t count) {
  using Numbers = FloatPack::Like<int32_t>;
  constexpr Numbers lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return count >= FloatPack::count
             ? pack
             : FloatPack::of(lane < Numbers(count) ? pack.lanes : FloatPack(0.0f).lanes);
}

// The scales of a row and, where there are zero points, what they add to each weight of a span; for one span,
// or for the pack of those from `span` on, of which the first `count` are the row's.
template <class Format>
class RowScales {
 public:
  IPEX_WITHIN RowScales(const QuantizedWeight& weight, int64_t row)
      : weight_(weight), first_(row * weight.row_scales), step_(weight.row_scales > 1 ? 1 : 0) {}

  IPEX_WITHIN bool has_offsets() const { return weight_.zeros != nullptr || Format::middle != 0; }
  IPEX_WITHIN float scale(int64_t span) const { return number(weight_.scales, span); }
  IPEX_WITHIN FloatPack scale(int64_t span, int32_t count) const {
    return numbers(weight_.scales, span, count);
  }
  IPEX_WITHIN float offset(int64_t span, float scale) const {
    return offset_of(scale, [&] { return number(weight_.zeros, span); });
  }
  IPEX_WITHIN FloatPack offset(int64_t span, int32_t count, FloatPack scale) const {
    return offset_of(scale, [&] { return numbers(weight_.zeros, span, count); });
  }

 private:
  template <class Value, class Zero>
  IPEX_WITHIN Value offset_of(Value scale, Zero zero) const {
    if (weight_.zeros == nullptr) return -scale * Value(Format::middle);
    return weight_.zeros_are_offsets ? zero() : -scale * zero();
  }
  IPEX_WITHIN float number(const void* numbers, int64_t span) const {
    const int64_t place = first_ + span * step_;
    return weight_.half_scales ? static_cast<float>(static_cast<const half*>(numbers)[place])
                               : static_cast<const float*>(numbers)[place];
  }
  IPEX_WITHIN FloatPack numbers(const void* numbers, int64_t span, int32_t count) const {
    if (step_ == 0) return first_lanes(number(numbers, 0), count);
    const int64_t place = first_ + span;
    FloatPack pack = 0.0f;
    if (place + FloatPack::count > weight_.rows * weight_.row_scales) {
      for (int32_t i = 0; i < count; ++i) pack.lanes[i] = number(numbers, span + i);
    } else {
      pack = weight_.half_scales ? load_pack<FloatPack>(static_cast<const half*>(numbers) + place)
                                 : load_pack<FloatPack>(static_cast<const float*>(numbers) + place);
    }
    return first_lanes(pack, count);
  }

  const QuantizedWeight& weight_;
  int64_t first_;
  int64_t step_;
};

template <class P>
inline float sum_of_lanes(P pack) {
  return combine_lanes<P>(pack, [](P a, P b) { return a + b; }).lanes[0];
}

// Where the activations are that a row of codes meets: those of rows `rows[m]`.
template <int M>
struct ActivationRows {
  const char* values[M];
  const float* scales[M];
  const float* sums[M];

  IPEX_WITHIN ActivationRows(const QuantizedActivations& activations, int32_t spans,
                             const int32_t (&rows)[M]) {
#pragma unroll
    for (int m = 0; m < M; ++m) {
      values[m] = static_cast<const char*>(activations.values) + rows[m] * activations.row_bytes;
      scales[m] = activations.scales + int64_t{rows[m]} * spans;
      sums[m] = activations.sums + int64_t{rows[m]} * spans;
    }
  }
};

// Spans of a row whose factors are worked out together.
constexpr int32_t span_chunk = 32;

// What they are multiplied by, for M rows of activations. Behind them are zeros, for codes that fill a row
// up.
template <int M>
using SpanFactors = float[M][span_chunk + FloatPack::count];

// Calls function(i, count) for packs of `all` spans, of which the last has fewer.
template <class Function>
IPEX_WITHIN void for_spans(int32_t all, Function function) {
#pragma nounroll
  for (int32_t i = 0; i < all; i += FloatPack::count) {
    function(i, sycl::min(all - i, static_cast<int32_t>(FloatPack::count)));
  }
}

// Numbers of `count` spans; memory may be read beyond them.
IPEX_WITHIN FloatPack load_spans(const float* numbers, int32_t count) {
  return first_lanes(load_pack<FloatPack>(numbers), count);
}

template <int M>
IPEX_WITHIN void end_factors(int32_t count, SpanFactors<M>& factors) {
#pragma unroll
  for (int m = 0; m < M; ++m) store_pack(factors[m] + count, FloatPack(0.0f));
}

// The factors of `count` spans of a row, and what the zero points add: products of offsets and sums of
// activations. `Shift` is that of the codes multiplied.
template <class Format, bool ScaledActivations, int Shift, int M>
IPEX_WITHIN void set_factors(const QuantizedWeight& weight, const ActivationRows<M>& activations, int64_t row,
                             int32_t first, int32_t count, SpanFactors<M>& factors, FloatPack (&offsets)[M]) {
  const RowScales<Format> scales(weight, row);
  for_spans(count, [&](int32_t i, int32_t here) {
    const int64_t span = first + i;
    const FloatPack scale = scales.scale(span, here);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      store_pack(factors[m] + i,
                 ScaledActivations ? scale * load_spans(activations.scales[m] + span, here) : scale);
    }
    if (Shift == 0 && !scales.has_offsets()) return;
    const FloatPack offset = scales.offset(span, here, scale) - scale * FloatPack(Shift);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      offsets[m] = math::fma(offset, load_spans(activations.sums[m] + span, here), offsets[m]);
    }
  });
  end_factors<M>(count, factors);
}

// ---- One row of codes by M rows of activations, by packs ----

template <class Format, int M>
class QuantizedRow {
 public:
  static constexpr int rows = 1;  // of codes, multiplied together

  IPEX_WITHIN QuantizedRow(const QuantizedWeight& weight, const QuantizedActivations& activations,
                           const int32_t (&rows)[M])
      : weight_(weight), activations_(activations, weight.spans, rows) {}

  // result[0][m]: the product of row `rows[0]` of the weight with row m of the activations.
  IPEX_WITHIN void multiply(const int64_t (&rows)[1], float (&result)[1][M]) const {
    const int64_t row = rows[0];
    Total totals[M];
    FloatPack offsets[M];
#pragma unroll
    for (int m = 0; m < M; ++m) {
      totals[m] = Total(0.0f);
      offsets[m] = 0.0f;
    }
    const uint8_t* codes = weight_.codes + row * weight_.row_bytes;
    for (int32_t first = 0; first < weight_.spans; first += span_chunk) {
      const int32_t count = sycl::min(span_chunk, weight_.spans - first);
      SpanFactors<M> factors;
      set_factors<Format, scaled_activations, 0, M>(weight_, activations_, row, first, count, factors,
                                                    offsets);
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
    for (int m = 0; m < M; ++m) result[0][m] = sum_of_lanes(totals[m]) + sum_of_lanes(offsets[m]);
  }

 private:
  using Activation = typename Format::Activation;
  using Total = typename Format::Total;
  static constexpr bool scaled_activations = std::is_same_v<Activation, int16_t>;

  template <int Blocks>
  IPEX_WITHIN void add_spans(const uint8_t* codes, int32_t first, int32_t count,
                             const SpanFactors<M>& factors, Total (&totals)[M]) const {
    for (int32_t i = 0; i < count; ++i) {
      typename Format::Sum sums[M] = {};
#pragma unroll
      for (int b = 0; b < Blocks; ++b) {
        const int64_t block = int64_t{first + i} * Blocks + b;
        const auto [lower, upper] = Format::block(codes + block * Format::block_bytes);
#pragma unroll
        for (int m = 0; m < M; ++m) {
          const Activation* values =
              reinterpret_cast<const Activation*>(activations_.values[m]) + block * quantized_block;
          Format::add(sums[m], lower, load_pack<typename Format::Values>(values));
          Format::add(sums[m], upper, load_pack<typename Format::Values>(values + quantized_block / 2));
        }
      }
#pragma unroll
      for (int m = 0; m < M; ++m)
        totals[m] = math::fma(Format::total(sums[m]), Total(factors[m][i]), totals[m]);
    }
  }

  const QuantizedWeight& weight_;
  ActivationRows<M> activations_;
};

// ---- The same by the work-items of a sub-group, whose activations are float ----

// function(span, column, lower, upper) for pairs of weights of a row, as numbers: those of `column` and 16
// on.
template <class Format, class Function>
inline void for_weights(const sycl::sub_group& group, const QuantizedWeight& weight, int64_t row,
                        Function function) {
  constexpr int half_block = quantized_block / 2;
  const int32_t span_items = weight.span_blocks * half_block, items = weight.spans * span_items;
  const uint8_t* codes = weight.codes + row * weight.row_bytes;
  const RowScales<Format> scales(weight, row);
  const auto visit = [&](int32_t block, int lane, auto lookup) {
    const int32_t span = block / weight.span_blocks;
    const float scale = scales.scale(int64_t{span});
    const float offset = scales.has_offsets() ? scales.offset(int64_t{span}, scale) : 0.0f;
    const auto [lower, upper] = Format::at(codes + int64_t{block} * Format::block_bytes, lane, lookup);
    function(block * quantized_block + lane, sycl::fma(lower, scale, offset),
             sycl::fma(upper, scale, offset));
  };
  const int lane = group.get_local_linear_id(), width = group.get_local_linear_range();
  if (width == half_block) {
    // All work-items are in one block. A table that they hold is looked up by one permutation of a register.
    const float number = weights::nf4_numbers[lane];
    const auto lookup = [&](int code) { return sycl::select_from_group(group, number, code); };
    for (int32_t block = 0; block < items / half_block; ++block) visit(block, lane, lookup);
  } else {
    const auto lookup = [](int code) { return weights::nf4_numbers[code]; };
    for (int32_t item = lane; item < items; item += width)
      visit(item / half_block, item % half_block, lookup);
  }
}

// ---- What kernels of products share ----

inline float load_number(NumberKind kind, const void* numbers, int64_t place) {
  return kind == NumberKind::float32 ? static_cast<const float*>(numbers)[place]
         : kind == NumberKind::half  ? static_cast<float>(static_cast<const half*>(numbers)[place])
                                     : static_cast<float>(static_cast<const bfloat16*>(numbers)[place]);
}
inline void store_number(NumberKind kind, void* numbers, int64_t place, float value) {
  if (kind == NumberKind::float32) {
    static_cast<float*>(numbers)[place] = value;
  } else if (kind == NumberKind::half) {
    static_cast<half*>(numbers)[place] = half(value);
  } else {
    static_cast<bfloat16*>(numbers)[place] = bfloat16(value);
  }
}
inline float bias_of(const QuantizedProductParams& params, int64_t column) {
  return params.bias == nullptr ? 0.0f : load_number(params.kind, params.bias, column);
}

inline float magnitude(float x) { return sycl::fabs(x); }
inline FloatPack magnitude(FloatPack x) { return math::fabs(x); }
inline float nearest(float x) { return sycl::rint(x); }
inline FloatPack nearest(FloatPack x) { return FloatPack::of(__spirv_ocl_rint(x.lanes)); }

}  // namespace ipex::kernels
