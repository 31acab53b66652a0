// One launch for many tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <bit>
#include <cstring>
#include <initializer_list>

#include "aten/launch.h"
#include "kernels/foreach_params.hpp"

namespace ipex::aten {

inline std::uint64_t slot_of(const at::Tensor& tensor) {
  return std::bit_cast<std::uint64_t>(tensor.mutable_data_ptr());
}

inline std::int64_t chunk_count(std::int64_t numel) {
  return (numel + kernels::foreach_chunk - 1) / kernels::foreach_chunk;
}

// Collects tensors of `slots` slots in the table that Params begins with, and launches the kernel whenever it
// is full, and at the end.
template <class Params>
class TableLauncher {
 public:
  TableLauncher(jit::Kernel& kernel, int slots, const Params& params = {})
      : kernel_(kernel), params_(params) {
    params_.tensors = 0;
    params_.stride = kernels::TensorTable::slot_offset + slots;
  }

  // `fill(slots)` writes the slots of a tensor of `numel` elements.
  template <class Fill>
  void add(std::int64_t numel, Fill fill) {
    if (numel == 0) return;
    auto* words = params_.word + params_.tensors * params_.stride;
    words[0] = static_cast<std::uint64_t>(groups_);
    words[1] = static_cast<std::uint64_t>(numel);
    fill(words + kernels::TensorTable::slot_offset);
    groups_ += chunk_count(numel);
    ++params_.tensors;
    if ((params_.tensors + 1) * params_.stride > kernels::TensorTable::words) flush();
  }

  void flush() {
    if (params_.tensors == 0) return;
    launch(kernel_, {groups_, kernels::foreach_group_size}, params_);
    params_.tensors = 0;
    groups_ = 0;
  }

 private:
  jit::Kernel& kernel_;
  Params params_;
  std::int64_t groups_ = 0;
};

// In-place operators over lists tell autograd themselves.
inline void bump_versions(at::TensorList tensors) {
  for (const auto& tensor : tensors) tensor.unsafeGetTensorImpl()->bump_version();
}

}  // namespace ipex::aten
