#include "aten/launch.h"

#include "jit/library.h"
#include "runtime/stream.h"

namespace ipex::aten {

jit::Kernel& find_kernel(std::string_view module, const std::string& instantiation) {
  return jit::find_kernel(module, instantiation, runtime::current_queue());
}

jit::Kernel& KernelSlot::find(int device, std::string_view module, const std::string& instantiation) {
  auto& kernel = find_kernel(module, instantiation);
  kernels_[device].store(&kernel, std::memory_order_release);
  return kernel;
}

void launch(jit::Kernel& kernel, Range range, const void* params, std::size_t params_size,
            std::size_t local_bytes, std::size_t moved_bytes) {
  jit::launch(runtime::current_queue(), kernel,
              {static_cast<std::size_t>(range.groups), static_cast<std::size_t>(range.group_size)}, params,
              params_size, local_bytes, moved_bytes, runtime::behind_library());
}

}  // namespace ipex::aten
