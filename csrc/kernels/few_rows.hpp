// Products of a few vectors with a matrix of weights, on a CPU: bound by the weights' bytes, which are read
// once, where they lie.
#pragma once

#include "kernels/core/lanes.hpp"
#include "kernels/few_rows_params.hpp"
#include "kernels/llm/row_products.hpp"

namespace ipex::kernels {

template <int Count, class T>
inline void multiply_few_rows(const FewRowsParams& params, int64_t first, int64_t rows) {
  const RowProducts<T, T> products{static_cast<const T*>(params.weights) + first * params.weight_stride,
                                   params.weight_stride, static_cast<const T*>(params.vectors),
                                   params.vector_stride, params.depth};
  T* const output = static_cast<T*>(params.output) + first;
  const T* const bias = static_cast<const T*>(params.bias);
  multiply_all_rows<Count>(products, rows, [&](int64_t row, int v, float sum) {
    if (bias != nullptr) sum += static_cast<float>(bias[first + row]);
    output[v * params.output_stride + row] = cast<T>(sum);
  });
}

template <class T>
IPEX_KERNEL_OF_ONE void few_rows(FewRowsParams params) {
  const int64_t first = static_cast<int64_t>(this_item().get_group(0)) * params.tile;
  const int64_t rows = sycl::min(params.tile, params.rows - first);
  const auto multiply_from = [&](auto count, int vector) {
    auto part = params;
    part.vectors = static_cast<const T*>(params.vectors) + vector * params.vector_stride;
    part.output = static_cast<T*>(params.output) + vector * params.output_stride;
    multiply_few_rows<decltype(count)::value, T>(part, first, rows);
  };
  // The weights of a tile stay in the cache for the vectors that are left.
  int vector = 0;
  for (; vector + 4 <= params.count; vector += 4) multiply_from(std::integral_constant<int, 4>{}, vector);
  if (vector + 2 <= params.count) {
    multiply_from(std::integral_constant<int, 2>{}, vector);
    vector += 2;
  }
  if (vector < params.count) multiply_from(std::integral_constant<int, 1>{}, vector);
}

}  // namespace ipex::kernels
