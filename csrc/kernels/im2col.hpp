// Sliding blocks of an image as columns, and the sum of columns back into an image: there each element of the
// image gathers the blocks that cover it, so every run gives the same sums.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/opaque.hpp"
#include "kernels/im2col_params.hpp"

namespace ipex::kernels {

// A work-group has a slice of the positions of one row.
struct SlidingItem {
  std::uint32_t row;
  std::int32_t position;
  std::int32_t y, x;
};

inline SlidingItem this_sliding_item(const Im2colParams& params) {
  const auto item = this_item();
  auto slice = static_cast<std::uint32_t>(item.get_group(0));
  SlidingItem result;
  result.row = split(params.slices, slice);
  auto x = slice * static_cast<std::uint32_t>(item.get_local_range(0)) +
           static_cast<std::uint32_t>(item.get_local_id(0));
  result.position = static_cast<std::int32_t>(x);
  result.y = static_cast<std::int32_t>(split(params.position_width, x));
  result.x = static_cast<std::int32_t>(x);
  return result;
}

template <class T>
IPEX_KERNEL void im2col(Im2colParams params) {
  const auto item = this_sliding_item(params);
  if (item.position >= params.positions) return;
  const auto& [height, width] = params.dims;
  std::uint32_t j = item.row;
  std::uint32_t i = split(width.kernel, j);
  std::uint32_t channel = split(height.kernel, i);
  const std::int64_t sample = split(params.channels, channel);
  const std::int32_t y = item.y * static_cast<std::int32_t>(height.stride.divisor) - height.padding +
                         static_cast<std::int32_t>(i) * height.dilation;
  const std::int32_t x = item.x * static_cast<std::int32_t>(width.stride.divisor) - width.padding +
                         static_cast<std::int32_t>(j) * width.dilation;
  const auto* plane =
      static_cast<const T*>(params.input) + sample * params.image_batch + channel * params.image_channel;
  const bool inside = y >= 0 && y < height.size && x >= 0 && x < width.size;
  (static_cast<T*>(params.output) + std::int64_t{item.row} * params.positions)[item.position] =
      inside ? plane[y * params.image_height + x * params.image_width] : T{};
}

// The block that has `element` as number `k` of its kernel, -1 if there is none.
inline std::int32_t block_of(const SlidingDim& dim, std::int32_t element, std::int32_t k) {
  const std::int32_t first = element + dim.padding - k * dim.dilation;
  if (first < 0) return -1;
  auto rest = static_cast<std::uint32_t>(first);
  const auto block = static_cast<std::int32_t>(split(dim.stride, rest));
  return rest == 0 && block < dim.blocks ? block : -1;
}

template <class T>
IPEX_KERNEL void col2im(Im2colParams params) {
  using C = opmath_t<T>;
  const auto item = this_sliding_item(params);
  if (item.position >= params.positions) return;
  const auto& [height, width] = params.dims;
  const auto kernel_height = static_cast<std::int32_t>(height.kernel.divisor);
  const auto kernel_width = static_cast<std::int32_t>(width.kernel.divisor);
  const std::int32_t blocks = height.blocks * width.blocks;
  const auto* columns =
      static_cast<const T*>(params.input) + std::int64_t{item.row} * kernel_height * kernel_width * blocks;
  C sum = 0;
  for (std::int32_t i = 0; i < kernel_height; ++i) {
    const auto block_row = block_of(height, item.y, i);
    for (std::int32_t j = 0; j < kernel_width; ++j) {
      const auto block_column = block_of(width, item.x, j);
      if (block_row >= 0 && block_column >= 0)
        sum += static_cast<C>(columns[block_row * width.blocks + block_column]);
      columns += blocks;
    }
  }
  std::uint32_t channel = item.row;
  const std::int64_t sample = split(params.channels, channel);
  auto* plane = static_cast<T*>(params.output) + sample * params.image_batch + channel * params.image_channel;
  plane[item.y * params.image_height + item.x * params.image_width] = cast<T>(sum);
}

}  // namespace ipex::kernels
