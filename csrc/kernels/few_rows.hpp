// Products of a few vectors with a matrix of weights, on a CPU: bound by the weights' bytes, which are read
// once, where they lie.
#pragma once

#include "kernels/core/lanes.hpp"
#include "kernels/few_rows_params.hpp"
#include "kernels/llm/row_products.hpp"

namespace ipex::kernels {

template <class T>
IPEX_KERNEL_OF_ONE void few_rows(FewRowsParams params) {
  const int64_t first = static_cast<int64_t>(this_item().get_group(0)) * params.tile;
  const int64_t rows = sycl::min(params.tile, params.rows - first);
  const auto* const bias = static_cast<const T*>(params.bias);
  multiply_by_vectors<T, T, T>(
      {static_cast<const T*>(params.weights) + first * params.weight_stride, params.weight_stride,
       static_cast<const T*>(params.vectors), params.vector_stride, params.depth},
      rows, params.count,
      {static_cast<T*>(params.output) + first, params.output_stride, bias != nullptr ? bias + first : nullptr,
       1.0f, ProductMode::store});
}

}  // namespace ipex::kernels
