#include <ATen/core/CachingHostAllocator.h>
#include <c10/xpu/XPUEvent.h>

#include "runtime/device.h"
#include "runtime/fork_guard.h"
#include "runtime/stream.h"

// Pinned host memory: PyTorch's caching policy over sycl::malloc_host.

namespace ipex::runtime {
namespace {

using c10::xpu::XPUEvent;
using c10::xpu::XPUStream;
using Block = at::HostBlock<XPUStream>;

// One context for all pinned memory, whichever device is current when it is made and freed.
sycl::context& pinned_context() { return device_context(0); }

struct PinnedMemory final : at::CachingHostAllocatorImpl<XPUStream, XPUEvent> {
  // A forked child must not touch the memory it inherited; a tensor it drops leaves it to the parent.
  void free(void* context) override {
    if (!in_bad_fork()) CachingHostAllocatorImpl::free(context);
  }

 private:
  void allocate_host_memory(size_t size, void** pointer) override {
    check_fork();
    *pointer = checked("allocating pinned memory", [&] { return sycl::malloc_host(size, pinned_context()); });
    TORCH_CHECK(*pointer, "XPU: the driver has no ", size, " bytes of pinned host memory");
  }
  void free_block(Block* block) override {
    checked("freeing pinned memory", [&] { sycl::free(block->ptr_, pinned_context()); });
  }
  void record_stream(std::optional<std::vector<XPUEvent>>& events, XPUStream stream) override {
    events->emplace_back().record(stream);
  }
  bool query_event(XPUEvent& event) override { return event.query(); }
  XPUStream get_current_stream() const override { return c10::xpu::getCurrentXPUStream(); }
  bool stream_is_capturing(XPUStream stream) const override { return stream.is_capturing(); }
};

void free_pinned(void* context);

struct PinnedAllocator final : at::CachingHostAllocatorInterface<PinnedMemory, free_pinned> {};

PinnedAllocator& pinned_allocator() {
  static auto* made = new PinnedAllocator;
  return *made;
}

// Runs in destructors: an error of the driver leaves the memory unused.
void free_pinned(void* context) {
  try {
    pinned_allocator().free(context);
  } catch (const std::exception& error) {
    TORCH_WARN("XPU: pinned memory was not freed: ", error.what());
  }
}

[[maybe_unused]] const bool registered = [] {
  at::setHostAllocator(at::kXPU, &pinned_allocator());
  return true;
}();

}  // namespace
}  // namespace ipex::runtime
