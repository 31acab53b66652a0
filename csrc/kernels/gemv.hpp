// Products of matrices with one vector each, and the sums of slices. The vector is the second operand, a
// matrix of one column.
#pragma once

#include "kernels/core/rows.hpp"
#include "kernels/gemm_operands.hpp"

namespace ipex::kernels {

// A sub-group for each row, for rows whose elements follow each other.
template <class T, class R>
IPEX_KERNEL void gemv_along_rows(GemmParams params) {
  using C = accumulator_t<R>;
  const auto group = this_sub_group();
  const auto& shape = params.shape;
  const auto [start, step] = all_sub_groups();
  const int64_t rows = shape.rows, jobs = rows * shape.batch[0] * shape.batch[1] * shape.slices;
  for (int64_t job = start; job < jobs; job += step) {
    const GemmPart part(shape, job / rows);
    const auto row = static_cast<int32_t>(job % rows);
    const auto first = view_of<T, C>(from_bytes<matrix>(params.first), part.first_batch, part.second_batch);
    const auto second = view_of<T, C>(from_bytes<matrix>(params.second), part.first_batch, part.second_batch);
    const T* elements = first.data + first.outer(row) + first.inner(part.begin);
    const T* vector = second.data + second.inner(part.begin);
    // Neighbours have to be known at compile time to be loaded as vectors.
    const C sum =
        first.inner_stride == 1 && second.inner_stride == 1
            ? sum_row<C>(group, part.depth,
                         [&](int64_t k) { return first.value(elements[k]) * second.value(vector[k]); })
            : sum_row<C>(group, part.depth, [&](int64_t k) {
                return first.value(elements[k * first.inner_stride]) *
                       second.value(vector[k * second.inner_stride]);
              });
    if (group.get_local_linear_id() == 0) PartResult<R, C>(params.output, shape, part).store(row, 0, sum);
  }
}

// A work-item for some rows, for matrices whose columns' elements follow each other.
template <class T, class R>
IPEX_KERNEL void gemv_along_columns(GemmParams params) {
  using C = accumulator_t<R>;
  const auto item = this_item();
  const auto& shape = params.shape;
  constexpr int32_t block = gemv_group_size * gemv_lane_rows;
  const int64_t number = item.get_group(0);
  const int32_t blocks = params.tiling.row_count;
  const GemmPart part(shape, number / blocks);
  const auto start = static_cast<int32_t>(number % blocks) * block;
  const auto first = view_of<T, C>(from_bytes<matrix>(params.first), part.first_batch, part.second_batch);
  const auto second = view_of<T, C>(from_bytes<matrix>(params.second), part.first_batch, part.second_batch);
  const auto lane = static_cast<std::uint32_t>(item.get_local_id(0));
  const T* elements = first.data + first.outer(start) + first.inner(part.begin);
  const T* vector = second.data + second.inner(part.begin);
  C sums[gemv_lane_rows] = {};
  if (first.outer_stride == 1 && start + block <= shape.rows) {
    for (int32_t k = 0; k < part.depth; ++k, elements += first.inner_stride, vector += second.inner_stride) {
      const C factor = second.value(*vector);
#pragma unroll
      for (int r = 0; r < gemv_lane_rows; ++r) {
        sums[r] += first.value((elements + r * gemv_group_size)[lane]) * factor;
      }
    }
  } else {
    int64_t offsets[gemv_lane_rows];
#pragma unroll
    for (int r = 0; r < gemv_lane_rows; ++r) {
      const auto row = static_cast<int32_t>(lane) + r * gemv_group_size;
      offsets[r] = first.outer(sycl::min(row, shape.rows - 1 - start));
    }
    for (int32_t k = 0; k < part.depth; ++k, elements += first.inner_stride, vector += second.inner_stride) {
      const C factor = second.value(*vector);
#pragma unroll
      for (int r = 0; r < gemv_lane_rows; ++r) sums[r] += first.value(elements[offsets[r]]) * factor;
    }
  }
  const PartResult<R, C> result(params.output, shape, part);
#pragma unroll
  for (int r = 0; r < gemv_lane_rows; ++r) {
    const auto row = start + static_cast<int32_t>(lane) + r * gemv_group_size;
    if (row < shape.rows) result.store(row, 0, sums[r]);
  }
}

// Sums the slices of each element of the result.
template <class R>
IPEX_KERNEL void gemm_finish(GemmFinishParams params) {
  using C = accumulator_t<R>;
  const auto item = this_item();
  const auto& shape = params.shape;
  const int64_t element = item.get_global_linear_id();
  const int64_t size = int64_t{shape.rows} * shape.columns, total = size * shape.batch[0] * shape.batch[1];
  if (element >= total) return;
  C sum(0);
  const auto* partial = static_cast<const C*>(shape.partial) + element;
  for (int32_t slice = 0; slice < shape.slices; ++slice, partial += total) sum += *partial;
  const auto batch = static_cast<int32_t>(element / size);
  const auto within = element % size;
  const ResultView<R, C> result(params.output, batch / shape.batch[1], batch % shape.batch[1]);
  result.store(static_cast<int32_t>(within / shape.columns), static_cast<int32_t>(within % shape.columns),
               sum);
}

}  // namespace ipex::kernels
