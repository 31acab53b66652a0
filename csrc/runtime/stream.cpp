#include "runtime/stream.h"

#include <c10/util/irange.h>

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/device.h"
#include "runtime/fault.h"
#include "runtime/fork_guard.h"
#include "runtime/library_threads.h"
#include "runtime/limits.h"
#include "runtime/thread_state.h"

// Stream ids: 0 is the device's default stream; an id with the lowest bit set is a pooled stream (bits 1-2:
// priority class, the rest: index in its pool); any other id is the address of an external queue.

namespace ipex::runtime {
namespace {

constexpr int kStreamsPerPool = 32;
constexpr int kPriorities = c10::xpu::max_compile_time_stream_priorities;
constexpr int kHighestPriority = -1;

struct PooledStream {
  int priority_class;  // 0 is the highest priority
  int index;
};

c10::StreamId make_id(PooledStream stream) { return stream.index << 3 | stream.priority_class << 1 | 1; }
PooledStream parse_id(c10::StreamId id) { return {static_cast<int>(id >> 1 & 3), static_cast<int>(id >> 3)}; }
bool is_pooled(c10::StreamId id) { return id & 1; }

int class_of(int priority) { return std::clamp(priority - kHighestPriority, 0, kPriorities - 1); }

// Errors of kernels that already ran arrive here, inside wait_and_throw(), and leave it as one exception.
void report_async_errors(const sycl::exception_list& errors) {
  std::string text;
  for (const auto& pointer : errors) {
    try {
      std::rethrow_exception(pointer);
    } catch (const std::exception& error) {
      text += std::string(text.empty() ? "" : "; ") + error.what();
    }
  }
  TORCH_CHECK(text.empty(), "XPU: asynchronous error: ", text);
}

sycl::property_list queue_properties(int priority_class) {
  namespace property = sycl::ext::oneapi::property::queue;
  const auto in_order = sycl::property::queue::in_order();
  switch (priority_class) {
    case 0:
      return {in_order, property::priority_high()};
    case kPriorities - 1:
      return {in_order, property::priority_low()};
    default:
      return {in_order, property::priority_normal()};
  }
}

void trace_creation(const sycl::queue* queue) {
  if (const auto* interpreter = c10::impl::GPUTrace::get_trace(); C10_UNLIKELY(interpreter))
    (*interpreter)->trace_gpu_stream_creation(c10::kXPU, reinterpret_cast<uintptr_t>(queue));
}

// The queues of one device, each made when it is first used and kept for the life of the process.
class DeviceQueues {
 public:
  explicit DeviceQueues(c10::DeviceIndex device) : device_(device) {}

  sycl::queue& default_queue() { return get(default_, queue_properties(class_of(0))); }

  sycl::queue& pooled(PooledStream stream) {
    TORCH_CHECK(stream.priority_class < kPriorities && stream.index < kStreamsPerPool,
                "XPU: a stream id names a pool or index that does not exist");
    return get(pools_[stream.priority_class][stream.index], queue_properties(stream.priority_class));
  }

  // May run commands in any order: only the events that a barrier waits for bind them.
  sycl::queue& profiling_queue() { return get(profiling_, {sycl::property::queue::enable_profiling()}); }

  PooledStream next(int priority_class) {
    const auto index = next_[priority_class].fetch_add(1, std::memory_order_relaxed) % kStreamsPerPool;
    return {priority_class, static_cast<int>(index)};
  }

  void wait_for_all() {
    const auto wait = [](const Slot& slot) {
      if (auto* queue = slot.load(std::memory_order_acquire)) queue->wait_and_throw();
    };
    wait(default_);
    for (const auto& pool : pools_)
      for (const auto& slot : pool) wait(slot);
  }

 private:
  using Slot = std::atomic<sycl::queue*>;

  sycl::queue& get(Slot& slot, const sycl::property_list& properties) {
    if (auto* queue = slot.load(std::memory_order_acquire); C10_LIKELY(queue != nullptr)) return *queue;
    std::lock_guard lock(mutex_);
    if (auto* queue = slot.load(std::memory_order_relaxed)) return *queue;
    auto* queue = checked("making a queue", [&] {
      return new sycl::queue(device_context(device_), c10::xpu::get_raw_device(device_), report_async_errors,
                             properties);
    });
    trace_creation(queue);
    slot.store(queue, std::memory_order_release);
    return *queue;
  }

  const c10::DeviceIndex device_;
  std::mutex mutex_;
  Slot default_{};
  Slot profiling_{};
  std::array<std::array<Slot, kStreamsPerPool>, kPriorities> pools_{};
  std::array<std::atomic<uint32_t>, kPriorities> next_{};
};

std::array<std::atomic<DeviceQueues*>, kMaxDevices> all_queues{};

DeviceQueues& make_queues(c10::DeviceIndex device) {
  static std::mutex mutex;
  c10::xpu::check_device_index(device);
  std::lock_guard lock(mutex);
  auto* made = all_queues[device].load(std::memory_order_relaxed);
  if (!made) all_queues[device].store(made = new DeviceQueues(device), std::memory_order_release);
  return *made;
}

DeviceQueues& queues_of(c10::DeviceIndex device) {
  if (C10_UNLIKELY(in_bad_fork())) check_fork();
  if (device >= 0 && device < kMaxDevices)
    if (auto* made = all_queues[device].load(std::memory_order_acquire); C10_LIKELY(made != nullptr))
      return *made;
  return make_queues(device);
}

sycl::queue& queue_of(c10::DeviceIndex device, c10::StreamId id) {
  auto& queues = queues_of(device);
  if (C10_LIKELY(id == 0)) return queues.default_queue();
  return is_pooled(id) ? queues.pooled(parse_id(id)) : *reinterpret_cast<sycl::queue*>(id);
}

c10::xpu::XPUStream make_stream(c10::DeviceIndex device, c10::StreamId id) {
  using c10::xpu::XPUStream;
  return XPUStream(XPUStream::UNCHECKED,
                   c10::Stream(c10::Stream::UNSAFE, c10::Device(c10::kXPU, device), id));
}

c10::DeviceIndex checked_device(c10::DeviceIndex device) {
  if (device < 0) return c10::xpu::current_device();
  c10::xpu::check_device_index(device);
  return device;
}

// The queue of a CPU device on which tasks of libraries may be pending, and the last of them.
class LibraryWork {
 public:
  void prepare(sycl::queue& queue) {
    if (!pending()) return;
    const std::lock_guard lock(mutex_);
    if (queue_ != queue) return wait();
    if (!kernels_behind_.load(std::memory_order_relaxed) && tasks_ < most_tasks) return;
    task_.wait();
    start_over();
  }
  void add(sycl::queue& queue) {
    const std::lock_guard lock(mutex_);
    task_ = queue.ext_oneapi_get_last_event().value_or(sycl::event());
    queue_ = queue;
    ++tasks_;
    pending_.store(true, std::memory_order_release);
  }
  // Whether a kernel that is about to be enqueued may come behind a task.
  bool before_kernel() {
    if (C10_LIKELY(!pending())) return false;
    kernels_behind_.store(true, std::memory_order_relaxed);
    return true;
  }
  void settle(const sycl::queue& queue) {
    if (C10_LIKELY(!pending())) return;
    const std::lock_guard lock(mutex_);
    if (queue_ == queue) wait();
  }

  bool pending() const { return pending_.load(std::memory_order_acquire); }

 private:
  void wait() {
    if (queue_) queue_->wait();
    queue_.reset();
    start_over();
    pending_.store(false, std::memory_order_release);
  }
  void start_over() {
    tasks_ = 0;
    kernels_behind_.store(false, std::memory_order_relaxed);
  }

  static constexpr int most_tasks = 8;  // SYCL's graph stays short; more were not faster

  std::mutex mutex_;
  std::atomic<bool> pending_{}, kernels_behind_{};
  int tasks_ = 0;  // that were enqueued since the last wait
  std::optional<sycl::queue> queue_;
  sycl::event task_;
};

LibraryWork& library_work(c10::DeviceIndex device) {
  // Never destroyed: the SYCL runtime may be gone when static destructors run.
  static auto* works = new std::array<LibraryWork, kMaxDevices>;
  return works->at(device);
}

}  // namespace

sycl::queue& current_queue() { return current_queue(this_thread.device); }

sycl::queue& current_queue(c10::DeviceIndex device) { return queue_of(device, this_thread.streams[device]); }

bool behind_library() { return library_work(this_thread.device).before_kernel(); }

void settle(c10::DeviceIndex device, sycl::queue& queue) {
  checked("waiting for a library", [&] { library_work(device).settle(queue); });
}

LibraryQueue::LibraryQueue(c10::DeviceIndex device) : device_(device), queue_(current_queue(device)) {
  checked("waiting for a library", [&] { library_work(device).prepare(queue_); });
}

void LibraryQueue::finish() const {
  if (!device_limits(device_).is_cpu) return;
  add_library_threads();
  library_work(device_).add(queue_);
}

sycl::event record_timed_event(c10::xpu::XPUStream stream) {
  auto& queue = stream.queue();
  return checked("recording an event", [&] {
    if (queue.get_device().has(sycl::aspect::ext_oneapi_queue_profiling_tag))
      return sycl::ext::oneapi::experimental::submit_profiling_tag(queue);
    return queues_of(stream.device_index())
        .profiling_queue()
        .ext_oneapi_submit_barrier({queue.ext_oneapi_submit_barrier()});
  });
}

}  // namespace ipex::runtime

namespace c10::xpu {

using namespace ipex::runtime;

sycl::queue& XPUStream::queue() const {
  auto& queue = queue_of(device_index(), id());
  settle(device_index(), queue);
  return queue;
}

int XPUStream::priority() const {
  if (id() == 0) return 0;
  if (is_pooled(id())) return parse_id(id()).priority_class + kHighestPriority;
  namespace property = sycl::ext::oneapi::property::queue;
  const auto& external = queue();
  if (external.has_property<property::priority_high>()) return kHighestPriority;
  return external.has_property<property::priority_low>() ? 1 : 0;
}

XPUStream getStreamFromPool(const int priority, DeviceIndex device) {
  device = checked_device(device);
  auto& queues = queues_of(device);
  const auto stream = queues.next(class_of(priority));
  queues.pooled(stream);
  return make_stream(device, make_id(stream));
}

XPUStream getStreamFromPool(const bool isHighPriority, DeviceIndex device) {
  return getStreamFromPool(isHighPriority ? kHighestPriority : 0, device);
}

XPUStream getStreamFromExternal(sycl::queue* ext_queue, DeviceIndex device_index) {
  TORCH_CHECK(ext_queue, "getStreamFromExternal: expected a queue, but got a null pointer");
  check_device_index(device_index);
  TORCH_CHECK(ext_queue->is_in_order(), "getStreamFromExternal: expected an in-order queue");
  TORCH_CHECK(ext_queue->get_device() == get_raw_device(device_index),
              "getStreamFromExternal: the queue's device is not xpu:", static_cast<int>(device_index));
  TORCH_CHECK(
      ext_queue->get_context() == device_context(device_index),
      "getStreamFromExternal: expected a queue of the context of xpu:", static_cast<int>(device_index),
      ", which is its platform's default context; tensors cannot be used in another one");
  return make_stream(device_index, reinterpret_cast<StreamId>(ext_queue));
}

XPUStream getCurrentXPUStream(DeviceIndex device) {
  if (device < 0) device = current_device();
  queues_of(device);
  return make_stream(device, this_thread.streams[device]);
}

void setCurrentXPUStream(XPUStream stream) {
  queues_of(stream.device_index());
  this_thread.streams[stream.device_index()] = stream.id();
}

std::ostream& operator<<(std::ostream& stream, const XPUStream& s) { return stream << s.unwrap(); }

void syncStreamsOnDevice(DeviceIndex device) {
  device = checked_device(device);
  auto& queues = queues_of(device);
  checked("waiting for a device", [&] { queues.wait_for_all(); });
  if (const auto id = this_thread.streams[device]; id != 0 && !is_pooled(id))
    checked("waiting for a device", [&] { queue_of(device, id).wait_and_throw(); });
  check_faults(device);
}

}  // namespace c10::xpu
