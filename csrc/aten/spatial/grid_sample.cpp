// Sampling at the places of a grid; two dimensions are one plane of three.
#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/native/GridSamplerUtils.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/grid_sampler_2d_backward_native.h>
#include <ATen/ops/grid_sampler_2d_native.h>
#include <ATen/ops/grid_sampler_3d_backward_native.h>
#include <ATen/ops/grid_sampler_3d_native.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "aten/kernel_table.h"
#include "aten/spatial/planes.h"
#include "kernels/grid_sample_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using kernels::GridSampleParams;

struct ModeKernels {
  TypedKernel forward, backward_grid, scatter, accumulate;

  constexpr explicit ModeKernels(const char* mode)
      : forward("grid_sample", "grid_sample", nullptr, mode),
        backward_grid("grid_sample", "grid_sample_backward_grid", nullptr, mode),
        scatter("grid_sample", "grid_sample_scatter", nullptr, mode),
        accumulate("grid_sample", "grid_sample_accumulate", nullptr, mode) {}
};

// In the order of GridSamplerInterpolation.
ModeKernels modes[] = {ModeKernels("op::grid_linear"), ModeKernels("op::grid_nearest"),
                       ModeKernels("op::grid_cubic")};

struct Arguments {
  const char* name;
  int spatial;
  std::int64_t mode;
  std::int64_t boundary;
  bool aligned;
};

void check_arguments(const Arguments& arguments, const at::Tensor& input, const at::Tensor& grid) {
  at::native::check_grid_sampler_common(input, grid);
  if (arguments.spatial == 2) {
    at::native::check_grid_sampler_2d(input, grid);
  } else {
    at::native::check_grid_sampler_3d(input, grid, arguments.mode);
  }
  TORCH_CHECK(arguments.mode >= 0 && arguments.mode < 3 && arguments.boundary >= 0 && arguments.boundary < 3,
              arguments.name, ": unknown interpolation mode ", arguments.mode, " or padding mode ",
              arguments.boundary);
  TORCH_CHECK(input.scalar_type() == grid.scalar_type(), arguments.name,
              "(): expected input and grid to have same dtype, but input has ", input.scalar_type(),
              " and grid has ", grid.scalar_type());
  TORCH_CHECK_NOT_IMPLEMENTED(at::isFloatingType(input.scalar_type()), '"', arguments.name,
                              "\" not implemented for '", input.scalar_type(), "'");
}

// `first` is the dimension of the depth, or of the height.
kernels::GridStrides strides_of(const char* name, const at::Tensor& tensor, std::int64_t channel,
                                std::int64_t first, int spatial) {
  kernels::GridStrides strides{tensor.stride(0), tensor.stride(channel), {0, 0, 0}};
  std::int64_t extent = 0;
  for (int d = 0; d < spatial; ++d) {
    extent += tensor.stride(first + d) * std::max<std::int64_t>(tensor.size(first + d) - 1, 0);
    strides.spatial[3 - spatial + d] = static_cast<std::int32_t>(tensor.stride(first + d));
  }
  TORCH_CHECK(extent <= std::numeric_limits<std::int32_t>::max(), name, ": a plane of ", tensor.sizes(),
              " covers more than 2^31 elements");
  return strides;
}

// `values` is the output or its gradient.
GridSampleParams params_of(const Arguments& arguments, const at::Tensor& input, const at::Tensor& grid,
                           const at::Tensor& values) {
  const int spatial = arguments.spatial;
  GridSampleParams params;
  params.input = input.const_data_ptr();
  params.grid = grid.const_data_ptr();
  params.values = const_cast<void*>(values.const_data_ptr());
  params.input_gradient = nullptr;
  params.grid_gradient = nullptr;
  params.input_strides = strides_of(arguments.name, input, 1, 2, spatial);
  params.grid_strides = strides_of(arguments.name, grid, spatial + 1, 1, spatial);
  params.value_strides = strides_of(arguments.name, values, 1, 2, spatial);
  params.channels = static_cast<std::int32_t>(input.size(1));
  params.spatial = spatial;
  params.boundary = static_cast<kernels::GridBoundary>(arguments.boundary);
  params.aligned = arguments.aligned;
  std::int64_t positions = 1;
  for (int d = 0; d < 3; ++d) {
    params.sizes[d] = static_cast<std::int32_t>(spatial_size(input, spatial, d));
    params.position_sizes[d] = kernels::Divider(static_cast<std::uint32_t>(spatial_size(values, spatial, d)));
    positions *= spatial_size(values, spatial, d);
  }
  TORCH_CHECK(positions <= std::numeric_limits<std::int32_t>::max(), arguments.name, ": a sample has ",
              positions, " positions, more than 2^31 - 1");
  params.positions = static_cast<std::uint32_t>(positions);
  return params;
}

// A work-item for each position and each `block` of channels.
void launch_positions(jit::Kernel& kernel, GridSampleParams params, std::int64_t batch, std::int32_t block) {
  const std::int64_t group_size = runtime::device_limits().is_cpu ? 1024 : 128;
  const std::int64_t width = std::min<std::int64_t>(params.positions, group_size);
  const auto slices = (params.positions + width - 1) / width;
  const auto blocks = (params.channels + block - 1) / block;
  params.block = block;
  params.slices = kernels::Divider(static_cast<std::uint32_t>(slices));
  params.blocks = kernels::Divider(static_cast<std::uint32_t>(blocks));
  launch(kernel, {batch * blocks * slices, width}, params);
}

// A work-item for each plane.
void launch_planes(jit::Kernel& kernel, GridSampleParams params, std::int64_t batch) {
  params.block = std::min(params.channels, runtime::device_limits().max_sub_group_size);
  const auto blocks = (params.channels + params.block - 1) / params.block;
  params.blocks = kernels::Divider(static_cast<std::uint32_t>(blocks));
  launch(kernel, {batch * blocks, params.block}, params);
}

// Coordinates are computed once for so many channels.
constexpr std::int32_t channel_block = 16;

at::Tensor sample(const Arguments& arguments, const at::Tensor& input, const at::Tensor& grid) {
  check_arguments(arguments, input, grid);
  auto sizes = input.sizes().vec();
  for (int d = 0; d < arguments.spatial; ++d) sizes[2 + d] = grid.size(1 + d);
  auto out = at::empty(sizes, input.options());
  if (out.numel() == 0) return out;
  auto& kernel =
      modes[arguments.mode].forward.get(arguments.name, input.scalar_type(), input.device().index());
  launch_positions(kernel, params_of(arguments, input, grid, out), input.size(0), channel_block);
  return out;
}

std::tuple<at::Tensor, at::Tensor> sample_backward(const Arguments& arguments, const at::Tensor& gradient,
                                                   const at::Tensor& input, const at::Tensor& grid,
                                                   std::array<bool, 2> wanted) {
  check_arguments(arguments, input, grid);
  const auto dtype = input.scalar_type();
  at::Tensor input_gradient, grid_gradient;
  if (wanted[0]) input_gradient = at::zeros(input.sizes(), input.options().dtype(opmath_dtype(dtype)));
  if (gradient.numel() == 0) {
    if (wanted[0]) input_gradient = input_gradient.to(dtype);
    return {input_gradient, at::zeros(grid.sizes(), grid.options())};
  }
  const auto device = input.device().index();
  auto& kernels = modes[arguments.mode];
  auto params = params_of(arguments, input, grid, gradient);
  grid_gradient = at::empty(grid.sizes(), grid.options());
  params.grid_gradient = grid_gradient.mutable_data_ptr();
  launch_positions(kernels.backward_grid.get(arguments.name, dtype, device), params, input.size(0),
                   params.channels);
  if (!wanted[0]) return {input_gradient, grid_gradient};
  params.input_gradient = input_gradient.mutable_data_ptr();
  // A CPU's few threads are busy with a plane each.
  if (runtime::device_limits().is_cpu || at::globalContext().deterministicAlgorithms()) {
    launch_planes(kernels.accumulate.get(arguments.name, dtype, device), params, input.size(0));
  } else {
    launch_positions(kernels.scatter.get(arguments.name, dtype, device), params, input.size(0),
                     channel_block);
  }
  return {input_gradient.to(dtype), grid_gradient};
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

Tensor grid_sampler_2d_xpu(const Tensor& input, const Tensor& grid, int64_t mode, int64_t padding,
                           bool aligned) {
  return ipex::aten::sample({"grid_sampler_2d", 2, mode, padding, aligned}, input, grid);
}

Tensor grid_sampler_3d_xpu(const Tensor& input, const Tensor& grid, int64_t mode, int64_t padding,
                           bool aligned) {
  return ipex::aten::sample({"grid_sampler_3d", 3, mode, padding, aligned}, input, grid);
}

std::tuple<Tensor, Tensor> grid_sampler_2d_backward_xpu(const Tensor& gradient, const Tensor& input,
                                                        const Tensor& grid, int64_t mode, int64_t padding,
                                                        bool aligned, std::array<bool, 2> wanted) {
  return ipex::aten::sample_backward({"grid_sampler_2d_backward", 2, mode, padding, aligned}, gradient, input,
                                     grid, wanted);
}

std::tuple<Tensor, Tensor> grid_sampler_3d_backward_xpu(const Tensor& gradient, const Tensor& input,
                                                        const Tensor& grid, int64_t mode, int64_t padding,
                                                        bool aligned, std::array<bool, 2> wanted) {
  return ipex::aten::sample_backward({"grid_sampler_3d_backward", 3, mode, padding, aligned}, gradient, input,
                                     grid, wanted);
}

}  // namespace at::native
