// Rounding to the values that a quantized tensor could hold, in floating point.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fake_quantize_per_tensor_affine_cachemask_tensor_qparams_native.h>
#include <ATen/ops/fake_quantize_per_channel_affine_cachemask_native.h>
#include <ATen/ops/fake_quantize_per_tensor_affine_cachemask_native.h>
#include <ATen/ops/where.h>
#include <ATen/TensorOperators.h>
#include <ATen/WrapDimUtils.h>

namespace ipex::aten {
namespace {

using at::Tensor;

struct Levels {
  std::int64_t low, high;
};

void check_levels(const char* name, const Tensor& self, Levels levels) {
  TORCH_CHECK(self.scalar_type() == at::kFloat || self.scalar_type() == at::kHalf ||
                  self.scalar_type() == at::kBFloat16 || self.scalar_type() == at::kDouble,
              name, ": expected a floating-point tensor, but got ", self.scalar_type());
  TORCH_CHECK(levels.low <= levels.high, name,
              ": `quant_min` should be less than or equal to `quant_max`, but got ", levels.low, " and ",
              levels.high);
}

// The result, and where the level was among those that exist. Scale and zero point are numbers or broadcast.
template <class Scale, class ZeroPoint>
std::tuple<Tensor, Tensor> quantize(const Tensor& self, const Scale& inverse, const Scale& scale,
                                    const ZeroPoint& zero_point, Levels levels) {
  const auto level = self.mul(inverse).round_().add_(zero_point);
  const auto mask = level.ge(levels.low).logical_and_(level.le(levels.high));
  const auto bounded = level.clamp(levels.low, levels.high);
  return {bounded.sub(zero_point).mul_(scale).to(self.scalar_type()), mask};
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor> fake_quantize_per_tensor_affine_cachemask_xpu(const Tensor& self, double scale,
                                                                         int64_t zero_point,
                                                                         int64_t quant_min,
                                                                         int64_t quant_max) {
  check_levels("fake_quantize_per_tensor_affine", self, {quant_min, quant_max});
  TORCH_CHECK(zero_point >= quant_min && zero_point <= quant_max,
              "`zero_point` must be between `quant_min` and `quant_max`.");
  return quantize(self, Scalar(1.f / static_cast<float>(scale)), Scalar(scale), Scalar(zero_point),
                  {quant_min, quant_max});
}

// Scale, zero point and whether to do anything stay on the device.
std::tuple<Tensor, Tensor> _fake_quantize_per_tensor_affine_cachemask_tensor_qparams_xpu(
    const Tensor& self, const Tensor& scale, const Tensor& zero_point, const Tensor& fake_quant_enabled,
    int64_t quant_min, int64_t quant_max) {
  check_levels("fake_quantize_per_tensor_affine", self, {quant_min, quant_max});
  const auto size = scale.reshape({}).to(self.scalar_type());
  const auto [quantized, mask] = quantize(
      self, size.reciprocal(), size, zero_point.reshape({}).to(self.scalar_type()), {quant_min, quant_max});
  const auto enabled = fake_quant_enabled.reshape({}).ne(0);
  return {at::where(enabled, quantized, self), mask.logical_or(enabled.logical_not())};
}

std::tuple<Tensor, Tensor> fake_quantize_per_channel_affine_cachemask_xpu(const Tensor& self,
                                                                          const Tensor& scale,
                                                                          const Tensor& zero_point,
                                                                          int64_t axis, int64_t quant_min,
                                                                          int64_t quant_max) {
  check_levels("fake_quantize_per_channel_affine", self, {quant_min, quant_max});
  axis = maybe_wrap_dim(axis, self.dim());
  TORCH_CHECK(scale.dim() == 1 && zero_point.dim() == 1 && scale.numel() == self.size(axis) &&
                  zero_point.numel() == self.size(axis),
              "fake_quantize_per_channel_affine: expected ", self.size(axis),
              " scales and zero points, but got ", scale.sizes(), " and ", zero_point.sizes());
  std::vector<int64_t> shape(self.dim(), 1);
  shape[axis] = self.size(axis);
  const auto sizes = scale.view(shape);
  return quantize(self, sizes.reciprocal(), sizes, zero_point.to(scale.scalar_type()).view(shape),
                  {quant_min, quant_max});
}

}  // namespace at::native
