// One launch for many tensors.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>

#include <bit>
#include <cstring>
#include <initializer_list>

#include "aten/launch.h"
#include "kernels/foreach_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {

inline std::uint64_t slot_of(const at::Tensor& tensor) {
  return std::bit_cast<std::uint64_t>(tensor.mutable_data_ptr());
}

inline std::int64_t chunk_count(std::int64_t numel) {
  return (numel + kernels::foreach_chunk - 1) / kernels::foreach_chunk;
}

// Collects tensors of `slots` slots in the table of Params, and launches the kernel whenever it is full, and
// at the end.
template <class Params>
class TableLauncher {
 public:
  TableLauncher(jit::Kernel& kernel, int slots, const Params& params = {})
      : kernel_(kernel), params_(params) {
    table_.tensors = 0;
    table_.stride = kernels::TensorTable::slot_offset + slots;
  }

  // `fill(slots)` writes the slots of a tensor of `numel` elements.
  template <class Fill>
  void add(std::int64_t numel, Fill fill) {
    if (numel == 0) return;
    auto* words = table_.word + table_.tensors * table_.stride;
    words[0] = static_cast<std::uint64_t>(groups_);
    words[1] = static_cast<std::uint64_t>(numel);
    fill(words + kernels::TensorTable::slot_offset);
    groups_ += chunk_count(numel);
    ++table_.tensors;
    if ((table_.tensors + 1) * table_.stride > kernels::TensorTable::words) flush();
  }

  void flush() {
    if (table_.tensors == 0) return;
    // Freed on return, which the caching allocator orders after the work enqueued here.
    const auto memory = c10::GetAllocator(c10::kXPU)->allocate(sizeof(kernels::TensorTable));
    auto* stored = static_cast<kernels::TensorTable*>(memory.get());
    launch("foreach", "store_table", {1, 1}, kernels::StoreTableParams{stored, table_});
    params_.table = stored;
    // A thread of a CPU does a whole group, best without a loop in each work-item.
    const std::int64_t group_size = runtime::device_limits().is_cpu ? kernels::foreach_chunk : 256;
    params_.items = static_cast<std::uint32_t>(kernels::foreach_chunk / group_size);
    launch(kernel_, {groups_, group_size}, params_);
    table_.tensors = 0;
    groups_ = 0;
  }

 private:
  jit::Kernel& kernel_;
  kernels::TensorTable table_;
  Params params_;
  std::int64_t groups_ = 0;
};

// In-place operators over lists tell autograd themselves.
inline void bump_versions(at::TensorList tensors) {
  for (const auto& tensor : tensors) tensor.unsafeGetTensorImpl()->bump_version();
}

}  // namespace ipex::aten
