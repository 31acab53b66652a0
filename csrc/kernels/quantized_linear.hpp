// Products with matrices of codes of few bits, for few rows of activations; activations as they want them;
// the matrices as numbers.
#pragma once

#include "kernels/quantized_row.hpp"

namespace ipex::kernels {

// A work-item, which is a work-group, for rows of the weight that follow each other.
template <class Format, int M>
IPEX_KERNEL_OF_ONE void quantized_product_by_packs(QuantizedProductParams params) {
  int32_t rows[M];
  const int32_t count = params.rows * params.digits;
#pragma unroll
  for (int m = 0; m < M; ++m) rows[m] = sycl::min(m, count - 1);
  const QuantizedRow<Format, M> product(params.weight, params.activations, rows);
  for_following_jobs(params.weight.rows, [&](int64_t row) {
    float sums[M];
    product.multiply(row, sums);
    const float bias = bias_of(params, row);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      if (m >= count || m % params.digits != 0) continue;
      const float rest = params.digits == 2 ? sums[(m + 1) % M] : 0.0f;
      store_number(params.kind, params.output, m / params.digits * params.output_stride + row,
                   sums[m] + rest + bias);
    }
  });
}

// A sub-group for each row of the weight.
template <class Format, int M>
IPEX_KERNEL void quantized_product(QuantizedProductParams params) {
  const SubGroupRows<float> jobs;
  const auto group = this_sub_group();
  const auto& weight = params.weight;
  const auto* activations = static_cast<const char*>(params.activations.values);
  jobs.for_jobs(weight.rows, [&](int64_t row) {
    float sums[M] = {};
    const float* values[M];
#pragma unroll
    for (int m = 0; m < M; ++m) {
      values[m] = reinterpret_cast<const float*>(activations + sycl::min(m, params.rows - 1) *
                                                                   params.activations.row_bytes);
    }
    for_weights<Format>(group, weight, row, [&](int32_t column, float lower, float upper) {
#pragma unroll
      for (int m = 0; m < M; ++m) {
        sums[m] = sycl::fma(lower, values[m][column], sums[m]);
        sums[m] = sycl::fma(upper, values[m][column + quantized_block / 2], sums[m]);
      }
    });
    const float bias = bias_of(params, row);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      const float sum = sum_over(group, sums[m]);
      if (jobs.writes() && m < params.rows) {
        store_number(params.kind, params.output, m * params.output_stride + row, sum + bias);
      }
    }
  });
}

// ---- Activations ----

inline float zero_of(int64_t) { return 0.0f; }
inline FloatPack zero_of(PackPlace) { return 0.0f; }

// Calls function(job, x, size, values) for each span of each row: `size` of its activations from `x` on. What
// `values`, the span in each of the `digits` rows it becomes, has beyond them is set to 0.
template <class In, class Out, class Rows, class Function>
inline void for_spans(const Rows& rows, const ActivationsParams& params, Function function) {
  rows.for_jobs(params.rows * params.spans, [&](int64_t job) {
    const int64_t row = job / params.spans, span = job % params.spans;
    const int64_t first = span * params.span_size;
    const int64_t size = sycl::min(int64_t{params.span_size}, sycl::max(params.columns - first, int64_t{0}));
    const auto* x = static_cast<const In*>(params.input) + row * params.row_stride + first;
    for (int digit = 0; digit < params.digits; ++digit) {
      const int64_t place_row = row * params.digits + digit, place = place_row * params.spans + span;
      auto* values =
          reinterpret_cast<Out*>(static_cast<char*>(params.values) + place_row * params.row_bytes) +
          span * params.span_size;
      rows.for_each(params.span_size - size, [&](auto i) { store(values + size, i, zero_of(i)); });
      function(digit, place, x, size, values);
    }
  });
}

template <class In, class Rows>
inline void plain_activations_by(const Rows& rows, const ActivationsParams& params) {
  for_spans<In, float>(rows, params, [&](int, int64_t, const In* x, int64_t size, float* values) {
    rows.for_each(size, [&](auto i) { store(values, i, load<float>(x, i)); });
  });
}

inline float multiply_add(float x, float y, float z) { return sycl::fma(x, y, z); }
inline FloatPack multiply_add(FloatPack x, float y, FloatPack z) { return math::fma(x, FloatPack(y), z); }

// Of each span the 16-bit integers nearest to the activations, whose largest is the largest integer; of what
// these leave the second row's.
template <class In, class Rows>
inline void integer_activations_by(const Rows& rows, const ActivationsParams& params) {
  constexpr float largest_integer = 32767, smallest = 1e-30f;
  // Rounding leaves up to a half, and a thousandth where a product was rounded to it: 16 bits hold that, too.
  constexpr float refinement = 65000;
  for_spans<In, int16_t>(
      rows, params, [&](int digit, int64_t place, const In* x, int64_t size, int16_t* values) {
        const float largest = rows.fold(
            size, 0.0f, [](auto a, auto b) { return math::maximum(a, b); },
            [&](auto i) { return magnitude(load<float>(x, i)); });
        const bool finite = largest < limits<float>::infinity();
        const float inverse = finite && largest > smallest ? largest_integer / largest : 0.0f;
        const auto integer = [&](auto i) {
          const auto value = load<float>(x, i);
          const auto first = nearest(value * decltype(value)(inverse));
          if (digit == 0) return first;
          return nearest(multiply_add(value, inverse, -first) * decltype(value)(refinement));
        };
        // What is not finite makes every result NaN.
        const float unit = finite ? largest / largest_integer : limits<float>::quiet_nan();
        const float scale = digit == 0 ? unit : unit / refinement;
        const float sum = sum_each<float>(rows, size, [&](auto i) {
          const auto value = finite ? integer(i) : zero_of(i);
          store(values, i, value);
          return value;
        });
        if (rows.writes()) {
          params.scales[place] = scale;
          params.sums[place] = scale * sum;
        }
      });
}

template <class In>
IPEX_KERNEL void plain_activations(ActivationsParams params) {
  plain_activations_by<In>(SubGroupRows<float>(), params);
}
template <class In>
IPEX_KERNEL_OF_ONE void plain_activations_by_packs(ActivationsParams params) {
  plain_activations_by<In>(PackRows<float>(), params);
}
template <class In>
IPEX_KERNEL_OF_ONE void integer_activations_by_packs(ActivationsParams params) {
  integer_activations_by<In>(PackRows<float>(), params);
}

// ---- Weights as numbers ----

template <class Format, class Out>
IPEX_KERNEL_OF_ONE void dequantize_rows_by_packs(DequantizeParams params) {
  const auto& weight = params.weight;
  const int64_t blocks = int64_t{weight.spans} * weight.span_blocks;
  for_following_jobs(params.rows, [&](int64_t job) {
    const int64_t row = params.first_row + job;
    const RowScales<Format> scales(weight, row);
    auto* output = static_cast<Out*>(params.output) + job * params.columns;
    const auto write = [&](int64_t column, FloatPack values) {
      if (column + FloatPack::count <= params.columns) {
        store_pack(output + column, values);
      } else {
        for (int64_t i = column; i < params.columns; ++i) output[i] = Out(float(values.lanes[i - column]));
      }
    };
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t span = block / weight.span_blocks;
      const float scale = scales.scale(span);
      const float offset = scales.has_offsets() ? scales.offset(span, scale) : 0.0f;
      const auto halves = Format::block(weight.codes + row * weight.row_bytes + block * Format::block_bytes);
      const int64_t column = block * quantized_block;
      write(column, multiply_add(Format::numbers(halves.lower), scale, FloatPack(offset)));
      write(column + quantized_block / 2,
            multiply_add(Format::numbers(halves.upper), scale, FloatPack(offset)));
    }
  });
}

template <class Format, class Out>
IPEX_KERNEL void dequantize_rows(DequantizeParams params) {
  const auto group = this_sub_group();
  SubGroupRows<float>().for_jobs(params.rows, [&](int64_t job) {
    auto* output = static_cast<Out*>(params.output) + job * params.columns;
    const auto write = [&](int32_t column, float value) {
      if (column < params.columns) output[column] = Out(value);
    };
    for_weights<Format>(group, params.weight, params.first_row + job,
                        [&](int32_t column, float lower, float upper) {
                          write(column, lower);
                          write(column + quantized_block / 2, upper);
                        });
  });
}

}  // namespace ipex::kernels
