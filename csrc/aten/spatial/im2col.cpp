// Sliding blocks of an image as columns, and back.
#include <ATen/core/Tensor.h>
#include <ATen/native/im2col_shape_check.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/col2im_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/im2col_native.h>

#include <limits>

#include "aten/kernel_table.h"
#include "kernels/im2col_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using kernels::Im2colParams;

OpaqueKernel im2col_kernel{"im2col", "im2col"};
TypedKernel col2im_kernel{"im2col", "col2im"};

// Height and width of each argument.
struct Blocks {
  const char* name;
  c10::IntArrayRef kernel, dilation, padding, stride;

  void check() const {
    const auto check_pair = [&](c10::IntArrayRef values, const char* what) {
      TORCH_CHECK(values.size() == 2, "It is expected ", what, " equals to 2, but got size ", values.size());
    };
    check_pair(kernel, "kernel_size");
    check_pair(dilation, "dilation");
    check_pair(padding, "padding");
    check_pair(stride, "stride");
  }

  std::int64_t count(std::size_t d, std::int64_t size) const {
    return at::native::sliding_window_count(size, padding[d], dilation[d], kernel[d], stride[d]);
  }
};

// `image` is [batch, channels, height, width].
Im2colParams params_of(const Blocks& blocks, const at::Tensor& image) {
  Im2colParams params;
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  const auto height = image.size(2), width = image.size(3);
  TORCH_CHECK((height - 1) * image.stride(2) + (width - 1) * image.stride(3) < most &&
                  blocks.count(0, height) * blocks.count(1, width) <= most,
              blocks.name, ": a plane of ", image.sizes(), " or its blocks cover more than 2^31 elements");
  const auto narrow = [](std::int64_t value) { return static_cast<std::int32_t>(value); };
  const auto divider = [](std::int64_t value) { return kernels::Divider(static_cast<std::uint32_t>(value)); };
  params.image_batch = image.stride(0);
  params.image_channel = image.stride(1);
  params.image_height = narrow(image.stride(2));
  params.image_width = narrow(image.stride(3));
  params.channels = divider(image.size(1));
  for (std::size_t d = 0; d < 2; ++d) {
    const auto size = d == 0 ? height : width;
    params.dims[d] = {narrow(size),
                      narrow(blocks.count(d, size)),
                      narrow(blocks.padding[d]),
                      narrow(blocks.dilation[d]),
                      divider(blocks.kernel[d]),
                      divider(blocks.stride[d])};
  }
  return params;
}

// `rows` rows of height x width positions.
void launch_rows(const char* name, jit::Kernel& kernel, Im2colParams& params, std::int64_t rows,
                 std::int64_t height, std::int64_t width) {
  const std::int64_t widest = runtime::device_limits().is_cpu ? 2048 : 256, positions = height * width;
  const auto slices = (positions + widest - 1) / widest, lanes = (positions + slices - 1) / slices;
  TORCH_CHECK(rows * slices <= std::numeric_limits<std::int32_t>::max(), name, ": ", rows, " rows of ",
              positions, " elements are too many");
  params.positions = static_cast<std::int32_t>(positions);
  params.position_width = kernels::Divider(static_cast<std::uint32_t>(width));
  params.slices = kernels::Divider(static_cast<std::uint32_t>(slices));
  launch(kernel, {rows * slices, lanes}, params);
}

std::vector<std::int64_t> column_sizes(const Blocks& blocks, const at::Tensor& image) {
  blocks.check();
  TORCH_CHECK(
      image.dim() == 3 || image.dim() == 4,
      "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
      "for input, but got: ",
      image.sizes());
  at::native::im2col_shape_check(image, {}, blocks.kernel[0], blocks.kernel[1], blocks.dilation[0],
                                 blocks.dilation[1], blocks.padding[0], blocks.padding[1], blocks.stride[0],
                                 blocks.stride[1]);
  std::vector<std::int64_t> sizes{image.size(-3) * blocks.kernel[0] * blocks.kernel[1],
                                  blocks.count(0, image.size(-2)) * blocks.count(1, image.size(-1))};
  if (image.dim() == 4) sizes.insert(sizes.begin(), image.size(0));
  return sizes;
}

void to_columns(const Blocks& blocks, const at::Tensor& input, const at::Tensor& out) {
  if (out.numel() == 0) return;
  const auto image = input.dim() == 3 ? input.unsqueeze(0) : input;
  const auto columns = out.contiguous();
  auto params = params_of(blocks, image);
  params.input = image.const_data_ptr();
  params.output = columns.mutable_data_ptr();
  const auto rows = image.size(0) * image.size(1) * blocks.kernel[0] * blocks.kernel[1];
  launch_rows(blocks.name, im2col_kernel.get(image.element_size(), image.device().index()), params, rows,
              params.dims[0].blocks, params.dims[1].blocks);
  if (!columns.is_same(out)) out.copy_(columns);
}

std::vector<std::int64_t> image_sizes(const Blocks& blocks, const at::Tensor& columns,
                                      c10::IntArrayRef output_size) {
  TORCH_CHECK(output_size.size() == 2, "It is expected output_size equals to 2, but got size ",
              output_size.size());
  blocks.check();
  at::native::col2im_shape_check(columns, {}, output_size[0], output_size[1], blocks.kernel[0],
                                 blocks.kernel[1], blocks.dilation[0], blocks.dilation[1], blocks.padding[0],
                                 blocks.padding[1], blocks.stride[0], blocks.stride[1]);
  std::vector<std::int64_t> sizes{columns.size(-2) / (blocks.kernel[0] * blocks.kernel[1]), output_size[0],
                                  output_size[1]};
  if (columns.dim() == 3) sizes.insert(sizes.begin(), columns.size(0));
  return sizes;
}

void to_image(const Blocks& blocks, const at::Tensor& input, const at::Tensor& out) {
  if (out.numel() == 0) return;
  const auto image = out.dim() == 3 ? out.unsqueeze(0) : out;
  const auto columns = input.contiguous();
  auto params = params_of(blocks, image);
  params.input = columns.const_data_ptr();
  params.output = image.mutable_data_ptr();
  auto& kernel = col2im_kernel.get(blocks.name, image.scalar_type(), image.device().index());
  launch_rows(blocks.name, kernel, params, image.size(0) * image.size(1), image.size(2), image.size(3));
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor& im2col_out_xpu(const Tensor& input, IntArrayRef kernel, IntArrayRef dilation, IntArrayRef padding,
                       IntArrayRef stride, Tensor& out) {
  const Blocks blocks{"im2col", kernel, dilation, padding, stride};
  resize_output(out, column_sizes(blocks, input));
  to_columns(blocks, input, out);
  return out;
}

Tensor im2col_xpu(const Tensor& input, IntArrayRef kernel, IntArrayRef dilation, IntArrayRef padding,
                  IntArrayRef stride) {
  const Blocks blocks{"im2col", kernel, dilation, padding, stride};
  auto out = at::empty(column_sizes(blocks, input), input.options());
  to_columns(blocks, input, out);
  return out;
}

Tensor& col2im_out_xpu(const Tensor& input, IntArrayRef output_size, IntArrayRef kernel, IntArrayRef dilation,
                       IntArrayRef padding, IntArrayRef stride, Tensor& out) {
  const Blocks blocks{"col2im", kernel, dilation, padding, stride};
  resize_output(out, image_sizes(blocks, input, output_size));
  to_image(blocks, input, out);
  return out;
}

Tensor col2im_xpu(const Tensor& input, IntArrayRef output_size, IntArrayRef kernel, IntArrayRef dilation,
                  IntArrayRef padding, IntArrayRef stride) {
  const Blocks blocks{"col2im", kernel, dilation, padding, stride};
  auto out = at::empty(image_sizes(blocks, input, output_size), input.options());
  to_image(blocks, input, out);
  return out;
}

}  // namespace at::native
