// Rows of codes by activations: what kernels of products with weights of few bits, and kernels that do more
// than such products, are made of.
#pragma once

#include "kernels/core/rows.hpp"
#include "kernels/llm/quantized_formats.hpp"

namespace ipex::kernels {

// ---- What a row's codes are multiplied by and what is added ----

// The scales of a row and, where there are zero points, what they add to each weight of a span.
template <class Format>
class RowScales {
 public:
  RowScales(const QuantizedWeight& weight, int64_t row)
      : weight_(weight), first_(row * weight.row_scales), step_(weight.row_scales > 1 ? 1 : 0) {}

  bool has_offsets() const { return weight_.zeros != nullptr || Format::middle != 0; }
  // `Place` is that of a span, or of a pack of them.
  template <class Place>
  auto scale(Place span) const {
    return number(weight_.scales, span);
  }
  template <class Place, class Value>
  Value offset(Place span, Value scale) const {
    if (weight_.zeros == nullptr) return -scale * Value(Format::middle);
    const Value zero = number(weight_.zeros, span);
    return weight_.zeros_are_offsets ? zero : -scale * zero;
  }

 private:
  float number(const void* numbers, int64_t span) const {
    const int64_t place = first_ + span * step_;
    return weight_.half_scales ? static_cast<float>(static_cast<const half*>(numbers)[place])
                               : static_cast<const float*>(numbers)[place];
  }
  FloatPack number(const void* numbers, PackPlace spans) const {
    if (step_ == 0) return number(numbers, int64_t{0});
    return weight_.half_scales ? load<float>(static_cast<const half*>(numbers) + first_, spans)
                               : load<float>(static_cast<const float*>(numbers) + first_, spans);
  }

  const QuantizedWeight& weight_;
  int64_t first_;
  int64_t step_;
};

template <class P>
inline float sum_of_lanes(P pack) {
  return combine_lanes<P>(pack, [](P a, P b) { return a + b; }).lanes[0];
}

// A sum of numbers and of packs of them.
struct MixedSum {
  FloatPack pack = 0.0f;
  float rest = 0;

  void add_product(FloatPack a, FloatPack b) { pack = math::fma(a, b, pack); }
  void add_product(float a, float b) { rest = sycl::fma(a, b, rest); }
  float sum() const { return sum_of_lanes(pack) + rest; }
};

// Spans whose factors are worked out together.
constexpr int32_t span_chunk = 32;

inline int64_t after(int32_t first, int64_t i) { return first + i; }
inline PackPlace after(int32_t first, PackPlace i) { return {first + i.first}; }

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
    MixedSum offsets[M];
#pragma unroll
    for (int m = 0; m < M; ++m) totals[m] = Total(0.0f);
    const uint8_t* codes = weight_.codes + row * weight_.row_bytes;
    const RowScales<Format> scales(weight_, row);
    for (int32_t first = 0; first < weight_.spans; first += span_chunk) {
      const int32_t count = sycl::min(span_chunk, weight_.spans - first);
      float factors[M][span_chunk];
      PackRows<float>().for_each(count, [&](auto i) { add_offsets(scales, first, i, factors, offsets); });
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
    for (int m = 0; m < M; ++m) {
      result[0][m] = sum_of_lanes(totals[m]) + offsets[m].sum();
    }
  }

 private:
  using Activation = typename Format::Activation;
  using Total = typename Format::Total;
  static constexpr bool scaled_activations = std::is_same_v<Activation, int16_t>;

  // What spans are multiplied by, and what the zero points add: a product of offsets and sums of activations.
  template <class Place>
  IPEX_WITHIN void add_offsets(const RowScales<Format>& scales, int32_t first, Place i,
                               float (&factors)[M][span_chunk], MixedSum (&offsets)[M]) const {
    const auto span = after(first, i);
    const auto scale = scales.scale(span);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      if constexpr (scaled_activations) {
        store(factors[m], i, scale * load<float>(activations_.scales[m], span));
      } else {
        store(factors[m], i, scale);
      }
    }
    if (!scales.has_offsets()) return;
    const auto offset = scales.offset(span, scale);
#pragma unroll
    for (int m = 0; m < M; ++m) offsets[m].add_product(offset, load<float>(activations_.sums[m], span));
  }

  template <int Blocks>
  IPEX_WITHIN void add_spans(const uint8_t* codes, int32_t first, int32_t count,
                             const float (&factors)[M][span_chunk], Total (&totals)[M]) const {
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
