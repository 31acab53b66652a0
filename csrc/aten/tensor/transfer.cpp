#include <c10/xpu/XPUStream.h>

#include "aten/fault.h"
#include "aten/tensor/copy.h"
#include "runtime/stream.h"

namespace ipex::aten {

void copy_bytes(c10::Device device, void* destination, const void* source, std::size_t bytes) {
  if (bytes > 0) runtime::current_queue(device.index()).memcpy(destination, source, bytes);
}

void synchronize_current_stream(c10::Device device) {
  c10::xpu::getCurrentXPUStream(device.index()).synchronize();
  check_faults(device);
}

}  // namespace ipex::aten
