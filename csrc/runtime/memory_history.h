#pragma once

#include <c10/core/CachingDeviceAllocator.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ipex::runtime {

// What a device's allocator did, for torch.xpu.memory._record_memory_history: a ring of entries. Its owner's
// lock guards it, except for gather(), which may take the interpreter's lock and is called without.
class MemoryHistory {
 public:
  using Entry = c10::CachingDeviceAllocator::TraceEntry;
  using Level = c10::CachingDeviceAllocator::RecordContext;
  using Context = std::shared_ptr<c10::GatheredContext>;

  explicit MemoryHistory(c10::DeviceIndex device) : device_(device) {}

  void configure(bool enabled, c10::CachingDeviceAllocator::CreateContextFn recorder, std::size_t max_entries,
                 Level when, bool clear, const std::vector<std::string>& skipped);
  void add_tracker(c10::CachingDeviceAllocator::AllocatorTraceTracker tracker);

  // The caller's stack, if stacks of this level are recorded.
  Context gather(Level level) const {
    const auto recorder = recorder_.load(std::memory_order_relaxed);
    return C10_UNLIKELY(recorder && level_.load(std::memory_order_relaxed) >= level) ? recorder() : nullptr;
  }

  void record(Entry::Action action, const void* address, std::size_t size, const void* stream,
              const Context& context) {
    if (C10_UNLIKELY(active_)) append(action, address, size, stream, context);
  }

  // Oldest first, with times in microseconds since 1970.
  std::vector<Entry> entries() const;

 private:
  void append(Entry::Action action, const void* address, std::size_t size, const void* stream,
              const Context& context);

  const c10::DeviceIndex device_;
  std::atomic<c10::CachingDeviceAllocator::CreateContextFn> recorder_{nullptr};
  std::atomic<Level> level_{Level::NEVER};
  bool active_ = false;  // something listens: the ring or a tracker
  bool enabled_ = false;
  std::size_t max_entries_ = 1;
  std::size_t next_ = 0;  // where the ring goes on once it is full
  std::set<Entry::Action> skipped_;
  std::vector<Entry> ring_;
  std::vector<c10::CachingDeviceAllocator::AllocatorTraceTracker> trackers_;
};

}  // namespace ipex::runtime
