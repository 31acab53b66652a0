// Pooling: every operator becomes one launch of a kernel that knows windows of three dimensions.
#include <ATen/core/Tensor.h>
#include <ATen/native/AdaptivePooling.h>
#include <ATen/native/Pool.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_adaptive_avg_pool2d_backward_native.h>
#include <ATen/ops/_adaptive_avg_pool2d_native.h>
#include <ATen/ops/_adaptive_avg_pool3d_backward_native.h>
#include <ATen/ops/_adaptive_avg_pool3d_native.h>
#include <ATen/ops/adaptive_avg_pool2d_native.h>
#include <ATen/ops/adaptive_avg_pool3d_backward_native.h>
#include <ATen/ops/adaptive_avg_pool3d_native.h>
#include <ATen/ops/adaptive_max_pool2d_backward_native.h>
#include <ATen/ops/adaptive_max_pool2d_native.h>
#include <ATen/ops/adaptive_max_pool3d_backward_native.h>
#include <ATen/ops/adaptive_max_pool3d_native.h>
#include <ATen/ops/avg_pool2d_backward_native.h>
#include <ATen/ops/avg_pool2d_native.h>
#include <ATen/ops/avg_pool3d_backward_native.h>
#include <ATen/ops/avg_pool3d_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_pool2d_with_indices_backward_native.h>
#include <ATen/ops/max_pool2d_with_indices_native.h>
#include <ATen/ops/max_pool3d_with_indices_backward_native.h>
#include <ATen/ops/max_pool3d_with_indices_native.h>

#include <array>

#include "aten/kernel_table.h"
#include "aten/spatial/planes.h"
#include "kernels/pool_params.hpp"

namespace ipex::aten {
namespace {

using kernels::PoolParams;

// What the operators' arguments say about windows, for depth, height and width.
struct Windows {
  using Triple = std::array<std::int64_t, 3>;
  int spatial;  // dimensions, 2 or 3
  bool adaptive = false;
  Triple kernel{1, 1, 1}, stride{1, 1, 1}, pad{0, 0, 0}, dilation{1, 1, 1};
  bool count_padding = true;
  std::int64_t divisor = 0;
};

// An argument given as one number for all dimensions, or one for each.
Windows::Triple triple(c10::IntArrayRef values, int spatial, std::int64_t unused) {
  Windows::Triple result{unused, unused, unused};
  for (int d = 0; d < spatial; ++d)
    result[3 - spatial + d] = values.size() == 1 ? values[0] : values[static_cast<std::size_t>(d)];
  return result;
}

Windows fixed_windows(int spatial, c10::IntArrayRef kernel, c10::IntArrayRef stride, c10::IntArrayRef padding,
                      c10::IntArrayRef dilation = 1) {
  Windows windows{spatial};
  windows.kernel = triple(kernel, spatial, 1);
  windows.stride = triple(stride.empty() ? kernel : stride, spatial, 1);
  windows.pad = triple(padding, spatial, 0);
  windows.dilation = triple(dilation, spatial, 1);
  return windows;
}

Windows averaging(Windows windows, bool count_padding, std::optional<std::int64_t> divisor) {
  windows.count_padding = count_padding;
  windows.divisor = divisor.value_or(0);
  return windows;
}

Windows adaptive_windows(int spatial) {
  Windows windows{spatial};
  windows.adaptive = true;
  return windows;
}

// What a kernel computes of a place.
using PoolFunction = const char*;
constexpr PoolFunction max_pool = "MaxPool", max_pool_backward = "MaxPoolBackward";
constexpr PoolFunction avg_pool = "AvgPool", avg_pool_backward = "AvgPoolBackward";

// For averages, and for maxima.
TypedKernel pool_spread[] = {{"pool", "pool_spread", nullptr, "false"},
                             {"pool", "pool_spread", nullptr, "true"}};

// Whether a CPU spreads gradients plane by plane: in half precision only where no sum is rounded on its way.
bool spreads(const PoolParams& params, c10::ScalarType dtype) {
  if (!walks_alone() || params.planes.channels_last) return false;
  if (opmath_dtype(dtype) == dtype) return true;
  return !params.adaptive && std::all_of(std::begin(params.dims), std::end(params.dims), [](const auto& dim) {
    return dim.dilation == 1 && dim.kernel <= dim.stride;
  });
}

// `large` is the pooled tensor or its gradient, `small` the result or its gradient; `index` belongs to
// `small`. All are dense in `format`.
void pool(PoolFunction function, const char* name, const Windows& windows, const at::Tensor& large,
          const at::Tensor& small, const at::Tensor& index, at::MemoryFormat format, bool backward) {
  const auto& output = backward ? large : small;
  if (output.numel() == 0) return;
  PoolParams params;
  params.output = output.mutable_data_ptr();
  params.input = (backward ? small : large).const_data_ptr();
  params.index = index.defined() ? index.mutable_data_ptr<std::int64_t>() : nullptr;
  params.adaptive = windows.adaptive;
  params.count_padding = windows.count_padding;
  params.divisor = static_cast<std::int32_t>(windows.divisor);
  params.planes = planes_of(output, windows.spatial, format);
  std::int64_t large_plane = 1, small_plane = 1;
  for (int d = 0; d < 3; ++d) {
    const auto in = spatial_size(large, windows.spatial, d), out = spatial_size(small, windows.spatial, d);
    large_plane *= in;
    small_plane *= out;
    const auto narrow = [](std::int64_t value) { return static_cast<std::int32_t>(value); };
    params.dims[d] = {narrow(in),
                      narrow(out),
                      narrow(windows.kernel[d]),
                      narrow(windows.stride[d]),
                      narrow(windows.pad[d]),
                      narrow(windows.dilation[d]),
                      kernels::Divider(static_cast<std::uint32_t>(windows.stride[d]))};
  }
  TORCH_CHECK(std::max(large_plane, small_plane) <= std::numeric_limits<std::int32_t>::max(), name,
              ": a plane of ", large.sizes(), " has more than 2^31 elements");
  params.input_plane = static_cast<std::int32_t>(large_plane);
  params.output_plane = static_cast<std::int32_t>(small_plane);
  if (backward && spreads(params, output.scalar_type())) {
    auto& kernel = pool_spread[index.defined()].get(name, output.scalar_type(), output.device().index());
    return launch(kernel, {output.numel() / large_plane, 1}, params);
  }
  const auto element = static_cast<std::int64_t>(output.element_size());
  check_dtype(name, output.scalar_type());
  const auto found = [&](const std::string& kernel) -> jit::Kernel& {
    return find_kernel("pool", instantiation(kernel, function, type_name(output.scalar_type())));
  };
  launch_planes(name, found, "pool", params, output.numel(), [&](PoolParams& part, std::int64_t planes) {
    part.output =
        static_cast<char*>(params.output) + planes * (backward ? large_plane : small_plane) * element;
    part.input =
        static_cast<const char*>(params.input) + planes * (backward ? small_plane : large_plane) * element;
    if (part.index != nullptr) part.index = params.index + planes * small_plane;
  });
}

void pool_forward(PoolFunction function, const char* name, const Windows& windows, const at::Tensor& input,
                  const at::Tensor& out, const at::Tensor& index = {}) {
  const auto format = format_of(input, windows.spatial);
  const auto result = writable_in(out, format);
  const auto positions = index.defined() ? writable_in(index, format) : index;
  pool(function, name, windows, input.contiguous(format), result, positions, format, false);
  copy_back(out, result);
  if (index.defined()) copy_back(index, positions);
}

void pool_backward(PoolFunction function, const char* name, const Windows& windows, const at::Tensor& input,
                   const at::Tensor& gradient, const at::Tensor& out, const at::Tensor& index = {}) {
  const auto format = format_of(input, windows.spatial);
  const auto result = writable_in(out, format);
  if (gradient.numel() == 0) {
    result.zero_();
  } else {
    pool(function, name, windows, result, gradient.contiguous(format),
         index.defined() ? index.contiguous(format) : index, format, true);
  }
  copy_back(out, result);
}

// The sizes of a three-dimensional pooling's result, after the checks stock makes.
std::vector<std::int64_t> max_pool3d_sizes(const at::Tensor& input, c10::IntArrayRef kernel,
                                           c10::IntArrayRef stride, c10::IntArrayRef padding,
                                           c10::IntArrayRef dilation, bool ceil_mode) {
  const auto check = [](c10::IntArrayRef values, const char* what, bool may_be_empty) {
    TORCH_CHECK(values.size() == 1 || values.size() == 3 || (may_be_empty && values.empty()),
                "max_pool3d: ", what, " must either be a single int, or a tuple of three ints");
  };
  check(kernel, "kernel_size", false);
  TORCH_CHECK(stride.empty() || stride.size() == 1 || stride.size() == 3,
              "max_pool3d: stride must either be omitted, a single int, or a tuple of three ints");
  check(padding, "padding", false);
  check(dilation, "dilation", false);
  TORCH_CHECK(input.dim() == 4 || input.dim() == 5,
              "non-empty 4D or 5D (batch mode) tensor expected for input");
  const auto windows = fixed_windows(3, kernel, stride, padding, dilation);
  const auto& [k, s, p, dl] = std::tie(windows.kernel, windows.stride, windows.pad, windows.dilation);
  auto sizes = input.sizes().vec();
  std::array<std::int64_t, 3> in, out;
  for (int d = 0; d < 3; ++d) {
    auto& size = sizes[sizes.size() - 3 + d];
    in[d] = size;
    out[d] = size = at::native::pooling_output_shape<std::int64_t>(in[d], k[d], p[d], s[d], dl[d], ceil_mode);
  }
  const auto narrow = [](std::int64_t value) { return static_cast<int>(value); };
  at::native::pool3d_shape_check(input, input.size(-4), narrow(k[0]), narrow(k[1]), narrow(k[2]),
                                 narrow(s[0]), narrow(s[1]), narrow(s[2]), narrow(p[0]), narrow(p[1]),
                                 narrow(p[2]), narrow(dl[0]), narrow(dl[1]), narrow(dl[2]), in[0], in[1],
                                 in[2], out[0], out[1], out[2], "max_pool3d_with_indices()");
  return sizes;
}

void check_adaptive(const char* name, const at::Tensor& input, c10::IntArrayRef output_size, int spatial) {
  const auto dims = input.dim();
  TORCH_CHECK(static_cast<int>(output_size.size()) == spatial, name, ": output_size must be ", spatial);
  TORCH_CHECK(dims == spatial + 1 || dims == spatial + 2, name, "(): Expected ", spatial + 1, "D or ",
              spatial + 2, "D tensor, but got ", input.sizes());
  for (auto d = dims - spatial; d < dims; ++d) {
    TORCH_CHECK(input.size(d) > 0, name,
                "(): Expected input to have non-zero size for non-batch dimensions, but "
                "input has sizes ",
                input.sizes(), " with dimension ", d, " being empty");
  }
}

// Stock keeps channels last in two dimensions alone. A contiguous image of one element may pass for either.
at::MemoryFormat adaptive_format(const at::Tensor& input, int spatial) {
  return spatial == 2 ? format_of(input, 2) : at::MemoryFormat::Contiguous;
}

void adaptive_average(const char* name, const at::Tensor& input, c10::IntArrayRef output_size, int spatial,
                      at::Tensor& out) {
  check_adaptive(name, input, output_size, spatial);
  TORCH_CHECK(input.dtype() == out.dtype(), "expected dtype ", input.dtype(), " for `output` but got dtype ",
              out.dtype());
  auto sizes = input.sizes().vec();
  std::copy(output_size.begin(), output_size.end(), sizes.end() - spatial);
  at::native::resize_output(out, sizes);
  if (out.numel() > 0) pool_forward(avg_pool, name, adaptive_windows(spatial), input, out);
}

at::Tensor adaptive_average(const char* name, const at::Tensor& input, c10::IntArrayRef output_size,
                            int spatial) {
  check_adaptive(name, input, output_size, spatial);
  auto sizes = input.sizes().vec();
  std::copy(output_size.begin(), output_size.end(), sizes.end() - spatial);
  auto out = at::empty(sizes, input.options(), adaptive_format(input, spatial));
  adaptive_average(name, input, output_size, spatial, out);
  return out;
}

void adaptive_average_backward(const char* name, const at::Tensor& gradient, const at::Tensor& input,
                               int spatial, at::Tensor& out) {
  at::native::adaptive_pool_empty_output_check(gradient, name);
  TORCH_CHECK(input.dim() == spatial + 1 || input.dim() == spatial + 2, name, "(): Expected ", spatial + 1,
              "D or ", spatial + 2, "D tensor, but got ", input.sizes());
  TORCH_CHECK(input.dtype() == gradient.dtype(), "expected dtype ", input.dtype(),
              " for `grad_output` but got dtype ", gradient.dtype());
  at::native::resize_output(out, input.sizes());
  pool_backward(avg_pool_backward, name, adaptive_windows(spatial), input, gradient, out);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(max_pool2d_with_indices_out_xpu)
(const Tensor& input, IntArrayRef kernel, IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation, bool,
 const Tensor& out, const Tensor& indices) {
  pool_forward(ipex::aten::max_pool, "max_pool2d", fixed_windows(2, kernel, stride, padding, dilation), input,
               out, indices);
}

TORCH_IMPL_FUNC(max_pool2d_with_indices_backward_grad_input_xpu)
(const Tensor& gradient, const Tensor& input, IntArrayRef kernel, IntArrayRef stride, IntArrayRef padding,
 IntArrayRef dilation, bool, const Tensor& indices, const Tensor& out) {
  ipex::aten::pool_backward(ipex::aten::max_pool_backward, "max_pool2d_backward",
                            fixed_windows(2, kernel, stride, padding, dilation), input, gradient, out,
                            indices);
}

std::tuple<Tensor&, Tensor&> max_pool3d_with_indices_out_xpu(const Tensor& input, IntArrayRef kernel,
                                                             IntArrayRef stride, IntArrayRef padding,
                                                             IntArrayRef dilation, bool ceil_mode,
                                                             Tensor& out, Tensor& indices) {
  const auto sizes = max_pool3d_sizes(input, kernel, stride, padding, dilation, ceil_mode);
  at::native::resize_output(out, sizes);
  at::native::resize_output(indices, sizes);
  pool_forward(ipex::aten::max_pool, "max_pool3d", fixed_windows(3, kernel, stride, padding, dilation), input,
               out, indices);
  return {out, indices};
}

std::tuple<Tensor, Tensor> max_pool3d_with_indices_xpu(const Tensor& input, IntArrayRef kernel,
                                                       IntArrayRef stride, IntArrayRef padding,
                                                       IntArrayRef dilation, bool ceil_mode) {
  const auto sizes = max_pool3d_sizes(input, kernel, stride, padding, dilation, ceil_mode);
  auto out = at::empty(sizes, input.options(), format_of(input, 3));
  auto indices = at::empty(sizes, input.options().dtype(kLong), format_of(input, 3));
  max_pool3d_with_indices_out_xpu(input, kernel, stride, padding, dilation, ceil_mode, out, indices);
  return {out, indices};
}

Tensor& max_pool3d_with_indices_backward_grad_input_xpu(const Tensor& gradient, const Tensor& input,
                                                        IntArrayRef kernel, IntArrayRef stride,
                                                        IntArrayRef padding, IntArrayRef dilation,
                                                        bool ceil_mode, const Tensor& indices, Tensor& out) {
  const auto sizes = max_pool3d_sizes(input, kernel, stride, padding, dilation, ceil_mode);
  TORCH_CHECK(gradient.sizes() == IntArrayRef(sizes) && indices.sizes() == IntArrayRef(sizes),
              "max_pool3d_with_indices_backward(): expected grad_output and indices of sizes ",
              IntArrayRef(sizes), ", but got ", gradient.sizes(), " and ", indices.sizes());
  at::native::resize_output(out, input.sizes());
  ipex::aten::pool_backward(ipex::aten::max_pool_backward, "max_pool3d_backward",
                            fixed_windows(3, kernel, stride, padding, dilation), input, gradient, out,
                            indices);
  return out;
}

Tensor max_pool3d_with_indices_backward_xpu(const Tensor& gradient, const Tensor& input, IntArrayRef kernel,
                                            IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation,
                                            bool ceil_mode, const Tensor& indices) {
  auto out = at::empty(input.sizes(), input.options(), format_of(input, 3));
  return max_pool3d_with_indices_backward_grad_input_xpu(gradient, input, kernel, stride, padding, dilation,
                                                         ceil_mode, indices, out);
}

TORCH_IMPL_FUNC(avg_pool2d_out_xpu)
(const Tensor& input, int64_t kernel_h, int64_t kernel_w, int64_t stride_h, int64_t stride_w, int64_t pad_h,
 int64_t pad_w, bool, bool count_padding, std::optional<int64_t> divisor, const Tensor& out) {
  const auto windows = fixed_windows(2, {kernel_h, kernel_w}, {stride_h, stride_w}, {pad_h, pad_w});
  pool_forward(ipex::aten::avg_pool, "avg_pool2d", averaging(windows, count_padding, divisor), input, out);
}

TORCH_IMPL_FUNC(avg_pool2d_backward_grad_input_xpu)
(const Tensor& gradient, const Tensor& input, IntArrayRef kernel, IntArrayRef stride, IntArrayRef padding,
 bool, bool count_padding, std::optional<int64_t> divisor, const Tensor& out) {
  const auto windows = fixed_windows(2, kernel, stride, padding);
  ipex::aten::pool_backward(ipex::aten::avg_pool_backward, "avg_pool2d_backward",
                            averaging(windows, count_padding, divisor), input, gradient, out);
}

TORCH_IMPL_FUNC(avg_pool3d_out_xpu)
(const Tensor& input, IntArrayRef kernel, IntArrayRef stride, IntArrayRef padding, bool, bool count_padding,
 std::optional<int64_t> divisor, const Tensor& out) {
  const auto windows = fixed_windows(3, kernel, stride, padding);
  pool_forward(ipex::aten::avg_pool, "avg_pool3d", averaging(windows, count_padding, divisor), input, out);
}

TORCH_IMPL_FUNC(avg_pool3d_backward_grad_input_xpu)
(const Tensor& gradient, const Tensor& input, IntArrayRef kernel, IntArrayRef stride, IntArrayRef padding,
 bool, bool count_padding, std::optional<int64_t> divisor, const Tensor& out) {
  const auto windows = fixed_windows(3, kernel, stride, padding);
  ipex::aten::pool_backward(ipex::aten::avg_pool_backward, "avg_pool3d_backward",
                            averaging(windows, count_padding, divisor), input, gradient, out);
}

Tensor& adaptive_avg_pool2d_out_xpu(const Tensor& input, IntArrayRef output_size, Tensor& out) {
  adaptive_average("adaptive_avg_pool2d", input, output_size, 2, out);
  return out;
}

Tensor _adaptive_avg_pool2d_xpu(const Tensor& input, IntArrayRef output_size) {
  return adaptive_average("adaptive_avg_pool2d", input, output_size, 2);
}

Tensor _adaptive_avg_pool2d_backward_xpu(const Tensor& gradient, const Tensor& input) {
  auto out = at::empty(input.sizes(), input.options(), format_of(input, 2));
  adaptive_average_backward("adaptive_avg_pool2d_backward", gradient, input, 2, out);
  return out;
}

Tensor& adaptive_avg_pool3d_out_xpu(const Tensor& input, IntArrayRef output_size, Tensor& out) {
  adaptive_average("adaptive_avg_pool3d", input, output_size, 3, out);
  return out;
}

Tensor _adaptive_avg_pool3d_xpu(const Tensor& input, IntArrayRef output_size) {
  return adaptive_average("adaptive_avg_pool3d", input, output_size, 3);
}

Tensor& adaptive_avg_pool3d_backward_grad_input_xpu(const Tensor& gradient, const Tensor& input,
                                                    Tensor& out) {
  adaptive_average_backward("adaptive_avg_pool3d_backward", gradient, input, 3, out);
  return out;
}

Tensor _adaptive_avg_pool3d_backward_xpu(const Tensor& gradient, const Tensor& input) {
  auto out = at::empty(input.sizes(), input.options(), adaptive_format(input, 3));
  return adaptive_avg_pool3d_backward_grad_input_xpu(gradient, input, out);
}

TORCH_IMPL_FUNC(adaptive_max_pool2d_out_xpu)
(const Tensor& input, IntArrayRef, const Tensor& out, const Tensor& indices) {
  pool_forward(ipex::aten::max_pool, "adaptive_max_pool2d", adaptive_windows(2), input, out, indices);
}

TORCH_IMPL_FUNC(adaptive_max_pool2d_backward_grad_input_xpu)
(const Tensor& gradient, const Tensor& input, const Tensor& indices, const Tensor& out) {
  ipex::aten::pool_backward(ipex::aten::max_pool_backward, "adaptive_max_pool2d_backward",
                            adaptive_windows(2), input, gradient, out, indices);
}

TORCH_IMPL_FUNC(adaptive_max_pool3d_out_xpu)
(const Tensor& input, IntArrayRef, const Tensor& out, const Tensor& indices) {
  pool_forward(ipex::aten::max_pool, "adaptive_max_pool3d", adaptive_windows(3), input, out, indices);
}

TORCH_IMPL_FUNC(adaptive_max_pool3d_backward_grad_input_xpu)
(const Tensor& gradient, const Tensor& input, const Tensor& indices, const Tensor& out) {
  ipex::aten::pool_backward(ipex::aten::max_pool_backward, "adaptive_max_pool3d_backward",
                            adaptive_windows(3), input, gradient, out, indices);
}

}  // namespace at::native
