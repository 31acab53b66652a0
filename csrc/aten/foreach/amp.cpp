// The gradient scaler's kernels.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale_native.h>
#include <ATen/ops/_amp_update_scale_native.h>

#include "aten/foreach/tensor_table.h"

namespace at::native {
using namespace ipex::aten;
using ipex::aten::launch;  // not at::launch

namespace {

void check_scalar(const char* name, const Tensor& tensor, ScalarType dtype, Device device) {
  TORCH_CHECK(tensor.device() == device, name, " must be on ", device, ", but is on ", tensor.device());
  TORCH_CHECK(tensor.numel() == 1, name, " must be a 1-element tensor.");
  TORCH_CHECK(tensor.scalar_type() == dtype, name, " must be a ", dtype == kFloat ? "float" : "int",
              " tensor.");
}

}  // namespace

void _amp_foreach_non_finite_check_and_unscale__xpu(TensorList gradients, Tensor& found_inf,
                                                    const Tensor& inverse_scale) {
  if (gradients.empty()) return;
  const auto device = gradients[0].device();
  const auto dtype = gradients[0].scalar_type();
  check_scalar("inv_scale", inverse_scale, kFloat, device);
  check_scalar("found_inf", found_inf, kFloat, device);
  TORCH_CHECK_NOT_IMPLEMENTED(isFloatingType(dtype),
                              "\"_amp_foreach_non_finite_check_and_unscale_\" not implemented for '", dtype,
                              "'");
  check_dtype("_amp_foreach_non_finite_check_and_unscale_", dtype);

  ipex::kernels::UnscaleParams params{};
  params.inverse_scale = inverse_scale.const_data_ptr<float>();
  params.found_inf = found_inf.mutable_data_ptr<float>();
  TableLauncher<ipex::kernels::UnscaleParams> table(
      find_kernel("amp", instantiation("amp_unscale", type_name(dtype))), 1, params);
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (const auto& gradient : gradients) {
    TORCH_CHECK(gradient.device() == device, "one of scaled_grads was not on the same device");
    TORCH_CHECK(gradient.scalar_type() == dtype, "one of scaled_grads was not the same dtype");
    TORCH_CHECK(gradient.layout() == at::kStrided, "one of scaled_grads was not a strided tensor.");
    const bool dense = gradient.is_non_overlapping_and_dense();
    if (!dense) copies.emplace_back(gradient, gradient.contiguous());
    table.add(gradient.numel(),
              [&](std::uint64_t* slots) { slots[0] = slot_of(dense ? gradient : copies.back().second); });
  }
  table.flush();
  for (const auto& [gradient, copy] : copies) gradient.copy_(copy);
}

Tensor& _amp_update_scale__xpu(Tensor& scale, Tensor& growth_tracker, const Tensor& found_inf,
                               double growth_factor, double backoff_factor, int64_t growth_interval) {
  const auto device = scale.device();
  check_scalar("current_scale", scale, kFloat, device);
  check_scalar("growth_tracker", growth_tracker, kInt, device);
  check_scalar("found_inf", found_inf, kFloat, device);
  const ipex::kernels::UpdateScaleParams params{
      scale.mutable_data_ptr<float>(),    growth_tracker.mutable_data_ptr<std::int32_t>(),
      found_inf.const_data_ptr<float>(),  static_cast<float>(growth_factor),
      static_cast<float>(backoff_factor), static_cast<std::int32_t>(growth_interval)};
  launch("amp", instantiation("amp_update_scale", type_name(kFloat)), {1, 1}, params);
  return scale;
}

}  // namespace at::native
