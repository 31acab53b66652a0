// Normalization of channels: what batch and group normalization share.
#pragma once

#include <ATen/core/Tensor.h>

#include "aten/pointwise/runs.h"
#include "kernels/norm_params.hpp"

namespace ipex::aten {

// A dense tensor [batch, channels, positions], channels before or after positions in memory. `groups` of
// channels share statistics; a batch normalization has one batch and no groups, whatever its input's first
// dimension is.
struct Channels {
  std::int64_t samples, channels, positions;
  bool channels_last;
  std::int64_t share;   // channels with common statistics
  bool across_samples;  // statistics join all samples (batch normalization)

  std::int64_t batch() const { return across_samples ? 1 : samples; }
  std::int64_t coefficients() const { return batch() * channels; }
  std::int64_t count() const { return share * positions * (across_samples ? samples : 1); }
  Runs runs() const;
};

// A tensor whose dimension 1 is the channels, with the layout that the input has or is closest to.
at::Tensor dense_channels(const at::Tensor& tensor, bool channels_last);
bool is_channels_last(const at::Tensor& tensor);

// In the computation's dtype, [batch * channels / share], or each channel's own, [batch * channels], that
// normalize_channels joins. The variance is the biased one.
struct ChannelStatistics {
  at::Tensor mean, variance;
  bool by_channel = false;
};

ChannelStatistics channel_statistics(const char* name, const Channels& channels, const at::Tensor& input);

// (input - mean) / sqrt(variance + epsilon) * weight + bias into output; running statistics are updated where
// they are given. Returns mean and scale = 1/sqrt(...) of [batch * channels / share] statistics.
struct ChannelForward {
  at::Tensor weight, bias, running_mean, running_variance;
  double momentum = 0, epsilon = 0;
};
struct ChannelScales {
  at::Tensor mean, scale;
};
ChannelScales normalize_channels(const Channels& channels, const ChannelForward& forward,
                                 const at::Tensor& input, const ChannelStatistics& statistics,
                                 const at::Tensor& output);

struct ChannelGradients {
  at::Tensor input, weight, bias;
};
ChannelGradients normalize_channels_backward(const char* name, const Channels& channels,
                                             const at::Tensor& gradient, const at::Tensor& input,
                                             const at::Tensor& mean, const at::Tensor& scale,
                                             const at::Tensor& weight, bool training,
                                             std::array<bool, 3> mask);

}  // namespace ipex::aten
