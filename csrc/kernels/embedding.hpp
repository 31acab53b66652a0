// The gradient of an embedding: rows of the gradient summed by index. The indices are sorted, so each run of
// equal ones is summed by one work-item per column, in order, in the computation's type: no atomics, the same
// sums every time.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/types.hpp"
#include "kernels/embedding_params.hpp"

namespace ipex::kernels {

template <class T, class Index>
IPEX_KERNEL void embedding_gradient(EmbeddingGradientParams params) {
  using C = opmath_t<T>;
  const std::int64_t id = this_item().get_global_id(0);
  const std::int64_t column = id % params.columns;
  const std::int64_t first = id / params.columns * embedding_chunk;
  const std::int64_t last = sycl::min(first + embedding_chunk, params.count);
  const auto* indices = static_cast<const Index*>(params.indices);
  const auto* gradient = static_cast<const T*>(params.gradient) + column;
  std::int64_t position = first;
  // The work-item in whose chunk a run begins follows it to its end.
  while (position < last) {
    const Index index = indices[position];
    const bool begins = position == 0 || indices[position - 1] != index;
    if (!begins) {
      ++position;
      continue;
    }
    const std::int64_t start = position;
    C sum = 0;
    const bool valid = index >= 0 && index < params.rows;
    if (!valid) params.fault.raise();
    const bool wanted = valid && index != params.padding;
    do {
      if (wanted) sum += static_cast<C>(gradient[params.places[position] * params.columns]);
      ++position;
    } while (position < (wanted ? params.count : last) && indices[position] == index);
    if (params.average) sum /= static_cast<C>(static_cast<float>(position - start));
    if (wanted) static_cast<T*>(params.output)[index * params.columns + column] = cast<T>(sum);
  }
}

}  // namespace ipex::kernels
