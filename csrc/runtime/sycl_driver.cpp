#include "runtime/sycl_driver.h"

#include <c10/xpu/XPUFunctions.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "runtime/allocator.h"
#include "runtime/block_sizes.h"
#include "runtime/device.h"
#include "runtime/host_memory.h"
#include "runtime/stream.h"

namespace ipex::runtime {
namespace {

std::atomic<std::size_t> allocations{0};

// The operating system promises more memory than there is and ends the process that believes it, so what the
// CPU devices hold is counted here, over all of them, against what the machine has.
class HostBudget {
 public:
  bool reserve(std::size_t bytes) {
    const auto memory = host_memory();
    std::lock_guard lock(mutex_);
    if (bytes > memory.available || reserved_ + bytes > memory.total) return false;
    reserved_ += bytes;
    return true;
  }

  void give_back(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    reserved_ -= bytes;
  }

 private:
  std::mutex mutex_;
  std::size_t reserved_ = 0;
};

HostBudget& host_budget() {
  static auto* budget = new HostBudget;
  return *budget;
}

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// A guarded allocation ends where a page begins that nobody may touch. The memory is the driver's own, so
// that it stays USM; its last page is protected for as long as the allocation lives.
struct Guard {
  std::size_t pages;  // bytes before the protected page

  explicit Guard(std::size_t bytes) : pages(BlockSizes::round_up(bytes, page_size())) {}
  std::size_t total() const { return pages + page_size(); }
  void protect(char* base, int protection) const { mprotect(base + pages, page_size(), protection); }
};

// What the operating system maps as one where it is asked to: fewer page faults and address translations.
constexpr std::size_t huge_page = std::size_t{2} << 20;

void ask_for_huge_pages(char* memory, std::size_t bytes) {
  if (bytes >= huge_page) madvise(memory, bytes, MADV_HUGEPAGE);  // advice: no error to handle
}

// Runs `action`, and `otherwise` when SYCL fails.
template <class Action, class Otherwise>
auto attempt(Action action, Otherwise otherwise) noexcept {
  try {
    return action();
  } catch (const std::exception&) {
    return otherwise();
  }
}

}  // namespace

std::size_t driver_allocations() { return allocations.load(std::memory_order_relaxed); }

SyclDriver::SyclDriver(c10::DeviceIndex device)
    : index_(device),
      device_(c10::xpu::get_raw_device(device)),
      context_(device_context(device)),
      is_cpu_(device_limits(device).is_cpu),
      guarded_(is_cpu_ && BlockSizes::guarded()) {}

void* SyclDriver::allocate(std::size_t bytes) noexcept {
  if (is_cpu_ && !host_budget().reserve(bytes)) return nullptr;
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t alignment = is_cpu_ && bytes >= huge_page ? huge_page : 512;
  const Guard guard(bytes);
  auto* memory = static_cast<char*>(attempt(
      [&] {
        return guarded_ ? sycl::aligned_alloc_device(page_size(), guard.total(), device_, context_)
                        : sycl::aligned_alloc_device(alignment, bytes, device_, context_);
      },
      [] { return static_cast<void*>(nullptr); }));
  if (!memory) {
    if (is_cpu_) host_budget().give_back(bytes);
    return nullptr;
  }
  if (!guarded_) {
    if (is_cpu_) ask_for_huge_pages(memory, bytes);
    return memory;
  }
  guard.protect(memory, PROT_NONE);
  return memory + guard.pages - bytes;
}

void SyclDriver::deallocate(void* memory, std::size_t bytes) noexcept {
  if (is_cpu_) host_budget().give_back(bytes);
  if (guarded_) {
    const Guard guard(bytes);
    auto* base = static_cast<char*>(memory) + bytes - guard.pages;
    guard.protect(base, PROT_READ | PROT_WRITE);
    memory = base;
  }
  attempt([&] { sycl::free(memory, context_); }, [] {});
}

std::optional<sycl::event> SyclDriver::record(Queue& queue) noexcept {
  return attempt(
      [&] {
        settle(index_, queue);
        return std::optional(queue.ext_oneapi_submit_barrier());
      },
      [&] {
        wait(queue);
        return std::optional<sycl::event>();
      });
}

bool SyclDriver::finished(const Event& event) noexcept {
  using sycl::info::event_command_status;
  return attempt(
      [&] {
        return event.get_info<sycl::info::event::command_execution_status>() ==
               event_command_status::complete;
      },
      [] { return true; });
}

void SyclDriver::wait(Event& event) noexcept {
  attempt([&] { event.wait(); }, [] {});
}

// Errors of the work itself stay with the queue, for the next synchronize().
void SyclDriver::wait(Queue& queue) noexcept {
  attempt([&] { queue.wait(); }, [] {});
}

}  // namespace ipex::runtime
