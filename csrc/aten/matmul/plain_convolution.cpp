#include "aten/matmul/plain_convolution.h"

#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>

#include <limits>

#include "aten/launch.h"
#include "aten/matmul/gemm_launch.h"
#include "kernels/convolution_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using kernels::WindowDim;
using onednn::ConvolutionGeometry;

std::int32_t narrow(std::int64_t value) {
  TORCH_CHECK(value >= 0 && value <= std::numeric_limits<std::int32_t>::max(), "convolution: a size of ",
              value, " is more than our kernels take (2^31 - 1)");
  return static_cast<std::int32_t>(value);
}

// Of tensors with fewer than three spatial dimensions the first ones have size 1.
std::int64_t spatial_size(c10::IntArrayRef sizes, int d) {
  const int dimension = static_cast<int>(sizes.size()) - 3 + d;
  return dimension < 2 ? 1 : sizes[dimension];
}

std::int64_t spatial_stride(const Tensor& tensor, int d) {
  const auto dimension = tensor.dim() - 3 + d;
  return dimension < 2 ? 0 : tensor.stride(dimension);
}

std::int64_t spatial_numel(c10::IntArrayRef sizes) { return c10::multiply_integers(sizes.slice(2)); }

// The positions are dense: in a plane of each channel, or with all channels between them.
bool channels_last(const Tensor& tensor) { return !tensor.is_contiguous(); }
std::int64_t position_stride(const Tensor& tensor) { return channels_last(tensor) ? tensor.size(1) : 1; }

enum class Moves {
  over_input,   // y's positions, x's elements
  over_output,  // x's positions, y's elements: the transposed convolution
  alone         // the image itself: each position is an element
};

// The image `elements` as it is met from the positions of `positions`.
kernels::windows make_windows(const Tensor& elements, c10::IntArrayRef positions, c10::IntArrayRef w,
                              const ConvolutionGeometry& geometry, Moves moves) {
  kernels::windows result{};
  result.data = elements.const_data_ptr();
  result.sample = elements.stride(0);
  result.channel = elements.stride(1);
  result.batch[0] = elements.stride(0);
  result.batch[1] = elements.size(1) / geometry.groups * elements.stride(1);
  const auto divider = [](std::int64_t value) { return kernels::Divider(static_cast<std::uint32_t>(value)); };
  const int missing = 3 - static_cast<int>(w.size() - 2);
  for (int d = 0; d < 3; ++d) {
    const bool exists = d >= missing;
    const auto stride = exists ? narrow(geometry.stride[d - missing]) : 1;
    const auto dilation = exists ? narrow(geometry.dilation[d - missing]) : 1;
    const auto padding = exists ? narrow(geometry.padding[d - missing]) : 0;
    auto& dim = result.dims[d];
    dim.size = narrow(spatial_size(elements.sizes(), d));
    dim.positions = divider(spatial_size(positions, d));
    dim.taps = divider(moves == Moves::alone ? 1 : spatial_size(w, d));
    dim.step = moves == Moves::over_input ? stride : 1;
    dim.dilation = moves == Moves::over_output ? -dilation : dilation;
    dim.padding = moves == Moves::alone ? 0 : moves == Moves::over_output ? -padding : padding;
    dim.divisor = divider(moves == Moves::over_output ? stride : 1);
    result.spatial[d] = spatial_stride(elements, d);
  }
  return result;
}

// A slice of a row for each work-group; see convolve_direct.
void convolve_directly(const Tensor& out, const kernels::windows& image, const Tensor& weight,
                       const Tensor& bias, bool spread) {
  const bool last = channels_last(out);
  const auto positions = spatial_numel(out.sizes());
  const auto length = last ? out.size(1) : positions, rows = last ? positions : out.size(1);
  const std::int64_t widest = runtime::device_limits().is_cpu ? 1024 : 256;
  kernels::DirectConvolutionParams params{};
  params.output = out.mutable_data_ptr();
  params.weight = weight.const_data_ptr();
  params.bias = bias.defined() ? bias.const_data_ptr() : nullptr;
  params.sample = out.stride(0);
  params.channel = out.stride(1);
  params.position = position_stride(out);
  params.image = image;
  params.outputs = narrow(out.size(1));
  params.group_outputs = narrow(weight.size(1));
  params.group_channels = narrow(weight.size(2));
  params.taps = narrow(weight.size(3));
  params.positions = narrow(positions);
  params.slices = narrow((length + widest - 1) / widest);
  launch("convolution",
         instantiation("convolve_direct", type_name(out.scalar_type()), spread ? "true" : "false",
                       last ? "true" : "false"),
         {out.size(0) * rows * params.slices, (length + params.slices - 1) / params.slices}, params);
}

// out = the products of `weight` ([groups, outputs, channels, taps] of a group, dense) with what its
// positions meet of `image`, + bias.
void convolve(const Tensor& out, kernels::windows image, const Tensor& weight, const Tensor& bias,
              bool spread) {
  const auto groups = weight.size(0), outputs = weight.size(1), depth = weight.size(2) * weight.size(3);
  const auto dtype = out.scalar_type();
  constexpr std::int64_t few_outputs = 4;  // the vectors' kernel keeps twice as many rows
  if (groups > 1 && outputs < few_outputs) return convolve_directly(out, image, weight, bias, spread);
  const bool last = channels_last(out);
  const auto samples = out.size(0), positions = spatial_numel(out.sizes());
  kernels::GemmParams params{};
  kernels::store_operand(kernels::matrix{weight.const_data_ptr(), depth, 1, {0, outputs * depth}, false},
                         params.first);
  if (spread) {
    kernels::store_operand(kernels::spread_windows{image}, params.second);
  } else {
    kernels::store_operand(image, params.second);
  }
  params.shape = {narrow(outputs),
                  narrow(last ? samples * positions : positions),
                  narrow(depth),
                  {narrow(last ? 1 : samples), narrow(groups)},
                  1,
                  narrow(depth),
                  nullptr};
  params.output.result = out.mutable_data_ptr();
  params.output.result_strides[0] = out.stride(0);
  params.output.result_strides[1] = outputs * out.stride(1);
  params.output.result_strides[2] = out.stride(1);
  params.output.result_strides[3] = position_stride(out);
  if (bias.defined()) {
    params.output.addend = bias.const_data_ptr();
    params.output.addend_strides[1] = outputs;
    params.output.addend_strides[2] = 1;
  }
  store_factors(dtype, 1, 1, params.output);
  launch_gemm("convolution", "convolution", dtype, dtype, "matrix", spread ? "spread_windows" : "windows",
              params);
}

// [groups, channels of y, channels of x, taps], each of a group.
Tensor grouped(const Tensor& w, std::int64_t groups) {
  return w.contiguous().view({groups, w.size(0) / groups, w.size(1), spatial_numel(w.sizes())});
}

}  // namespace

void plain_convolution_forward(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias,
                               const ConvolutionGeometry& geometry) {
  convolve(y, make_windows(x, y.sizes(), w.sizes(), geometry, Moves::over_input), grouped(w, geometry.groups),
           bias, false);
}

void plain_convolution_backward_data(const Tensor& x, const Tensor& y, const Tensor& w,
                                     const ConvolutionGeometry& geometry) {
  convolve(x, make_windows(y, x.sizes(), w.sizes(), geometry, Moves::over_output),
           grouped(w, geometry.groups).transpose(1, 2).contiguous(), {}, true);
}

void plain_convolution_backward_weights(const Tensor& w, const Tensor& y, const Tensor& x,
                                        const ConvolutionGeometry& geometry) {
  const auto result = w.is_contiguous() ? w : at::empty(w.sizes(), w.options());
  const auto groups = geometry.groups, outputs = w.size(0) / groups;
  const auto taps = w.size(1) * spatial_numel(w.sizes());
  auto left = make_windows(y, y.sizes(), w.sizes(), geometry, Moves::alone);
  auto right = make_windows(x, y.sizes(), w.sizes(), geometry, Moves::over_input);
  left.sums_positions = right.sums_positions = true;
  kernels::GemmParams params{};
  kernels::store_operand(left, params.first);
  kernels::store_operand(right, params.second);
  const auto depth = narrow(y.size(0) * spatial_numel(y.sizes()));
  params.shape = {narrow(outputs), narrow(taps), depth, {1, narrow(groups)}, 1, depth, nullptr};
  params.output.result = result.mutable_data_ptr();
  params.output.result_strides[1] = outputs * taps;
  params.output.result_strides[2] = taps;
  params.output.result_strides[3] = 1;
  const auto dtype = w.scalar_type();
  store_factors(dtype, 1, 0, params.output);
  launch_gemm("convolution", "convolution", dtype, dtype, "windows", "windows", params);
  if (!result.is_same(w)) w.copy_(result);
}

}  // namespace ipex::aten
