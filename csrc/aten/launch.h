// Launching kernels from operators, without SYCL in sight.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "aten/dtypes.h"
#include "ipex/instantiation.h"

namespace ipex::jit {
class Kernel;
}

namespace ipex::aten {

using ipex::instantiation;

// A kernel remembered by its call site, for each device: makes a launch free of string work after the first.
class KernelSlot {
 public:
  static constexpr int max_devices = 16;

  // The kernel for the current device, or null before `find` was called for it.
  jit::Kernel* get(int device) const { return kernels_[device].load(std::memory_order_acquire); }
  jit::Kernel& find(int device, std::string_view module, const std::string& instantiation);

 private:
  std::array<std::atomic<jit::Kernel*>, max_devices> kernels_{};
};

struct Range {
  std::int64_t groups;
  std::int64_t group_size;
};

// Enqueues on the current stream of the current device. `moved_bytes`, what the kernel reads and writes, is
// shown as bandwidth by IPEX_XPU_DEBUG=2.
void launch(jit::Kernel& kernel, Range range, const void* params, std::size_t params_size,
            std::size_t local_bytes = 0, std::size_t moved_bytes = 0);

template <class Params>
void launch(jit::Kernel& kernel, Range range, const Params& params, std::size_t local_bytes = 0,
            std::size_t moved_bytes = 0) {
  static_assert(std::is_trivially_copyable_v<Params>);
  launch(kernel, range, &params, sizeof(Params), local_bytes, moved_bytes);
}

// Finds by name (about 0.2 µs) and enqueues; for kernels that work for much longer than that.
jit::Kernel& find_kernel(std::string_view module, const std::string& instantiation);

template <class Params>
void launch(std::string_view module, const std::string& instantiation, Range range, const Params& params,
            std::size_t local_bytes = 0, std::size_t moved_bytes = 0) {
  if (range.groups > 0) launch(find_kernel(module, instantiation), range, params, local_bytes, moved_bytes);
}

}  // namespace ipex::aten
