#include "runtime/memory_history.h"

#include <algorithm>

namespace ipex::runtime {

void MemoryHistory::configure(bool enabled, c10::CachingDeviceAllocator::CreateContextFn recorder,
                              std::size_t max_entries, Level when, bool clear,
                              const std::vector<std::string>& skipped) {
  TORCH_CHECK(when == Level::NEVER || recorder,
              "recordHistory: recording stacks needs a function that takes them");
  skipped_.clear();
  for (const auto& name : skipped) skipped_.insert(c10::CachingDeviceAllocator::parseTraceEntryAction(name));
  enabled_ = enabled;
  active_ = enabled || !trackers_.empty();
  recorder_ = enabled ? recorder : nullptr;
  level_ = enabled ? when : Level::NEVER;
  // Keep what is there in order, newest last, when the length of the ring changes.
  std::rotate(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(next_), ring_.end());
  next_ = 0;
  max_entries_ = std::max<std::size_t>(1, max_entries);
  if (clear)
    ring_.clear();
  else if (ring_.size() > max_entries_)
    ring_.erase(ring_.begin(), ring_.end() - static_cast<std::ptrdiff_t>(max_entries_));
}

void MemoryHistory::add_tracker(c10::CachingDeviceAllocator::AllocatorTraceTracker tracker) {
  trackers_.push_back(std::move(tracker));
  active_ = true;
}

void MemoryHistory::append(Entry::Action action, const void* address, std::size_t size, const void* stream,
                           const Context& context) {
  const bool keeps_stack = level_.load(std::memory_order_relaxed) >= Level::ALLOC;
  Entry entry(action, device_, reinterpret_cast<std::size_t>(address), size, const_cast<void*>(stream),
              {0, 0}, c10::getApproximateTime(), keeps_stack ? context : nullptr);
  for (const auto& tracker : trackers_) tracker(entry);
  if (!enabled_ || skipped_.contains(action)) return;
  if (ring_.size() < max_entries_) {
    ring_.push_back(std::move(entry));
  } else {
    ring_[next_] = std::move(entry);
    next_ = (next_ + 1) % max_entries_;
  }
}

std::vector<MemoryHistory::Entry> MemoryHistory::entries() const {
  std::vector<Entry> result(ring_.begin() + static_cast<std::ptrdiff_t>(next_), ring_.end());
  result.insert(result.end(), ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(next_));
  if (result.empty()) return result;
  const auto to_nanoseconds = c10::ApproximateClockToUnixTimeConverter().makeConverter();
  for (auto& entry : result) entry.time_.t_ = to_nanoseconds(entry.time_.approx_t_) / 1000;
  return result;
}

}  // namespace ipex::runtime
