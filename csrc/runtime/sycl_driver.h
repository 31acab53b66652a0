#pragma once

#include <c10/core/Device.h>

#include <optional>
#include <sycl/sycl.hpp>

namespace ipex::runtime {

// What the caching allocator asks of one SYCL device. No function throws: the allocator also runs in
// destructors.
class SyclDriver {
 public:
  using Queue = sycl::queue;
  using Event = sycl::event;

  explicit SyclDriver(c10::DeviceIndex device);

  void* allocate(std::size_t bytes) noexcept;
  void deallocate(void* memory, std::size_t bytes) noexcept;

  // No event means that the queue's work is done: it could not be recorded and was waited for.
  std::optional<Event> record(Queue& queue) noexcept;
  bool finished(const Event& event) noexcept;
  void wait(Event& event) noexcept;
  void wait(Queue& queue) noexcept;

 private:
  c10::DeviceIndex index_;
  sycl::device device_;
  sycl::context context_;
  bool is_cpu_;
  bool guarded_;
};

}  // namespace ipex::runtime
