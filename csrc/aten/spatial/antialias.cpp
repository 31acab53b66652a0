// Resizing without aliasing: along each dimension every element of the result is a weighted sum of those that
// its enlarged filter covers, which makes both directions products with a matrix of weights.
#include <ATen/core/Tensor.h>
#include <ATen/native/UpSample.h>
#include <ATen/ops/_upsample_bicubic2d_aa_backward_native.h>
#include <ATen/ops/_upsample_bicubic2d_aa_native.h>
#include <ATen/ops/_upsample_bilinear2d_aa_backward_native.h>
#include <ATen/ops/_upsample_bilinear2d_aa_native.h>
#include <ATen/ops/_upsample_lanczos2d_aa_backward_native.h>
#include <ATen/ops/_upsample_lanczos2d_aa_native.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/TensorOperators.h>

#include "aten/dtypes.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using Scale = std::optional<double>;

// A filter's half width, and its value by the distance from its middle; 0 beyond the width.
struct Window {
  double reach;
  Tensor (*value)(const Tensor& distance);
};

Tensor triangle(const Tensor& distance) { return distance.abs().neg_().add_(1).clamp_min_(0); }

// Keys' cubic convolution with a = -1/2.
Tensor keys(const Tensor& distance) {
  const auto x = distance.abs();
  const auto near = x.mul(1.5).sub_(2.5).mul_(x).mul_(x).add_(1);
  const auto far = x.mul(-0.5).add_(2.5).mul_(x).sub_(4).mul_(x).add_(2);
  return near.where(x.lt(1), far.masked_fill(x.ge(2), 0));
}

Tensor lanczos(const Tensor& distance) {
  return distance.sinc().mul_(distance.div(3).sinc_()).masked_fill_(distance.abs().ge(3), 0);
}

constexpr Window linear_window{1, triangle}, cubic_window{2, keys}, lanczos_window{3, lanczos};

struct Antialiasing {
  const char* name;
  Window window;
  bool aligned;
  Scale height, width;
};

// [output, input]: how much each element of the input weighs in each of the output.
Tensor weights(const Antialiasing& resize, std::int64_t input, std::int64_t output, Scale given,
               const at::TensorOptions& options) {
  const bool is_double = c10::typeMetaToScalarType(options.dtype()) == at::kDouble;
  const double scale =
      is_double ? at::native::area_pixel_compute_scale<double>(input, output, resize.aligned, given)
                : at::native::area_pixel_compute_scale<float>(input, output, resize.aligned, given);
  const double stretch = std::max(scale, 1.), reach = resize.window.reach * stretch;
  const auto center = at::arange(output, options).add_(0.5).mul_(scale).unsqueeze_(1);
  const auto place = at::arange(input, options).unsqueeze_(0);
  const auto first = center.sub(reach).add_(0.5).trunc_(), end = center.add(reach).add_(0.5).trunc_();
  auto result = resize.window.value(place.sub(center).add_(0.5).div_(stretch));
  result.masked_fill_(place.lt(first).logical_or_(place.ge(end)), 0);
  return result.div_(result.sum(1, true));
}

// Bytes are rounded and saturated after each dimension, as stock does: filters overshoot.
Tensor stored(const Tensor& result, at::ScalarType dtype) {
  return at::isFloatingType(dtype) ? result : result.round().clamp_(0, 255);
}

struct Matrices {
  Tensor rows, columns;
  at::ScalarType dtype;
};

Matrices matrices(const Antialiasing& resize, const Tensor& small_or_large, at::IntArrayRef input,
                  at::IntArrayRef output) {
  const auto dtype = small_or_large.scalar_type();
  TORCH_CHECK_NOT_IMPLEMENTED(at::isFloatingType(dtype) || dtype == at::kByte, '"', resize.name,
                              "\" not implemented for '", dtype, "'");
  const auto compute = dtype == at::kDouble ? at::kDouble : at::kFloat;
  const auto options = small_or_large.options().dtype(compute);
  return {weights(resize, input[2], output[2], resize.height, options),
          weights(resize, input[3], output[3], resize.width, options), compute};
}

void antialias(const Antialiasing& resize, const Tensor& input, const Tensor& out) {
  if (out.numel() == 0) return;
  const auto [rows, columns, dtype] = matrices(resize, input, input.sizes(), out.sizes());
  const auto lines = stored(at::matmul(input.to(dtype).contiguous(), columns.t()), out.scalar_type());
  const_cast<Tensor&>(out).copy_(stored(at::matmul(rows, lines), out.scalar_type()));
}

void antialias_backward(const Antialiasing& resize, const Tensor& gradient, const Tensor& out) {
  if (out.numel() == 0) return;
  const auto [rows, columns, dtype] = matrices(resize, gradient, out.sizes(), gradient.sizes());
  const_cast<Tensor&>(out).copy_(at::matmul(rows.t(), at::matmul(gradient.to(dtype).contiguous(), columns)));
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

#define IPEX_ANTIALIAS(name, window)                                                             \
  TORCH_IMPL_FUNC(name##_out_xpu)                                                                \
  (const Tensor& input, IntArrayRef, bool aligned, std::optional<double> height,                 \
   std::optional<double> width, const Tensor& out) {                                             \
    antialias({#name, window, aligned, height, width}, input, out);                              \
  }                                                                                              \
  TORCH_IMPL_FUNC(name##_backward_grad_input_xpu)                                                \
  (const Tensor& gradient, IntArrayRef, IntArrayRef, bool aligned, std::optional<double> height, \
   std::optional<double> width, const Tensor& out) {                                             \
    antialias_backward({#name "_backward", window, aligned, height, width}, gradient, out);      \
  }
IPEX_ANTIALIAS(_upsample_bilinear2d_aa, linear_window)
IPEX_ANTIALIAS(_upsample_bicubic2d_aa, cubic_window)
IPEX_ANTIALIAS(_upsample_lanczos2d_aa, lanczos_window)

}  // namespace at::native
