// What the host hands to the kernels of norm.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

// Normalization along rows.
struct RowNormParams {
  const void* gradient;  // backward only
  const void* input;
  const void* weight;  // or null
  const void* bias;    // or null
  void* output;
  void* mean;
  void* scale;  // 1 / deviation
  std::int64_t rows;
  std::int64_t size;
  alignas(8) unsigned char epsilon[8];  // of the computation's type
  // Backward by packs: for each work-group, its rows' sums of the parameters' gradients, [groups, size] of
  // the computation's type. Or null.
  void* weight_sums;
  void* bias_sums;
};

// Normalization of channels whose statistics `share` neighbouring channels have together: groups of a group
// norm, 1 in a batch norm. Statistics and coefficients are of the computation's type, parameters of their
// own.
struct ChannelNormParams {
  const void* weight;  // or null
  const void* bias;    // or null
  void* running_mean;  // or null
  void* running_variance;
  const void* mean;      // statistics, or forward each channel's own where shared_mean is not null
  const void* variance;  // forward
  void* shared_mean;     // the means of statistics; or null
  void* scale;           // 1 / deviation
  const void* sum;       // backward: of the gradients, and of the gradients times the distance to the mean
  const void* product;
  void* coefficients[4];
  void* weight_gradient;
  void* bias_gradient;
  std::int64_t batch;
  std::int64_t channels;
  std::int64_t share;
  std::int64_t count;                    // elements behind one statistic
  alignas(8) unsigned char momentum[8];  // of the computation's type
  alignas(8) unsigned char epsilon[8];
  bool training;
};

}  // namespace ipex::kernels
