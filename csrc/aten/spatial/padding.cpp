// Padding by reflection and by the element at the border.
#include <ATen/native/Padding.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/reflection_pad1d_backward_native.h>
#include <ATen/ops/reflection_pad1d_native.h>
#include <ATen/ops/reflection_pad2d_backward_native.h>
#include <ATen/ops/reflection_pad2d_native.h>
#include <ATen/ops/reflection_pad3d_backward_native.h>
#include <ATen/ops/reflection_pad3d_native.h>
#include <ATen/ops/replication_pad1d_backward_native.h>
#include <ATen/ops/replication_pad1d_native.h>
#include <ATen/ops/replication_pad2d_backward_native.h>
#include <ATen/ops/replication_pad2d_native.h>
#include <ATen/ops/replication_pad3d_backward_native.h>
#include <ATen/ops/replication_pad3d_native.h>

#include "aten/spatial/planes.h"
#include "aten/spatial/resample.h"

namespace ipex::aten {
namespace {

// `padding` names the last dimension first.
ResampleAxes axes_of(const at::Tensor& input, const at::Tensor& output, c10::IntArrayRef padding) {
  const int spatial = static_cast<int>(padding.size() / 2);
  auto axes = resample_axes(spatial, input.sizes(), output.sizes());
  for (int d = 0; d < spatial; ++d)
    axes.axis[2 - d].padding = static_cast<std::int32_t>(padding[static_cast<std::size_t>(2 * d)]);
  return axes;
}

// Stock's meta functions make contiguous outputs; its kernels then lay them out as the input.
void lay_out_as(const at::Tensor& input, int spatial, const at::Tensor& out) {
  const auto format = format_of(input, spatial);
  if (format != at::MemoryFormat::Contiguous && out.is_contiguous())
    out.unsafeGetTensorImpl()->empty_tensor_restride(format);
}

void pad(const char* name, Filter filter, const at::Tensor& input, c10::IntArrayRef padding,
         const at::Tensor& out) {
  lay_out_as(input, static_cast<int>(padding.size() / 2), out);
  resample(name, filter, axes_of(input, out, padding), input, out);
}

void pad_backward(const char* name, Filter filter, const at::Tensor& gradient, const at::Tensor& input,
                  c10::IntArrayRef padding, const at::Tensor& out) {
  lay_out_as(input, static_cast<int>(padding.size() / 2), out);
  resample_backward(name, filter, axes_of(input, gradient, padding), gradient, out);
}

// The sizes of a reflection in two dimensions, after the checks stock makes.
std::vector<std::int64_t> reflected_sizes(const at::Tensor& input, c10::IntArrayRef padding) {
  at::native::padding::check_valid_input<2>(input, padding);
  auto sizes = input.sizes().vec();
  for (std::int64_t k = 0; k < 2; ++k) {
    const auto dim = input.dim() - 1 - k, before = padding[2 * k], after = padding[2 * k + 1];
    TORCH_CHECK(before < input.size(dim) && after < input.size(dim),
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: "
                "padding (",
                before, ", ", after, ") at dimension ", dim, " of input ", input.sizes());
    sizes[dim] += before + after;
    TORCH_CHECK(sizes[dim] >= 1, "input ", input.sizes(), " is too small: padding (", before, ", ", after,
                ") leaves nothing of dimension ", dim);
  }
  return sizes;
}

void check_gradient(const at::Tensor& gradient, const at::Tensor& input, c10::IntArrayRef padding,
                    int spatial) {
  static constexpr const char* names[] = {"width", "height", "depth"};
  TORCH_CHECK(static_cast<int>(padding.size()) == 2 * spatial, "padding size is expected to be ",
              2 * spatial);
  TORCH_CHECK(input.dim() > spatial && gradient.dim() == input.dim(), "gradOutput of ", input.dim(),
              " dimensions expected, but got ", gradient.sizes());
  for (int k = 0; k < spatial; ++k) {
    const auto expected = input.size(-1 - k) + padding[2 * k] + padding[2 * k + 1];
    TORCH_CHECK(gradient.size(-1 - k) == expected, "gradOutput ", names[k],
                " unexpected. Expected: ", expected, ", Got: ", gradient.size(-1 - k));
  }
}

at::Tensor& pad_backward_out(const char* name, Filter filter, const at::Tensor& gradient,
                             const at::Tensor& input, c10::IntArrayRef padding, int spatial,
                             at::Tensor& out) {
  check_gradient(gradient, input, padding, spatial);
  at::native::resize_output(out, input.sizes());
  pad_backward(name, filter, gradient, input, padding, out);
  return out;
}

at::Tensor pad_backward(const char* name, Filter filter, const at::Tensor& gradient, const at::Tensor& input,
                        c10::IntArrayRef padding, int spatial) {
  auto out = at::empty(input.sizes(), input.options(), format_of(input, spatial));
  return pad_backward_out(name, filter, gradient, input, padding, spatial, out);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

#define IPEX_PAD(name, filter)                                                                   \
  TORCH_IMPL_FUNC(name##_out_xpu)(const Tensor& input, IntArrayRef padding, const Tensor& out) { \
    ipex::aten::pad(#name, filter, input, padding, out);                                         \
  }
#define IPEX_PAD_BACKWARD(name, filter)                                                   \
  TORCH_IMPL_FUNC(name##_backward_grad_input_xpu)                                         \
  (const Tensor& gradient, const Tensor& input, IntArrayRef padding, const Tensor& out) { \
    ipex::aten::pad_backward(#name "_backward", filter, gradient, input, padding, out);   \
  }
// Those that stock has no structured gradient for.
#define IPEX_PAD_BACKWARD_PLAIN(name, filter, spatial)                                                     \
  Tensor& name##_backward_grad_input_xpu(const Tensor& gradient, const Tensor& input, IntArrayRef padding, \
                                         Tensor& out) {                                                    \
    return pad_backward_out(#name "_backward", filter, gradient, input, padding, spatial, out);            \
  }                                                                                                        \
  Tensor name##_backward_xpu(const Tensor& gradient, const Tensor& input, IntArrayRef padding) {           \
    return ipex::aten::pad_backward(#name "_backward", filter, gradient, input, padding, spatial);         \
  }

IPEX_PAD(reflection_pad1d, Filter::reflect)
IPEX_PAD(reflection_pad3d, Filter::reflect)
IPEX_PAD(replication_pad1d, Filter::replicate)
IPEX_PAD(replication_pad2d, Filter::replicate)
IPEX_PAD(replication_pad3d, Filter::replicate)
IPEX_PAD_BACKWARD(reflection_pad1d, Filter::reflect)
IPEX_PAD_BACKWARD(reflection_pad3d, Filter::reflect)
IPEX_PAD_BACKWARD(replication_pad1d, Filter::replicate)
IPEX_PAD_BACKWARD_PLAIN(reflection_pad2d, Filter::reflect, 2)
IPEX_PAD_BACKWARD_PLAIN(replication_pad2d, Filter::replicate, 2)
IPEX_PAD_BACKWARD_PLAIN(replication_pad3d, Filter::replicate, 3)

Tensor& reflection_pad2d_out_xpu(const Tensor& input, IntArrayRef padding, Tensor& out) {
  resize_output(out, reflected_sizes(input, padding));
  ipex::aten::pad("reflection_pad2d", Filter::reflect, input, padding, out);
  return out;
}

Tensor reflection_pad2d_xpu(const Tensor& input, IntArrayRef padding) {
  auto out = at::empty(reflected_sizes(input, padding), input.options(), format_of(input, 2));
  ipex::aten::pad("reflection_pad2d", Filter::reflect, input, padding, out);
  return out;
}

}  // namespace at::native
