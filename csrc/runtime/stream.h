#pragma once

#include <c10/xpu/XPUStream.h>

#include <string>

namespace ipex::runtime {

// The current stream's queue, for code that enqueues: one thread-local read and one table look-up.
sycl::queue& current_queue();

// The queue of a device's current stream, for a library to enqueue on; finish() says that it did. On a CPU
// libraries run host tasks, and behind those SYCL keeps a graph of all that the queue is given, which it
// walks through as each of them ends: with several pending, enqueuing takes longer than the work. So there
// only one is.
class LibraryQueue {
 public:
  explicit LibraryQueue(c10::DeviceIndex device);
  sycl::queue& get() const { return queue_; }
  void finish() const;

 private:
  c10::DeviceIndex device_;
  sycl::queue& queue_;
};

// An event of `stream` whose command_end is a time stamp. The queues themselves do not profile: that would
// cost every launch a time stamp, so a separate profiling queue takes it once the stream's work so far is
// done.
sycl::event record_timed_event(c10::xpu::XPUStream stream);

// Runs `action`; a SYCL exception becomes a RuntimeError that names what was being done.
template <class Action>
auto checked(const char* doing, Action action) {
  try {
    return action();
  } catch (const sycl::exception& error) {
    TORCH_CHECK(false, "XPU: ", doing, " failed: ", error.what());
  }
}

}  // namespace ipex::runtime
