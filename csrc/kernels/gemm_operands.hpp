// How the kernels of matrix products read their operands and write their results.
//
// A view of an operand has outer(i) and inner(k), what an element's place depends on by one index each, and
// load(outer, inner).
#pragma once

#include "kernels/core/functor.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/gemm_params.hpp"

namespace ipex::kernels {

// What products of elements are summed in; unsigned, because the sums of integers wrap.
template <class T>
using accumulator_t =
    std::conditional_t<is_integral_v<T>, std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>, opmath_t<T>>;

template <class T, class C>
struct MatrixView {
  const T* data;
  int64_t outer_stride, inner_stride;
  bool conjugate;

  int64_t outer(int32_t index) const { return index * outer_stride; }
  int64_t inner(int32_t index) const { return index * inner_stride; }
  C load(int64_t outer_offset, int64_t inner_offset) const {
    return value(data[outer_offset + inner_offset]);
  }

  C value(T element) const {
    if constexpr (is_complex_v<T>) {
      if (conjugate) element.imag = -element.imag;
    }
    return cast<C>(element);
  }
};

template <class T, class C>
inline MatrixView<T, C> view_of(const matrix& operand, int first_batch, int second_batch) {
  return {
      static_cast<const T*>(operand.data) + first_batch * operand.batch[0] + second_batch * operand.batch[1],
      operand.outer, operand.inner, operand.conjugate};
}

template <class R, class C>
struct ResultView {
  R* result;
  const R* addend;
  int64_t row_stride, column_stride, addend_row, addend_column;
  C alpha, beta;

  ResultView(const GemmOutput& output, int first_batch, int second_batch)
      : result(static_cast<R*>(output.result) + first_batch * output.result_strides[0] +
               second_batch * output.result_strides[1]),
        addend(output.addend ? static_cast<const R*>(output.addend) + first_batch * output.addend_strides[0] +
                                   second_batch * output.addend_strides[1]
                             : nullptr),
        row_stride(output.result_strides[2]),
        column_stride(output.result_strides[3]),
        addend_row(output.addend_strides[2]),
        addend_column(output.addend_strides[3]),
        alpha(from_bytes<C>(output.alpha)),
        beta(from_bytes<C>(output.beta)) {}

  // A factor of one is left out: a complex one would make NaN of infinity.
  void store(int32_t row, int32_t column, C sum) const {
    C value = alpha == C(1) ? sum : alpha * sum;
    if (addend) {
      const C other = cast<C>(addend[row * addend_row + column * addend_column]);
      value += beta == C(1) ? other : beta * other;
    }
    result[row * row_stride + column * column_stride] = cast<R>(value);
  }
};

// A work-group's part of a product.
struct GemmPart {
  int32_t slice, batch, first_batch, second_batch;
  int32_t begin, depth;  // of the summed dimension

  // `number` counts batches fastest.
  GemmPart(const GemmShape& shape, int64_t number) {
    const int32_t batches = shape.batch[0] * shape.batch[1];
    slice = static_cast<int32_t>(number / batches);
    batch = static_cast<int32_t>(number % batches);
    first_batch = batch / shape.batch[1];
    second_batch = batch % shape.batch[1];
    begin = slice * shape.slice_depth;
    depth = sycl::min(shape.slice_depth, shape.depth - begin);
  }
};

// Writes sums of a part: the result itself, or the sums of a slice.
template <class R, class C>
struct PartResult {
  ResultView<R, C> view;
  C* partial;
  int64_t width;

  PartResult(const GemmOutput& output, const GemmShape& shape, const GemmPart& part)
      : view(output, part.first_batch, part.second_batch), partial(nullptr), width(shape.columns) {
    const int64_t batches = int64_t{shape.batch[0]} * shape.batch[1];
    if (shape.slices > 1) {
      partial = static_cast<C*>(shape.partial) + (part.slice * batches + part.batch) * shape.rows * width;
    }
  }

  void store(int32_t row, int32_t column, C sum) const {
    if (partial) {
      partial[row * width + column] = sum;
    } else {
      view.store(row, column, sum);
    }
  }
};

}  // namespace ipex::kernels
