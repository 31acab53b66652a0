// Products with matrices of codes of few bits, for few rows of activations; activations as they want them;
// the matrices as numbers.
#pragma once

#include "kernels/llm/quantized_activations.hpp"
#include "kernels/llm/quantized_row.hpp"

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
    float sums[1][M];
    product.multiply({row}, sums);
    const float bias = bias_of(params, row);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      if (m >= count || m % params.digits != 0) continue;
      const float rest = params.digits == 2 ? sums[0][(m + 1) % M] : 0.0f;
      store_number(params.kind, params.output, m / params.digits * params.output_stride + row,
                   sums[0][m] + rest + bias);
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

template <class In>
IPEX_KERNEL void plain_activations(ActivationsParams params) {
  const SubGroupRows<float> rows;
  rows.for_jobs(params.rows * params.spans, [&](int64_t job) { plain_span<In>(rows, params, job); });
}
template <class In>
IPEX_KERNEL_OF_ONE void plain_activations_by_packs(ActivationsParams params) {
  const PackRows<float> rows;
  rows.for_jobs(params.rows * params.spans, [&](int64_t job) { plain_span<In>(rows, params, job); });
}
template <class In>
IPEX_KERNEL_OF_ONE void integer_activations_by_packs(ActivationsParams params) {
  for_following_jobs(params.rows * params.spans, [&](int64_t job) { integer_span<In>(params, job); });
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
