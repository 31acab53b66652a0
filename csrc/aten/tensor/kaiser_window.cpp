// The window of Kaiser, I0(beta sqrt(1 - r^2)) / I0(beta) for r from -1 to 1. Stock's ends in a table that
// has no place for xpu in a CPU build.
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/i0.h>
#include <ATen/ops/kaiser_window_native.h>
#include <ATen/ops/ones.h>
#include <c10/core/DefaultDtype.h>

#include <cmath>

#include "aten/dtypes.h"

namespace at::native {
using namespace ipex::aten;

Tensor kaiser_window_beta_xpu(int64_t window_length, bool periodic, double beta,
                              std::optional<ScalarType> dtype, std::optional<Layout> layout,
                              std::optional<Device> device, std::optional<bool> pin_memory) {
  const auto type = dtype.value_or(c10::get_default_dtype_as_scalartype());
  TORCH_CHECK(isFloatingType(type), "kaiser_window expects floating point dtypes, got: ", type);
  TORCH_CHECK(!layout || *layout == kStrided,
              "kaiser_window is not implemented for sparse types, got: ", *layout);
  TORCH_CHECK(window_length >= 0,
              "kaiser_window requires non-negative window_length, got window_length=", window_length);
  const auto options = TensorOptions(type).device(device).pinned_memory(pin_memory);
  if (window_length == 0) return at::empty({0}, options);
  if (window_length == 1) return at::ones({1}, options);
  const auto points = periodic ? window_length + 1 : window_length;
  const auto place = at::arange(window_length, options.dtype(opmath_dtype(type)));
  const auto ratio = place.mul_(2.0 / static_cast<double>(points - 1)).sub_(1);
  const auto root = ratio.mul_(ratio).neg_().add_(1).clamp_min_(0).sqrt_();
  return at::i0(root.mul_(beta)).div_(std::cyl_bessel_i(0.0, std::abs(beta))).to(type);
}

Tensor kaiser_window_periodic_xpu(int64_t window_length, bool periodic, std::optional<ScalarType> dtype,
                                  std::optional<Layout> layout, std::optional<Device> device,
                                  std::optional<bool> pin_memory) {
  return kaiser_window_beta_xpu(window_length, periodic, 12.0, dtype, layout, device, pin_memory);
}

Tensor kaiser_window_xpu(int64_t window_length, std::optional<ScalarType> dtype, std::optional<Layout> layout,
                         std::optional<Device> device, std::optional<bool> pin_memory) {
  return kaiser_window_periodic_xpu(window_length, true, dtype, layout, device, pin_memory);
}

}  // namespace at::native
