#pragma once

#include <c10/core/CachingDeviceAllocator.h>

#include <cstddef>

namespace ipex::runtime {

// What torch.xpu.memory_stats reports, kept by events of the allocator: each is counted for its kind of
// segment (small or large) and for both together.
class MemoryStats {
 public:
  using Kind = c10::CachingAllocator::StatType;

  void add_segment(Kind kind, std::size_t bytes) {
    increase(stats_.segment, kind, 1);
    increase(stats_.reserved_bytes, kind, bytes);
    ++stats_.num_device_alloc;
  }
  void remove_segment(Kind kind, std::size_t bytes) {
    decrease(stats_.segment, kind, 1);
    decrease(stats_.reserved_bytes, kind, bytes);
    ++stats_.num_device_free;
  }

  void add_allocation(Kind kind, std::size_t bytes, std::size_t requested) {
    increase(stats_.allocation, kind, 1);
    increase(stats_.allocated_bytes, kind, bytes);
    increase(stats_.requested_bytes, kind, requested);
    increase(stats_.active, kind, 1);
    increase(stats_.active_bytes, kind, bytes);
  }
  // Freed by the program; it is active until no queue uses it.
  void remove_allocation(Kind kind, std::size_t bytes, std::size_t requested) {
    decrease(stats_.allocation, kind, 1);
    decrease(stats_.allocated_bytes, kind, bytes);
    decrease(stats_.requested_bytes, kind, requested);
  }
  void remove_active(Kind kind, std::size_t bytes) {
    decrease(stats_.active, kind, 1);
    decrease(stats_.active_bytes, kind, bytes);
  }

  // Free blocks that are part of a segment in use.
  void add_inactive_split(Kind kind, std::size_t bytes) {
    increase(stats_.inactive_split, kind, 1);
    increase(stats_.inactive_split_bytes, kind, bytes);
  }
  void remove_inactive_split(Kind kind, std::size_t bytes) {
    decrease(stats_.inactive_split, kind, 1);
    decrease(stats_.inactive_split_bytes, kind, bytes);
  }

  void reset_accumulated() {
    for_each([](auto& stat) { stat.reset_accumulated(); });
    stats_.num_alloc_retries = stats_.num_ooms = stats_.num_sync_all_streams = 0;
    stats_.num_device_alloc = stats_.num_device_free = 0;
  }
  void reset_peaks() {
    for_each([](auto& stat) { stat.reset_peak(); });
  }

  std::size_t allocated() const { return static_cast<std::size_t>(stats_.allocated_bytes[0].current); }
  std::size_t reserved() const { return static_cast<std::size_t>(stats_.reserved_bytes[0].current); }

  // The rest is counted in place.
  c10::CachingDeviceAllocator::DeviceStats* operator->() { return &stats_; }
  const c10::CachingDeviceAllocator::DeviceStats& all() const { return stats_; }

 private:
  using StatArray = c10::CachingAllocator::StatArray;

  static void increase(StatArray& stats, Kind kind, std::size_t amount) {
    stats[static_cast<std::size_t>(Kind::AGGREGATE)].increase(amount);
    stats[static_cast<std::size_t>(kind)].increase(amount);
  }
  static void decrease(StatArray& stats, Kind kind, std::size_t amount) {
    stats[static_cast<std::size_t>(Kind::AGGREGATE)].decrease(amount);
    stats[static_cast<std::size_t>(kind)].decrease(amount);
  }

  template <class Change>
  void for_each(Change change) {
    for (auto* array : {&stats_.allocation, &stats_.segment, &stats_.active, &stats_.inactive_split,
                        &stats_.allocated_bytes, &stats_.reserved_bytes, &stats_.active_bytes,
                        &stats_.inactive_split_bytes, &stats_.requested_bytes})
      for (auto& stat : *array) change(stat);
    change(stats_.oversize_allocations);
    change(stats_.oversize_segments);
  }

  c10::CachingDeviceAllocator::DeviceStats stats_;
};

}  // namespace ipex::runtime
