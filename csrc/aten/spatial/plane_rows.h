// Launching the kernels that walk over rows of planes.
#pragma once

#include "aten/spatial/planes.h"
#include "runtime/limits.h"

namespace ipex::aten {

// Launches over the rows of `walked`, in parts whose rows 32 bits can count. Params has the pointers
// `output`, which is `walked`, and `input`, which is `other`: tensors of the same batch and channels, dense
// in `format`.
template <class Params>
void launch_plane_rows(const char* name, jit::Kernel& kernel, const Params& params, const at::Tensor& walked,
                       const at::Tensor& other, int spatial, at::MemoryFormat format) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  const bool channels_last = format != at::MemoryFormat::Contiguous;
  const auto plane_of = [&](const at::Tensor& tensor) {
    std::int64_t elements = 1;
    for (int d = 0; d < 3; ++d) elements *= spatial_size(tensor.sizes(), spatial, d);
    TORCH_CHECK(elements <= most, name, ": a plane of ", tensor.sizes(), " has more than 2^31 - 1 elements");
    return elements;
  };
  auto part = params;
  auto& rows = part.rows;
  rows.other_plane = static_cast<std::int32_t>(plane_of(other));
  const auto plane = plane_of(walked);
  const auto length = channels_last ? walked.size(1) : spatial_size(walked.sizes(), spatial, 2);
  rows.length = static_cast<std::int32_t>(length);
  for (int d = 0; d < 3; ++d) {
    const auto size = d == 2 && !channels_last ? 1 : spatial_size(walked.sizes(), spatial, d);
    rows.sizes[d] = kernels::Divider(static_cast<std::uint32_t>(size));
  }
  const auto& limits = runtime::device_limits();
  const std::int64_t widest = limits.is_cpu ? 2048 : 256, granularity = limits.is_cpu ? 1 : 32;
  const auto slices = (length + widest - 1) / widest;
  const auto lanes = (length + slices - 1) / slices;
  rows.slices = kernels::Divider(static_cast<std::uint32_t>(slices));

  // A block is what moves both pointers by a whole number of elements: a plane, or a sample.
  const auto scale = channels_last ? length : 1, block = plane * scale, blocks = walked.numel() / block;
  const auto block_rows = block / length;
  TORCH_CHECK(block_rows <= most / slices, name, ": ", walked.sizes(), " has too many rows");
  const auto step = std::min(blocks, most / slices / block_rows);
  // Groups of short rows do several of them, if there are enough for every core.
  const auto row_count = step * block_rows;
  rows.steps = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(std::min(256 / length, row_count / (4 * limits.compute_units)), 1, 64));
  const auto element = static_cast<std::int64_t>(walked.element_size());
  for (std::int64_t start = 0; start < blocks; start += step) {
    part.output = static_cast<char*>(params.output) + start * block * element;
    part.input = static_cast<const char*>(params.input) + start * rows.other_plane * scale * element;
    const auto count = std::min(step, blocks - start) * block_rows;
    rows.rows = static_cast<std::uint32_t>(count);
    launch(kernel,
           {(count + rows.steps - 1) / rows.steps * slices,
            (lanes + granularity - 1) / granularity * granularity},
           part);
  }
}

}  // namespace ipex::aten
