#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_group_norm_backward_native.h>
#include <ATen/ops/native_group_norm_native.h>

#include "aten/channel_norm.h"
#include "aten/dtypes.h"

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
  auto scale = at::empty_like(statistics.mean);
  auto output = at::empty_like(input);
  if (output.numel() > 0) normalize_channels(channels, forward, input, statistics, scale, output);
  return {output, statistics.mean.view({N, group}), scale.view({N, group})};
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
