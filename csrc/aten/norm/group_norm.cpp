#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm_native.h>
#include <ATen/ops/native_group_norm.h>
#include <ATen/ops/native_group_norm_backward_native.h>
#include <ATen/ops/native_group_norm_native.h>
#include <torch/library.h>

#include "aten/dtypes.h"
#include "aten/norm/channel_norm.h"

namespace ipex::aten {
namespace {

using at::Tensor;

Channels channels_of(const Tensor& input, std::int64_t samples, std::int64_t channels, std::int64_t positions,
                     std::int64_t groups, bool channels_last) {
  TORCH_CHECK(groups > 0 && channels % groups == 0,
              "Expected number of channels in input to be divisible by num_groups, but got input of shape ",
              input.sizes(), " and num_groups=", groups);
  TORCH_CHECK(input.numel() == samples * channels * positions,
              "native_group_norm: expected N * C * HxW = ", samples * channels * positions,
              " elements, but the input has ", input.numel());
  return {samples, channels, positions, channels_last, channels / groups, false};
}

// The composite, which makes the input contiguous on any device but the CPU, for an input with channels last.
Tensor group_norm(const Tensor& input, std::int64_t groups, const std::optional<Tensor>& weight,
                  const std::optional<Tensor>& bias, double eps, bool cudnn_enabled) {
  const bool usual = input.dim() < 3 || !is_channels_last(input);
  if (usual) return at::native::group_norm(input, groups, weight, bias, eps, cudnn_enabled);
  const auto samples = input.size(0), channels = input.size(1);
  TORCH_CHECK(groups > 0, "Expected num groups to be greater than 0, got ", groups);
  TORCH_CHECK(channels % groups == 0,
              "Expected number of channels in input to be divisible by num_groups, but got input of shape ",
              input.sizes(), " and num_groups=", groups);
  const auto check_parameter = [&](const char* name, const std::optional<Tensor>& parameter) {
    TORCH_CHECK(
        !parameter || !parameter->defined() || (parameter->dim() == 1 && parameter->numel() == channels),
        "Expected ", name, " to be a vector of size equal to the number of channels in input, but got ", name,
        " of shape ", parameter ? parameter->sizes() : at::IntArrayRef(), " and input of shape ",
        input.sizes());
  };
  check_parameter("weight", weight);
  check_parameter("bias", bias);
  const auto positions = channels == 0 || samples == 0 ? 0 : input.numel() / (samples * channels);
  return std::get<0>(at::native_group_norm(input, weight, bias, samples, channels, positions, groups, eps));
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor, Tensor> native_group_norm_xpu(const Tensor& self,
                                                         const std::optional<Tensor>& weight,
                                                         const std::optional<Tensor>& bias, int64_t N,
                                                         int64_t C, int64_t HxW, int64_t group, double eps) {
  check_dtype("native_group_norm", self.scalar_type());
  const bool channels_last = is_channels_last(self);
  const auto input = dense_channels(self, channels_last);
  const auto channels = channels_of(input, N, C, HxW, group, channels_last);
  ChannelForward forward;
  forward.weight = weight.value_or(Tensor());
  forward.bias = bias.value_or(Tensor());
  forward.epsilon = eps;
  const auto statistics = channel_statistics("native_group_norm", channels, input);
  auto output = at::empty_like(input);
  const auto scales = normalize_channels(channels, forward, input, statistics, output);
  return {output, scales.mean.view({N, group}), scales.scale.view({N, group})};
}

std::tuple<Tensor, Tensor, Tensor> native_group_norm_backward_xpu(const Tensor& grad_out, const Tensor& self,
                                                                  const Tensor& mean, const Tensor& rstd,
                                                                  const std::optional<Tensor>& weight,
                                                                  int64_t N, int64_t C, int64_t HxW,
                                                                  int64_t group,
                                                                  std::array<bool, 3> output_mask) {
  const bool channels_last = is_channels_last(self);
  const auto input = dense_channels(self, channels_last);
  const auto gradient = dense_channels(grad_out, channels_last);
  const auto channels = channels_of(input, N, C, HxW, group, channels_last);
  const auto dtype = opmath_dtype(input.scalar_type());
  auto result = normalize_channels_backward("native_group_norm_backward", channels, gradient, input,
                                            mean.to(dtype).contiguous(), rstd.to(dtype).contiguous(),
                                            weight.value_or(Tensor()), true, output_mask);
  return {result.input, result.weight, result.bias};
}

}  // namespace at::native

TORCH_LIBRARY_IMPL(aten, XPU, library) { library.impl("group_norm", ipex::aten::group_norm); }
TORCH_LIBRARY_IMPL(aten, AutogradXPU, library) { library.impl("group_norm", ipex::aten::group_norm); }
