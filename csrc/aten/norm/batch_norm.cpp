#include <ATen/native/Resize.h>
#include <ATen/ops/_batch_norm_with_update_native.h>
#include <ATen/ops/_native_batch_norm_legit_native.h>
#include <ATen/ops/batch_norm_backward_native.h>
#include <ATen/ops/batch_norm_update_stats_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_batch_norm_backward_native.h>
#include <ATen/ops/native_batch_norm_native.h>

#include "aten/dtypes.h"
#include "aten/norm/channel_norm.h"

namespace ipex::aten {
namespace {

using at::Tensor;

struct BatchNorm {
  Tensor output, mean, scale;
};

Channels channels_of(const Tensor& input, bool channels_last) {
  TORCH_CHECK(input.dim() >= 2, "batch_norm: expected an input of at least 2 dimensions, but got ",
              input.dim());
  std::int64_t positions = 1;
  for (std::int64_t d = 2; d < input.dim(); ++d) positions *= input.size(d);
  return {input.size(0), input.size(1), positions, channels_last, 1, true};
}

void check_parameter(const char* name, const Tensor& tensor, std::int64_t channels) {
  TORCH_CHECK(!tensor.defined() || tensor.numel() == channels, "batch_norm: expected ", name, " to have ",
              channels, " elements, but it has ", tensor.numel());
}

Tensor defined_or_empty(const std::optional<Tensor>& tensor) { return tensor.value_or(Tensor()); }

// Running statistics in the computation's dtype.
Tensor converted(const Tensor& tensor, const Tensor& input) {
  return tensor.to(opmath_dtype(input.scalar_type())).contiguous();
}

// `output` may be given; if it has another layout than the input's it is copied into.
BatchNorm normalize_batch(const Tensor& self, const std::optional<Tensor>& weight,
                          const std::optional<Tensor>& bias, const Tensor& running_mean,
                          const Tensor& running_variance, bool training, double momentum, double epsilon) {
  check_dtype("native_batch_norm", self.scalar_type());
  const bool channels_last = is_channels_last(self);
  const auto input = dense_channels(self, channels_last);
  const auto channels = channels_of(input, channels_last);
  ChannelForward forward;
  forward.weight = defined_or_empty(weight);
  forward.bias = defined_or_empty(bias);
  forward.momentum = momentum;
  forward.epsilon = epsilon;
  check_parameter("weight", forward.weight, channels.channels);
  check_parameter("bias", forward.bias, channels.channels);
  check_parameter("running_mean", running_mean, channels.channels);
  check_parameter("running_var", running_variance, channels.channels);
  ChannelStatistics statistics;
  if (training) {
    statistics = channel_statistics("native_batch_norm", channels, input);
    forward.running_mean = running_mean;
    forward.running_variance = running_variance;
  } else {
    TORCH_CHECK(running_mean.defined() && running_variance.defined(),
                "batch_norm: expected running_mean and running_var when training is False");
    statistics = {converted(running_mean, input), converted(running_variance, input)};
  }
  const auto output = at::empty_like(input);
  const auto [mean, scale] = normalize_channels(channels, forward, input, statistics, output);
  if (training) return {output, mean, scale};
  const auto nothing = at::empty({0}, mean.options());
  return {output, nothing, nothing};
}

std::tuple<Tensor&, Tensor&, Tensor&> copy_out(const BatchNorm& result, Tensor& out, Tensor& mean,
                                               Tensor& scale) {
  at::native::resize_output(out, result.output.sizes());
  at::native::resize_output(mean, result.mean.sizes());
  at::native::resize_output(scale, result.scale.sizes());
  out.copy_(result.output);
  mean.copy_(result.mean);
  scale.copy_(result.scale);
  return {out, mean, scale};
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor, Tensor> native_batch_norm_xpu(const Tensor& input,
                                                         const std::optional<Tensor>& weight,
                                                         const std::optional<Tensor>& bias,
                                                         const std::optional<Tensor>& running_mean,
                                                         const std::optional<Tensor>& running_var,
                                                         bool training, double momentum, double eps) {
  auto result = normalize_batch(input, weight, bias, defined_or_empty(running_mean),
                                defined_or_empty(running_var), training, momentum, eps);
  return {result.output, result.mean, result.scale};
}

std::tuple<Tensor&, Tensor&, Tensor&> native_batch_norm_out_xpu(
    const Tensor& input, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
    const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var, bool training,
    double momentum, double eps, Tensor& out, Tensor& save_mean, Tensor& save_invstd) {
  return copy_out(normalize_batch(input, weight, bias, defined_or_empty(running_mean),
                                  defined_or_empty(running_var), training, momentum, eps),
                  out, save_mean, save_invstd);
}

std::tuple<Tensor, Tensor, Tensor> _native_batch_norm_legit_xpu(const Tensor& input,
                                                                const std::optional<Tensor>& weight,
                                                                const std::optional<Tensor>& bias,
                                                                Tensor& running_mean, Tensor& running_var,
                                                                bool training, double momentum, double eps) {
  auto result = normalize_batch(input, weight, bias, running_mean, running_var, training, momentum, eps);
  return {result.output, result.mean, result.scale};
}

std::tuple<Tensor&, Tensor&, Tensor&> _native_batch_norm_legit_out_xpu(
    const Tensor& input, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
    Tensor& running_mean, Tensor& running_var, bool training, double momentum, double eps, Tensor& out,
    Tensor& save_mean, Tensor& save_invstd) {
  return copy_out(normalize_batch(input, weight, bias, running_mean, running_var, training, momentum, eps),
                  out, save_mean, save_invstd);
}

std::tuple<Tensor, Tensor, Tensor> _native_batch_norm_legit_no_stats_xpu(const Tensor& input,
                                                                         const std::optional<Tensor>& weight,
                                                                         const std::optional<Tensor>& bias,
                                                                         bool training, double momentum,
                                                                         double eps) {
  auto result = normalize_batch(input, weight, bias, {}, {}, training, momentum, eps);
  return {result.output, result.mean, result.scale};
}

std::tuple<Tensor&, Tensor&, Tensor&> _native_batch_norm_legit_no_stats_out_xpu(
    const Tensor& input, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
    bool training, double momentum, double eps, Tensor& out, Tensor& save_mean, Tensor& save_invstd) {
  return copy_out(normalize_batch(input, weight, bias, {}, {}, training, momentum, eps), out, save_mean,
                  save_invstd);
}

std::tuple<Tensor, Tensor> batch_norm_update_stats_xpu(const Tensor& self,
                                                       const std::optional<Tensor>& running_mean,
                                                       const std::optional<Tensor>& running_var,
                                                       double momentum) {
  const bool channels_last = is_channels_last(self);
  const auto input = dense_channels(self, channels_last);
  const auto channels = channels_of(input, channels_last);
  auto statistics = channel_statistics("batch_norm_update_stats", channels, input);
  const auto count = static_cast<double>(channels.count());
  const auto mean = defined_or_empty(running_mean), variance = defined_or_empty(running_var);
  if (mean.defined()) mean.mul_(1 - momentum).add_(statistics.mean, momentum);
  if (variance.defined())
    variance.mul_(1 - momentum).add_(statistics.variance, momentum * count / (count - 1));
  return {statistics.mean, statistics.variance};
}

std::tuple<Tensor, Tensor, Tensor> native_batch_norm_backward_xpu(
    const Tensor& grad_out, const Tensor& self, const std::optional<Tensor>& weight,
    const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var,
    const std::optional<Tensor>& save_mean, const std::optional<Tensor>& save_invstd, bool train, double eps,
    std::array<bool, 3> output_mask) {
  const bool channels_last = is_channels_last(self);
  const auto input = dense_channels(self, channels_last);
  const auto gradient = dense_channels(grad_out, channels_last);
  const auto channels = channels_of(input, channels_last);
  const auto mean = converted(train ? defined_or_empty(save_mean) : defined_or_empty(running_mean), input);
  const auto scale = train ? converted(defined_or_empty(save_invstd), input)
                           : converted(defined_or_empty(running_var), input).add(eps).rsqrt_();
  auto result = normalize_channels_backward("native_batch_norm_backward", channels, gradient, input, mean,
                                            scale, defined_or_empty(weight), train, output_mask);
  return {result.input, result.weight, result.bias};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> _batch_norm_with_update_xpu(
    const Tensor& input, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
    Tensor& running_mean, Tensor& running_var, double momentum, double eps) {
  auto result = normalize_batch(input, weight, bias, running_mean, running_var, true, momentum, eps);
  return {result.output, result.mean, result.scale, at::empty({0}, input.options().dtype(kByte))};
}

std::tuple<Tensor&, Tensor&, Tensor&, Tensor&> _batch_norm_with_update_out_xpu(
    const Tensor& input, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
    Tensor& running_mean, Tensor& running_var, double momentum, double eps, Tensor& out, Tensor& save_mean,
    Tensor& save_invstd, Tensor& reserve) {
  copy_out(normalize_batch(input, weight, bias, running_mean, running_var, true, momentum, eps), out,
           save_mean, save_invstd);
  at::native::resize_output(reserve, {0});
  return {out, save_mean, save_invstd, reserve};
}

std::tuple<Tensor, Tensor, Tensor> batch_norm_backward_xpu(
    const Tensor& grad_out, const Tensor& input, const Tensor& weight,
    const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var,
    const std::optional<Tensor>& save_mean, const std::optional<Tensor>& save_var, bool update, double eps,
    std::array<bool, 3> output_mask, const Tensor&) {
  return native_batch_norm_backward_xpu(grad_out, input, weight, running_mean, running_var, save_mean,
                                        save_var, update, eps, output_mask);
}

}  // namespace at::native
