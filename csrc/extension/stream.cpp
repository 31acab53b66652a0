#include "ipex/stream.h"

#include <c10/xpu/XPUStream.h>

#include "runtime/stream.h"

namespace xpu {

sycl::queue& get_queue_from_stream(c10::Stream stream) {
  TORCH_CHECK(stream.device_type() == c10::kXPU, "get_queue_from_stream: expected a stream of an XPU, got ",
              stream);
  return c10::xpu::XPUStream(stream).queue();
}

}  // namespace xpu

namespace ipex {

sycl::queue& current_queue() { return c10::xpu::getCurrentXPUStream().queue(); }

}  // namespace ipex
