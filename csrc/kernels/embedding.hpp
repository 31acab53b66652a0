// Embeddings in bags, and the gradients of embeddings.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/core/types.hpp"
#include "kernels/embedding_params.hpp"

namespace ipex::kernels {

template <class T, class Column>
inline auto gradient_of(const EmbeddingGradientParams& params, Column column, std::int64_t place) {
  using C = opmath_t<T>;
  const std::int64_t row = params.bags != nullptr ? params.bags[place] : place;
  auto value = load<C>(static_cast<const T*>(params.gradient) + row * params.columns, column);
  if (params.weights != nullptr) value = value * static_cast<C>(static_cast<const T*>(params.weights)[place]);
  if (params.bag_sizes != nullptr) value = value / static_cast<C>(params.bag_sizes[row]);
  return value;
}

// Rows of the gradient summed by index. The indices are sorted, so each run of equal ones is summed at once,
// in order, in the computation's type: no atomics, the same sums every time. Whoever has the chunk in which a
// run begins follows it to its end.
template <class T, class Index, class Rows>
inline void embedding_gradient_by(const Rows& rows, const EmbeddingGradientParams& params) {
  using C = opmath_t<T>;
  const auto* indices = static_cast<const Index*>(params.indices);
  const std::int64_t chunks = (params.count + embedding_chunk - 1) / embedding_chunk;
  rows.for_jobs(chunks, [&](std::int64_t chunk) {
    const std::int64_t last = rows.uniform(sycl::min((chunk + 1) * embedding_chunk, params.count));
    for (std::int64_t first = chunk * embedding_chunk; first < last; ++first) {
      const Index index = indices[first];
      if (first > 0 && indices[first - 1] == index) continue;
      if (index < 0 || index >= params.rows) {
        params.fault.raise();
        continue;
      }
      if (index == params.padding) continue;
      std::int64_t end = first + 1;
      while (end < params.count && indices[end] == index) ++end;
      const std::int64_t run_end = rows.uniform(end);
      auto* output = static_cast<T*>(params.output) + std::int64_t{index} * params.columns;
      rows.for_each(params.columns, [&](auto column) {
        auto sum = gradient_of<T>(params, column, params.places[first]);
        for (std::int64_t position = first + 1; position < run_end; ++position) {
          sum += gradient_of<T>(params, column, params.places[position]);
        }
        if (params.average) sum = sum / static_cast<C>(static_cast<float>(run_end - first));
        store(output, column, sum);
      });
    }
  });
}

template <class T, class Index>
IPEX_KERNEL void embedding_gradient(EmbeddingGradientParams params) {
  embedding_gradient_by<T, Index>(SubGroupRows<opmath_t<T>>(), params);
}
template <class T, class Index>
IPEX_KERNEL_OF_ONE void embedding_gradient_by_packs(EmbeddingGradientParams params) {
  embedding_gradient_by<T, Index>(PackRows<opmath_t<T>>(), params);
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
