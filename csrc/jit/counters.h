#pragma once

#include <atomic>
#include <cstdint>

namespace ipex::jit {

class Counter {
 public:
  void add(std::uint64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  void reset() { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What the kernel library did in this process.
struct Counters {
  Counter compiles;        // source compiled to SPIR-V: seconds
  Counter device_builds;   // SPIR-V made into machine code: tens of milliseconds
  Counter cache_hits;      // files of the disk cache used
  Counter cache_misses;    // files that were not there
  Counter cache_rejects;   // files damaged, refused by the device, or that others could have written
  Counter cache_failures;  // files that could not be written
  Counter launches;
};

Counters& counters();

// visit(name, counter) for each.
template <class Visit>
void for_each_counter(Visit visit) {
  Counters& all = counters();
  visit("compiles", all.compiles);
  visit("device_builds", all.device_builds);
  visit("cache_hits", all.cache_hits);
  visit("cache_misses", all.cache_misses);
  visit("cache_rejects", all.cache_rejects);
  visit("cache_failures", all.cache_failures);
  visit("launches", all.launches);
}

}  // namespace ipex::jit
