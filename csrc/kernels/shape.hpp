// Kernels that rearrange tensors. T is any type of the element's size.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/opaque.hpp"
#include "kernels/shape_params.hpp"

namespace ipex::kernels {

template <class T>
IPEX_KERNEL void cat(CatParams params) {
  const auto item = this_item();
  const auto group = static_cast<std::uint32_t>(item.get_group(0));
  int k = 0;
  while (k + 1 < params.inputs && group >= params.input[k + 1].first_group) ++k;
  const auto& input = params.input[k];
  const auto* source = static_cast<const T*>(input.data);
  auto* output = static_cast<T*>(params.output) + input.offset;
  const std::uint32_t width = item.get_local_range(0);
  const std::uint32_t first = (group - input.first_group) * width * shape_items + item.get_local_id(0);
  for (int i = 0; i < shape_items; ++i) {
    const std::uint32_t position = first + i * width;
    if (position >= input.numel) return;
    std::uint32_t column = position;
    const std::int64_t outer = split(input.row, column);
    output[outer * params.output_row + column] = source[position];
  }
}

template <class T>
IPEX_KERNEL void triangle(TriangleParams params) {
  const auto item = this_item();
  const std::int64_t width = item.get_local_range(0);
  const std::int64_t first = item.get_group(0) * width * shape_items + item.get_local_id(0);
  const auto* input = static_cast<const T*>(params.input);
  auto* output = static_cast<T*>(params.output);
  for (int i = 0; i < shape_items; ++i) {
    const std::int64_t position = first + i * width;
    if (position >= params.numel) return;
    const std::int64_t line = position / params.columns;
    const std::int64_t distance = position - line * params.columns - line % params.rows;
    const bool keep = params.upper ? distance >= params.diagonal : distance <= params.diagonal;
    output[position] = keep ? input[position] : T{};
  }
}

}  // namespace ipex::kernels
