#include "aten/norm/channel_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "aten/dtypes.h"
#include "aten/pointwise/elementwise.h"
#include "aten/reduce/reduce.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using kernels::ChannelNormParams;

// With channels last, channels of one statistic up to which their own moments come first.
constexpr std::int64_t most_short_runs = 64;

// As [samples, groups, share, positions], whatever the order in memory.
Tensor grouped(const Channels& channels, const Tensor& tensor) {
  const std::int64_t groups = channels.channels / channels.share;
  if (!channels.channels_last) {
    return tensor.view({channels.samples, groups, channels.share, channels.positions});
  }
  const std::int64_t sample = channels.channels * channels.positions;
  return tensor.as_strided({channels.samples, groups, channels.share, channels.positions},
                           {sample, channels.share, 1, channels.channels});
}

// The dimensions of `grouped` that one statistic covers.
DimMask statistic_mask(const Channels& channels) {
  return DimMask(channels.across_samples ? 0b1101 : 0b1100);
}

// Those that one channel's gradient covers.
DimMask channel_mask(const Channels& channels) { return DimMask(channels.across_samples ? 0b1001 : 0b1000); }

Tensor statistic_view(const Channels& channels, const Tensor& tensor) {
  return tensor.view({channels.batch(), channels.channels / channels.share, 1, 1});
}

Tensor channel_view(const Channels& channels, const Tensor& tensor) {
  return tensor.view({channels.batch(), channels.channels / channels.share, channels.share, 1});
}

void launch_channels(const char* kernel, c10::ScalarType compute, c10::ScalarType parameters,
                     std::int64_t items, const ChannelNormParams& params) {
  constexpr std::int64_t group_size = 64;
  launch("norm", instantiation(kernel, type_name(compute), type_name(parameters)),
         {(items + group_size - 1) / group_size, group_size}, params);
}

ChannelNormParams params_of(const Channels& channels) {
  ChannelNormParams params{};
  params.batch = channels.batch();
  params.channels = channels.channels;
  params.share = channels.share;
  params.count = channels.count();
  return params;
}

const void* data_of(const Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr() : nullptr; }
void* mutable_data_of(const Tensor& tensor) { return tensor.defined() ? tensor.mutable_data_ptr() : nullptr; }

}  // namespace

Runs Channels::runs() const {
  if (channels_last || positions == 1) {
    return {samples * positions, channels, true, positions, across_samples ? 0 : channels, 0};
  }
  return {samples * channels, positions, false, channels, across_samples ? 0 : channels, 1};
}

bool is_channels_last(const Tensor& tensor) {
  const auto format = tensor.suggest_memory_format();
  return format == at::MemoryFormat::ChannelsLast || format == at::MemoryFormat::ChannelsLast3d;
}

Tensor dense_channels(const Tensor& tensor, bool channels_last) {
  if (!channels_last) return tensor.contiguous();
  return tensor.contiguous(tensor.dim() == 5 ? at::MemoryFormat::ChannelsLast3d
                                             : at::MemoryFormat::ChannelsLast);
}

ChannelStatistics channel_statistics(const char* name, const Channels& channels, const Tensor& input) {
  const auto options = input.options().dtype(opmath_dtype(input.scalar_type()));
  // With channels last a statistic's elements are runs as long as its channels are many.
  const bool by_channel = channels.channels_last && channels.share > 1 && channels.share <= most_short_runs;
  const std::int64_t results =
      by_channel ? channels.coefficients() : channels.coefficients() / channels.share;
  const auto view = by_channel ? channel_view : statistic_view;
  ChannelStatistics moments{at::empty({results}, options), at::empty({results}, options), by_channel};
  reduce({name, "variance", input.scalar_type(), {0}}, {grouped(channels, input)},
         {view(channels, moments.variance), view(channels, moments.mean)},
         by_channel ? channel_mask(channels) : statistic_mask(channels));
  return moments;
}

ChannelScales normalize_channels(const Channels& channels, const ChannelForward& forward, const Tensor& input,
                                 const ChannelStatistics& statistics, const Tensor& output) {
  const auto options = statistics.mean.options();
  const std::int64_t count = channels.coefficients() / channels.share;
  const ChannelScales result{statistics.by_channel ? at::empty({count}, options) : statistics.mean,
                             at::empty({count}, options)};
  const auto compute = opmath_dtype(input.scalar_type());
  const Tensor& model = forward.running_mean.defined() ? forward.running_mean
                        : forward.weight.defined()     ? forward.weight
                                                       : forward.bias;
  const auto parameters = model.defined() ? model.scalar_type() : compute;
  const auto parameter = [&](const Tensor& tensor) {
    return tensor.defined() ? tensor.to(parameters).contiguous() : tensor;
  };
  const auto weight = parameter(forward.weight), bias = parameter(forward.bias);
  const auto running_mean = parameter(forward.running_mean);
  const auto running_variance = parameter(forward.running_variance);
  const auto coefficients = at::empty({3, channels.coefficients()}, options);
  auto params = params_of(channels);
  params.weight = data_of(weight);
  params.bias = data_of(bias);
  params.running_mean = mutable_data_of(running_mean);
  params.running_variance = mutable_data_of(running_variance);
  params.mean = statistics.mean.const_data_ptr();
  params.variance = statistics.variance.const_data_ptr();
  params.shared_mean = statistics.by_channel ? result.mean.mutable_data_ptr() : nullptr;
  params.scale = result.scale.mutable_data_ptr();
  for (int k = 0; k < 3; ++k) params.coefficients[k] = coefficients[k].mutable_data_ptr();
  store_scalars(compute, {forward.momentum}, params.momentum);
  store_scalars(compute, {forward.epsilon}, params.epsilon);
  launch_channels("channel_coefficients", compute, parameters, channels.coefficients(), params);
  if (!running_mean.is_same(forward.running_mean)) forward.running_mean.copy_(running_mean);
  if (!running_variance.is_same(forward.running_variance)) forward.running_variance.copy_(running_variance);
  apply_runs("normalize", channels.runs(), {input}, output,
             {coefficients[0], coefficients[1], coefficients[2]});
  return result;
}

ChannelGradients normalize_channels_backward(const char* name, const Channels& channels,
                                             const Tensor& gradient, const Tensor& input, const Tensor& mean,
                                             const Tensor& scale, const Tensor& weight_or_empty,
                                             bool training, std::array<bool, 3> mask) {
  const auto compute = opmath_dtype(input.scalar_type());
  const auto weight = weight_or_empty.defined() ? weight_or_empty.contiguous() : weight_or_empty;
  const auto parameters = weight.defined() ? weight.scalar_type() : compute;
  const auto options = input.options().dtype(compute);
  const auto sums = at::empty({2, channels.coefficients()}, options);
  if (training || mask[1] || mask[2]) {
    Reduction reduction{name, "channel_gradients", input.scalar_type()};
    reduction.context = {mean.const_data_ptr()};
    reduction.integers = {channels.share};
    reduce(reduction, {grouped(channels, gradient), grouped(channels, input)},
           {channel_view(channels, sums[0]), channel_view(channels, sums[1])}, channel_mask(channels));
  }
  ChannelGradients result;
  auto params = params_of(channels);
  params.weight = data_of(weight);
  params.mean = mean.const_data_ptr();
  params.scale = scale.mutable_data_ptr();
  params.sum = sums[0].const_data_ptr();
  params.product = sums[1].const_data_ptr();
  params.training = training;
  if (mask[1] || mask[2]) {
    const auto parameter_options = input.options().dtype(parameters);
    if (mask[1]) result.weight = at::empty({channels.channels}, parameter_options);
    if (mask[2]) result.bias = at::empty({channels.channels}, parameter_options);
    params.weight_gradient = mutable_data_of(result.weight);
    params.bias_gradient = mutable_data_of(result.bias);
    launch_channels("channel_parameter_gradients", compute, parameters, channels.channels, params);
  }
  if (mask[0]) {
    result.input = at::empty_like(input);
    const auto coefficients = at::empty({4, channels.coefficients()}, options);
    for (int k = 0; k < 4; ++k) params.coefficients[k] = coefficients[k].mutable_data_ptr();
    launch_channels("channel_backward_coefficients", compute, parameters, channels.coefficients(), params);
    apply_runs("normalize_backward", channels.runs(), {gradient, input}, result.input,
               {coefficients[0], coefficients[1], coefficients[2], coefficients[3]});
  }
  return result;
}

}  // namespace ipex::aten
