// What pooling and resizing share: tensors of planes, in either memory format.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>

#include "aten/elements.h"
#include "aten/kernel_table.h"
#include "aten/reduce/reduce.h"
#include "kernels/core/planes.hpp"

namespace ipex::aten {

// Size of depth, height or width (`d` of 0, 1, 2) among the sizes of a tensor with `spatial` such dimensions.
inline std::int64_t spatial_size(c10::IntArrayRef sizes, int spatial, int d) {
  return d < 3 - spatial ? 1 : sizes[sizes.size() - 3 + d];
}
inline std::int64_t spatial_size(const at::Tensor& tensor, int spatial, int d) {
  return spatial_size(tensor.sizes(), spatial, d);
}

// The memory format to keep. Channels are last only where there is a batch before them.
inline at::MemoryFormat format_of(const at::Tensor& tensor, int spatial) {
  return tensor.dim() == spatial + 2 ? tensor.suggest_memory_format() : at::MemoryFormat::Contiguous;
}

inline kernels::Planes planes_of(const at::Tensor& tensor, int spatial, at::MemoryFormat format) {
  kernels::Planes planes;
  planes.channels_last = format != at::MemoryFormat::Contiguous;
  const auto channel = tensor.dim() - spatial - 1;
  planes.channels = kernels::Divider(static_cast<std::uint32_t>(channel >= 0 ? tensor.size(channel) : 1));
  for (int d = 0; d < 3; ++d)
    planes.sizes[d] = kernels::Divider(static_cast<std::uint32_t>(spatial_size(tensor, spatial, d)));
  return planes;
}

// Launches over `numel` elements of params.planes, in parts that 32 bits can count: `found(kernel)`, or where
// channels are last that of rows. `shift(part, planes)` moves a part's pointers past so many planes.
template <class Found, class Params, class Shift>
void launch_planes(const char* name, Found found, const std::string& kernel, const Params& params,
                   std::int64_t numel, Shift shift) {
  const auto& planes = params.planes;
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  const auto channels = std::int64_t{planes.channels.divisor};
  const auto sample = channels * planes.sizes[0].divisor * planes.sizes[1].divisor * planes.sizes[2].divisor;
  TORCH_CHECK(sample <= most, name, ": one sample has ", sample, " elements, more than 2^31 - 1");
  const auto step = most / sample;
  for (std::int64_t start = 0; start * sample < numel; start += step) {
    auto part = params;
    shift(part, start * channels);
    part.planes.numel = static_cast<std::uint32_t>(std::min(step * sample, numel - start * sample));
    if (planes.channels_last) {
      const auto [rows_kernel, range] = row_kernel(kernel + "_rows", part.planes.numel / channels);
      launch(found(rows_kernel), range, part);
    } else {
      launch(found(kernel), range_for(part.planes.numel), part);
    }
  }
}

// A tensor to write `tensor`'s values to in memory format `format`: itself if it has it.
inline at::Tensor writable_in(const at::Tensor& tensor, at::MemoryFormat format) {
  return tensor.is_contiguous(format) ? tensor : at::empty(tensor.sizes(), tensor.options(), format);
}

inline void copy_back(const at::Tensor& tensor, const at::Tensor& written) {
  if (!written.is_same(tensor)) const_cast<at::Tensor&>(tensor).copy_(written);
}

}  // namespace ipex::aten
