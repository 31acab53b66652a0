// The SYCL side of PyTorch's streams and memory.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Stream.h>

#include <sycl/sycl.hpp>

#include "ipex/checked.h"

namespace xpu {

// The in-order queue of an XPU stream; it lives as long as the process. Throws c10::Error for a stream of
// another device. c10::xpu::getCurrentXPUStream().queue() is the same for the current one.
sycl::queue& get_queue_from_stream(c10::Stream stream);

}  // namespace xpu

namespace ipex {

// The queue of the current device's current stream.
sycl::queue& current_queue();

// Memory of the current device from PyTorch's caching allocator, for work on the current stream. The memory
// is freed with the pointer; work that is enqueued by then on that stream may still use it.
inline c10::DataPtr allocate(std::size_t bytes) { return c10::GetAllocator(c10::kXPU)->allocate(bytes); }

}  // namespace ipex
