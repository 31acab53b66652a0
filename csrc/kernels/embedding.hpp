// Embeddings in bags, and the gradients of embeddings.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/core/types.hpp"
#include "kernels/embedding_params.hpp"

namespace ipex::kernels {

template <class T>
inline opmath_t<T> gradient_of(const EmbeddingGradientParams& params, const T* column, std::int64_t place) {
  using C = opmath_t<T>;
  const std::int64_t row = params.bags != nullptr ? params.bags[place] : place;
  C value = static_cast<C>(column[row * params.columns]);
  if (params.weights != nullptr) value *= static_cast<C>(static_cast<const T*>(params.weights)[place]);
  if (params.bag_sizes != nullptr) value /= static_cast<C>(params.bag_sizes[row]);
  return value;
}

// Rows of the gradient summed by index. The indices are sorted, so each run of equal ones is summed by one
// work-item per column, in order, in the computation's type: no atomics, the same sums every time.
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
      if (wanted) sum += gradient_of<T>(params, gradient, params.places[position]);
      ++position;
    } while (position < (wanted ? params.count : last) && indices[position] == index);
    if (params.average) sum /= static_cast<C>(static_cast<float>(position - start));
    if (wanted) static_cast<T*>(params.output)[index * params.columns + column] = cast<T>(sum);
  }
}

// A work-group has a slice of the columns of one bag.
template <class T>
IPEX_KERNEL void embedding_bag(EmbeddingBagParams params) {
  using C = opmath_t<T>;
  const auto item = this_item();
  auto slice = static_cast<std::uint32_t>(item.get_group(0));
  const std::int64_t bag = split(params.slices, slice);
  const std::int64_t width = item.get_local_range(0), lane = item.get_local_id(0);
  std::int64_t first = params.offsets[bag];
  std::int64_t end = bag + 1 < params.offset_count ? params.offsets[bag + 1] : params.count;
  if (first < 0 || end > params.count || first > end || (bag == 0 && first != 0)) {
    params.fault.raise();
    first = end = 0;
  }
  if (slice == 0) {
    for (std::int64_t position = first + lane; position < end; position += width)
      params.index_bags[position] = bag;
  }
  const std::int64_t column = slice * width + lane;
  if (column >= params.columns) return;
  const auto* table = static_cast<const T*>(params.table) + column * params.column_stride;
  C sum = 0;
  std::int64_t size = 0, largest = 0;
  for (std::int64_t position = first; position < end; ++position) {
    const std::int64_t index = params.indices[position];
    if (index == params.padding) continue;
    if (index < 0 || index >= params.rows) {
      params.fault.raise();
      continue;
    }
    C value = static_cast<C>(table[index * params.row_stride]);
    if (params.weights != nullptr) value *= static_cast<C>(static_cast<const T*>(params.weights)[position]);
    if (params.mode != BagMode::max) {
      sum += value;
    } else if (size == 0 || value > sum) {
      sum = value;
      largest = index;
    }
    ++size;
  }
  if (params.mode == BagMode::mean && size > 0) sum /= static_cast<C>(size);
  const std::int64_t place = bag * params.columns + column;
  static_cast<T*>(params.output)[place] = cast<T>(sum);
  if (params.max_indices != nullptr) params.max_indices[place] = largest;
  if (column == 0) params.bag_sizes[bag] = size;
}

template <class T>
IPEX_KERNEL void embedding_bag_weights_gradient(BagWeightsGradientParams params) {
  using C = opmath_t<T>;
  const auto group = this_sub_group();
  const auto [first, step] = all_sub_groups();
  for (std::int64_t position = first; position < params.count; position += step) {
    const std::int64_t index = params.indices[position];
    // The forward operator has reported indices out of range.
    const bool wanted = index != params.padding && index >= 0 && index < params.rows;
    const auto* row = static_cast<const T*>(params.table) + (wanted ? index : 0) * params.row_stride;
    const auto* gradient =
        static_cast<const T*>(params.gradient) + params.index_bags[position] * params.columns;
    const C sum = sum_row<C>(group, wanted ? params.columns : 0, [&](std::int64_t column) {
      return static_cast<C>(row[column * params.column_stride]) * static_cast<C>(gradient[column]);
    });
    if (group.leader()) static_cast<T*>(params.output)[position] = cast<T>(sum);
  }
}

}  // namespace ipex::kernels
