#include <c10/xpu/XPUStream.h>

#include "aten/tensor/copy.h"
#include "runtime/fault.h"
#include "runtime/stream.h"

namespace ipex::aten {

void copy_bytes(c10::Device device, void* destination, const void* source, std::size_t bytes) {
  if (bytes > 0) runtime::current_queue(device.index()).memcpy(destination, source, bytes);
}

void synchronize_current_stream(c10::Device device) {
  c10::xpu::getCurrentXPUStream(device.index()).synchronize();
  runtime::check_faults(device.index());
}

}  // namespace ipex::aten
