// The device as C++ extensions see it: PyTorch's headers, our library.
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/xpu/XPUCachingAllocator.h>
#include <c10/xpu/XPUStream.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

template <class Action>
void require_error(Action action, const std::string& words) {
  try {
    action();
  } catch (const c10::Error& error) {
    require(std::string(error.what()).find(words) != std::string::npos, error.what());
    return;
  }
  require(false, ("no error with the words: " + words).c_str());
}

void errors_of_the_queue_arrive_when_it_is_waited_for() {
  const auto stream = c10::xpu::getCurrentXPUStream();
  const auto fail = [&] {
    stream.queue().submit([](sycl::handler& handler) {
      handler.host_task([] { throw std::runtime_error("the task failed"); });
    });
  };
  fail();
  require_error([] { c10::xpu::syncStreamsOnDevice(); }, "the task failed");
  fail();
  require_error([&] { c10::impl::VirtualGuardImpl(c10::kXPU).synchronizeStream(stream.unwrap()); },
                "the task failed");
  stream.synchronize();
}

void external_queues_are_checked_and_used() {
  using sycl::property::queue::in_order;
  const auto previous = c10::xpu::getCurrentXPUStream();
  auto& own = previous.queue();
  const auto device = own.get_device();
  sycl::queue good(own.get_context(), device, sycl::property_list{in_order()});
  const auto stream = c10::xpu::getStreamFromExternal(&good, 0);
  require(&stream.queue() == &good && stream.priority() == 0, "the queue itself is the stream");
  c10::xpu::setCurrentXPUStream(stream);
  require(c10::xpu::getCurrentXPUStream() == stream, "it can be the current stream");
  {
    auto memory = c10::GetAllocator(c10::kXPU)->allocate(4096);
    good.memset(memory.get(), 1, 4096);
    c10::xpu::syncStreamsOnDevice(0);
    require(stream.query(), "synchronizing the device waits for it");
  }
  c10::xpu::setCurrentXPUStream(previous);
  c10::xpu::XPUCachingAllocator::emptyCache();

  sycl::queue unordered(own.get_context(), device);
  require_error([&] { c10::xpu::getStreamFromExternal(&unordered, 0); }, "expected an in-order queue");
  sycl::queue elsewhere(sycl::context(device), device, sycl::property_list{in_order()});
  require_error([&] { c10::xpu::getStreamFromExternal(&elsewhere, 0); }, "expected a queue of the context");
  require_error([&] { c10::xpu::getStreamFromExternal(nullptr, 0); }, "null pointer");
}

void pointers_know_their_device() {
  auto memory = c10::GetAllocator(c10::kXPU)->allocate(1000);
  require(c10::xpu::get_device_idx_from_pointer(static_cast<char*>(memory.get()) + 999) == 0,
          "inside a block");
  auto& queue = c10::xpu::getCurrentXPUStream().queue();
  auto* foreign = sycl::malloc_device(64, queue);
  require(c10::xpu::get_device_idx_from_pointer(foreign) == 0, "memory not from the allocator");
  sycl::free(foreign, queue);
  require_error([&] { c10::xpu::get_device_idx_from_pointer(&queue); },
                "does not point to memory of an XPU device");
}

void raw_memory_goes_back() {
  using namespace c10::xpu::XPUCachingAllocator;
  const auto allocated = [] { return getDeviceStats(0).allocated_bytes[0].current; };
  const auto before = allocated();
  void* memory = raw_alloc(1000);
  require(memory && allocated() == before + 1024, "allocated");
  raw_delete(memory);
  require(allocated() == before, "freed");
  require_error([&] { raw_delete(&memory); }, "not an allocation of this allocator");
}

}  // namespace

int main() {
  errors_of_the_queue_arrive_when_it_is_waited_for();
  external_queues_are_checked_and_used();
  pointers_know_their_device();
  raw_memory_goes_back();
  std::puts("all passed");
}
