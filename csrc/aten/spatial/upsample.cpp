// Upsampling: which elements of the input make one of the output, along each dimension.
#include <ATen/native/UpSample.h>
#include <ATen/ops/_upsample_nearest_exact1d_backward_native.h>
#include <ATen/ops/_upsample_nearest_exact1d_native.h>
#include <ATen/ops/_upsample_nearest_exact2d_backward_native.h>
#include <ATen/ops/_upsample_nearest_exact2d_native.h>
#include <ATen/ops/_upsample_nearest_exact3d_backward_native.h>
#include <ATen/ops/_upsample_nearest_exact3d_native.h>
#include <ATen/ops/upsample_bicubic2d_backward_native.h>
#include <ATen/ops/upsample_bicubic2d_native.h>
#include <ATen/ops/upsample_bilinear2d_backward_native.h>
#include <ATen/ops/upsample_bilinear2d_native.h>
#include <ATen/ops/upsample_linear1d_backward_native.h>
#include <ATen/ops/upsample_linear1d_native.h>
#include <ATen/ops/upsample_nearest1d_backward_native.h>
#include <ATen/ops/upsample_nearest1d_native.h>
#include <ATen/ops/upsample_nearest2d_backward_native.h>
#include <ATen/ops/upsample_nearest2d_native.h>
#include <ATen/ops/upsample_nearest3d_backward_native.h>
#include <ATen/ops/upsample_nearest3d_native.h>
#include <ATen/ops/upsample_trilinear3d_backward_native.h>
#include <ATen/ops/upsample_trilinear3d_native.h>

#include <cstring>

#include "aten/spatial/resample.h"

namespace ipex::aten {
namespace {

using Scales = std::initializer_list<std::optional<double>>;

// An operator and what it was called with. `aligned`: the corners of input and output are the same points,
// or, of nearest elements, the edges of theirs and not the centers correspond.
struct Upsampling {
  const char* name;
  Filter filter;
  bool aligned;
  Scales scales;
};

// `scale` is 0 where none was given.
template <class C>
void set_scale(kernels::ResampleAxis& axis, const Upsampling& upsampling, double scale) {
  const bool nearest = upsampling.filter == Filter::nearest;
  C value =
      at::native::area_pixel_compute_scale<C>(axis.input, axis.output, upsampling.aligned && !nearest, scale);
  axis.centered = !upsampling.aligned;
  axis.shift = -1;
  if (nearest) {
    // Stock ignores scales that are not those of the sizes here.
    if (upsampling.aligned && axis.output == axis.input) value = C(1);
    if (upsampling.aligned && axis.output == 2 * axis.input) value = C(0.5);
    if (value == C(1) && axis.output == axis.input) axis.shift = 0;
    if (value == C(0.5) && axis.output == 2 * axis.input) axis.shift = 1;
  } else if (upsampling.filter == Filter::linear && axis.output == axis.input) {
    value = C(1);
  }
  const C inverse = value > 0 ? C(1) / value : C(0);
  std::memcpy(axis.scale, &value, sizeof(C));
  std::memcpy(axis.inverse, &inverse, sizeof(C));
}

ResampleAxes axes_of(const Upsampling& upsampling, const at::Tensor& input, const at::Tensor& output) {
  const int spatial = static_cast<int>(upsampling.scales.size());
  auto axes = resample_axes(spatial, input.sizes(), output.sizes());
  for (int d = 0; d < 3; ++d) {
    const bool own = d >= 3 - spatial;
    const double scale = own ? upsampling.scales.begin()[d - (3 - spatial)].value_or(0) : 0;
    if (output.scalar_type() == at::kDouble && upsampling.filter != Filter::nearest) {
      set_scale<double>(axes.axis[d], upsampling, scale);
    } else {
      set_scale<float>(axes.axis[d], upsampling, scale);
    }
  }
  return axes;
}

void upsample_forward(const Upsampling& upsampling, const at::Tensor& input, const at::Tensor& out) {
  const auto dtype = input.scalar_type();
  TORCH_CHECK_NOT_IMPLEMENTED(at::isFloatingType(dtype) || dtype == at::kByte, '"', upsampling.name,
                              "\" not implemented for '", dtype, "'");
  resample(upsampling.name, upsampling.filter, axes_of(upsampling, input, out), input, out);
}

void upsample_backward(const Upsampling& upsampling, const at::Tensor& gradient, const at::Tensor& out) {
  const auto dtype = gradient.scalar_type();
  TORCH_CHECK_NOT_IMPLEMENTED(at::isFloatingType(dtype), '"', upsampling.name, "\" not implemented for '",
                              dtype, "'");
  resample_backward(upsampling.name, upsampling.filter, axes_of(upsampling, out, gradient), gradient, out);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

using Scale = std::optional<double>;

// Both directions of an operator; what follows the filter are the arguments for its dimensions.
#define IPEX_NEAREST(name, aligned, parameters, ...)                                                 \
  TORCH_IMPL_FUNC(name##_out_xpu)(const Tensor& input, IntArrayRef, parameters, const Tensor& out) { \
    upsample_forward({#name, Filter::nearest, aligned, {__VA_ARGS__}}, input, out);                  \
  }                                                                                                  \
  TORCH_IMPL_FUNC(name##_backward_grad_input_xpu)                                                    \
  (const Tensor& gradient, IntArrayRef, IntArrayRef, parameters, const Tensor& out) {                \
    upsample_backward({#name "_backward", Filter::nearest, aligned, {__VA_ARGS__}}, gradient, out);  \
  }
#define IPEX_INTERPOLATE(name, filter, parameters, ...)                                             \
  TORCH_IMPL_FUNC(name##_out_xpu)                                                                   \
  (const Tensor& input, IntArrayRef, bool aligned, parameters, const Tensor& out) {                 \
    upsample_forward({#name, filter, aligned, {__VA_ARGS__}}, input, out);                          \
  }                                                                                                 \
  TORCH_IMPL_FUNC(name##_backward_grad_input_xpu)                                                   \
  (const Tensor& gradient, IntArrayRef, IntArrayRef, bool aligned, parameters, const Tensor& out) { \
    upsample_backward({#name "_backward", filter, aligned, {__VA_ARGS__}}, gradient, out);          \
  }
#define IPEX_SCALES_1 Scale width
#define IPEX_SCALES_2 Scale height, Scale width
#define IPEX_SCALES_3 Scale depth, Scale height, Scale width

IPEX_NEAREST(upsample_nearest1d, true, IPEX_SCALES_1, width)
IPEX_NEAREST(upsample_nearest2d, true, IPEX_SCALES_2, height, width)
IPEX_NEAREST(upsample_nearest3d, true, IPEX_SCALES_3, depth, height, width)
IPEX_NEAREST(_upsample_nearest_exact1d, false, IPEX_SCALES_1, width)
IPEX_NEAREST(_upsample_nearest_exact2d, false, IPEX_SCALES_2, height, width)
IPEX_NEAREST(_upsample_nearest_exact3d, false, IPEX_SCALES_3, depth, height, width)
IPEX_INTERPOLATE(upsample_linear1d, Filter::linear, IPEX_SCALES_1, width)
IPEX_INTERPOLATE(upsample_bilinear2d, Filter::linear, IPEX_SCALES_2, height, width)
IPEX_INTERPOLATE(upsample_trilinear3d, Filter::linear, IPEX_SCALES_3, depth, height, width)
IPEX_INTERPOLATE(upsample_bicubic2d, Filter::cubic, IPEX_SCALES_2, height, width)

}  // namespace at::native
