// What the host hands to kernels that work on lists of tensors.
#pragma once

#include <cstdint>

namespace ipex::kernels {

// Elements of one work-group.
constexpr int foreach_chunk = 2048;

// The tensors of one launch. A tensor is a run of words: its first work-group, its number of elements, then
// slots that hold a pointer or a scalar of up to 8 bytes.
struct TensorTable {
  static constexpr int words = 228;
  static constexpr int slot_offset = 2;

  std::int32_t tensors;
  std::int32_t stride;  // words of a tensor
  std::uint64_t word[words];

  std::uint64_t first_group(int tensor) const { return word[tensor * stride]; }
  std::int64_t numel(int tensor) const { return static_cast<std::int64_t>(word[tensor * stride + 1]); }
  const std::uint64_t* slots(int tensor) const { return word + tensor * stride + slot_offset; }
};

// The table comes to the device within the parameters of a kernel that stores it: no host memory has to
// outlive the launch, and no kernel takes more than the 2048 bytes that every known device grants.
struct StoreTableParams {
  TensorTable* destination;
  TensorTable table;
};

// In device memory: a kernel that looks up its own parameters by an index gives each work-item a copy.
struct TableParams {
  const TensorTable* table;
  std::uint32_t items;  // elements of a work-item: i of w takes i, i + w, …
};

struct UnscaleParams : TableParams {
  const float* inverse_scale;
  float* found_inf;
};

struct UpdateScaleParams {
  float* scale;
  std::int32_t* growth_tracker;
  const float* found_inf;
  float growth_factor;
  float backoff_factor;
  std::int32_t growth_interval;
};

}  // namespace ipex::kernels
