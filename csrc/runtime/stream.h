#pragma once

#include <c10/xpu/XPUStream.h>

#include <string>

#include "ipex/checked.h"

namespace ipex::runtime {

using ipex::checked;

// The queue of a device's current stream, or of the current device's, for code that enqueues kernels and
// copies: one thread-local read and one table look-up.
sycl::queue& current_queue();
sycl::queue& current_queue(c10::DeviceIndex device);

// The queue of a device's current stream, for a library to enqueue on; finish() says that it did.
//
// On a CPU libraries run host tasks. Behind one SYCL gives nothing to the driver but keeps a graph, which a
// thread of its own hands over when the task ends:
// - With kernels between tasks it walks through the whole graph as each task ends, and enqueuing takes longer
//   than the work. So the constructor waits for the task before if kernels were enqueued behind it.
// - A kernel without an event that is enqueued as a task ends leaves no trace in SYCL's queue, and the next
//   task does not wait for it. So kernels have events where behind_library().
// - An event of a command that the other thread hands over just then may say that it is complete. So settle()
//   comes before anything that makes events.
class LibraryQueue {
 public:
  explicit LibraryQueue(c10::DeviceIndex device);
  sycl::queue& get() const { return queue_; }
  void finish() const;

 private:
  c10::DeviceIndex device_;
  sycl::queue& queue_;
};

// For a kernel that is about to be enqueued on the current device: whether a library's task may be pending.
bool behind_library();

// Waits for the queue's work if a library's may be pending. XPUStream::queue(), from which PyTorch's headers
// and extensions record events, does so.
void settle(c10::DeviceIndex device, sycl::queue& queue);

// An event of `stream` whose command_end is a time stamp. The queues themselves do not profile: that would
// cost every launch a time stamp, so a separate profiling queue takes it once the stream's work so far is
// done.
sycl::event record_timed_event(c10::xpu::XPUStream stream);

}  // namespace ipex::runtime
