// Kernels that rearrange tensors. T is any type of the element's size.
#pragma once

#include "kernels/core/copy_run.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/opaque.hpp"
#include "kernels/core/row_slice.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/shape_params.hpp"

namespace ipex::kernels {

template <class T>
IPEX_KERNEL void cat(CatParams params) {
  const auto item = this_item();
  const auto group = static_cast<std::uint32_t>(item.get_group(0));
  // Unrolled: an index known only at run time would copy the parameters to every work-item's own memory.
  auto input = params.input[0];
#pragma unroll
  for (int k = 1; k < cat_max_inputs; ++k) {
    if (k < params.inputs && group >= params.input[k].first_group) input = params.input[k];
  }
  const auto* source = static_cast<const T*>(input.data);
  auto* output = static_cast<T*>(params.output) + input.offset;
  const std::uint32_t width = item.get_local_range(0);
  const std::uint32_t first = (group - input.first_group) * width * shape_items + item.get_local_id(0);
  for (int i = 0; i < shape_items; ++i) {
    const std::uint32_t position = first + i * width;
    if (position >= input.numel) return;
    std::uint32_t column = position;
    const std::int64_t outer = split(input.row, column);
    output[outer * params.output_row + column] = source[outer * input.stride + column];
  }
}

// For CPUs: a work-item makes parts of the output's rows that follow each other.
template <class T>
IPEX_KERNEL_OF_ONE void cat_by_packs(CatParams params) {
  constexpr std::int64_t size = sizeof(T);
  for_following_jobs(params.jobs, [&](std::int64_t job) {
    const std::int64_t row = job / params.parts, part = job - row * params.parts;
    const std::int64_t first = part * params.part, end = sycl::min(first + params.part, params.width);
    auto* output = static_cast<char*>(params.output) + row * params.output_row * size;
    for (int k = 0; k < params.inputs; ++k) {
      const auto& input = params.input[k];
      const std::int64_t from = sycl::max(first, input.offset);
      const std::int64_t to =
          sycl::min(end, k + 1 < params.inputs ? params.input[k + 1].offset : params.width);
      if (from >= to) continue;
      const auto* source = static_cast<const char*>(input.data) + (row * input.stride - input.offset) * size;
      copy_run<T>(output + from * size, source + from * size, (to - from) * size);
    }
  });
}

template <class T>
IPEX_KERNEL void triangle(TriangleParams params) {
  const auto slice = this_row_slice(params.matrices);
  const auto* input = static_cast<const T*>(params.input) + slice.row * params.stride + slice.first;
  auto* output = static_cast<T*>(params.output) + slice.row * params.stride + slice.first;
  const auto lane = this_lane();
  if (lane >= slice.lanes) return;
  auto column = static_cast<std::uint32_t>(slice.first) + lane;
  const auto line = static_cast<std::int32_t>(split(params.columns, column));
  const auto distance = static_cast<std::int32_t>(column) - line;
  const bool keep = params.upper ? distance >= params.diagonal : distance <= params.diagonal;
  output[lane] = keep ? input[lane] : T{};
}

}  // namespace ipex::kernels
