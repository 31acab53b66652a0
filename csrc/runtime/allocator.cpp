#include "runtime/allocator.h"

#include <c10/core/impl/GPUTrace.h>
#include <c10/util/irange.h>
#include <c10/xpu/XPUCachingAllocator.h>

#include <array>
#include <atomic>

#include "runtime/address_table.h"
#include "runtime/block_cache.h"
#include "runtime/device.h"
#include "runtime/fork_guard.h"
#include "runtime/host_memory.h"
#include "runtime/stream.h"
#include "runtime/sycl_driver.h"

namespace ipex::runtime {
namespace {

using c10::CachingAllocator::format_size;
using Cache = BlockCache<SyclDriver>;

std::array<std::atomic<Cache*>, kMaxDevices> caches{};

AddressTable<Cache::Block>& blocks_in_use() {
  static auto* table = new AddressTable<Cache::Block>;
  return *table;
}

Cache& make_cache(c10::DeviceIndex device) {
  static std::mutex mutex;
  check_fork();
  c10::xpu::check_device_index(device);
  std::lock_guard lock(mutex);
  auto* made = caches[device].load(std::memory_order_relaxed);
  if (!made) {
    made = new Cache(device, SyclDriver(device), device_limits(device).memory_bytes);
    caches[device].store(made, std::memory_order_release);
  }
  return *made;
}

Cache& cache_of(c10::DeviceIndex device) {
  if (C10_LIKELY(device >= 0 && device < kMaxDevices))
    if (auto* made = caches[device].load(std::memory_order_acquire); C10_LIKELY(made != nullptr))
      return *made;
  return make_cache(device);
}

void report_change(Cache& cache, void* address, int64_t bytes) {
  if (C10_UNLIKELY(c10::memoryProfilingEnabled())) {
    const auto [allocated, reserved] = cache.totals();
    c10::reportMemoryUsageToProfiler(address, bytes, allocated, reserved,
                                     c10::Device(c10::kXPU, cache.device()));
  }
  if (const auto* interpreter = c10::impl::GPUTrace::get_trace(); C10_UNLIKELY(interpreter)) {
    const auto value = reinterpret_cast<uintptr_t>(address);
    bytes > 0 ? (*interpreter)->trace_gpu_memory_allocation(c10::kXPU, value)
              : (*interpreter)->trace_gpu_memory_deallocation(c10::kXPU, value);
  }
}

[[noreturn]] void throw_out_of_memory(Cache& cache, std::size_t size) {
  const auto device = cache.device();
  const auto [allocated, reserved] = cache.totals();
  const auto [free, total] = memory_info(device);
  const auto largest = static_cast<std::size_t>(device_info(device).max_mem_alloc_size);
  const auto limit = cache.limit();
  c10::reportOutOfMemoryToProfiler(static_cast<int64_t>(size), allocated, reserved,
                                   c10::Device(c10::kXPU, device));
  std::string notes;
  if (limit < device_limits(device).memory_bytes)
    notes += c10::str(" The limit set for this process is ", format_size(limit), ".");
  if (size > largest) notes += c10::str(" One allocation may have at most ", format_size(largest), ".");
  TORCH_CHECK_WITH(OutOfMemoryError, false, "XPU out of memory. Tried to allocate ", format_size(size),
                   ". XPU ", static_cast<int>(device), " has a total capacity of ", format_size(total),
                   " of which ", format_size(free), " is free. Of the reserved memory (",
                   format_size(reserved), ") ", format_size(allocated), " is allocated by PyTorch, and ",
                   format_size(reserved - allocated), " is reserved by PyTorch but unallocated.", notes,
                   " Please use `empty_cache` to release all unoccupied cached memory.");
}

void* allocate_block(std::size_t size) {
  if (size == 0) return nullptr;
  const auto device = c10::xpu::current_device();
  auto& queue = current_queue();
  auto& cache = cache_of(device);
  auto* block = cache.allocate(size, &queue);
  if (C10_UNLIKELY(!block)) throw_out_of_memory(cache, size);
  blocks_in_use().insert(block->address, block);
  report_change(cache, block->address, static_cast<int64_t>(block->size));
  return block->address;
}

// Also runs while a forked child tears down the tensors it inherited: their locks may be held, so they are
// left alone.
void free_block(void* address) {
  if (!address || C10_UNLIKELY(in_bad_fork())) return;
  auto* block = blocks_in_use().remove(address);
  TORCH_CHECK(block, "XPU: freeing ", address, ", which is not an allocation of this allocator");
  auto& cache = *block->pool->owner;
  const auto bytes = static_cast<int64_t>(block->size);
  cache.free(block);
  report_change(cache, address, -bytes);
}

void check_no_pool(c10::MempoolId_t pool) {
  TORCH_CHECK_NOT_IMPLEMENTED(pool == c10::MempoolId_t(0, 0), "XPU memory pools are not implemented");
}

class DeviceAllocator final : public c10::xpu::XPUCachingAllocator::XPUAllocator {
 public:
  void init(c10::DeviceIndex device_count) override {
    for (const auto device : c10::irange(device_count)) cache_of(device);
  }
  bool initialized() override { return caches[0].load(std::memory_order_relaxed) != nullptr; }

  c10::DataPtr allocate(std::size_t size) override {
    auto* data = allocate_block(size);
    return {data, data, &free_block, c10::Device(c10::kXPU, c10::xpu::current_device())};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }
  void* raw_alloc(std::size_t size) override { return allocate_block(size); }
  void raw_delete(void* pointer) override { free_block(pointer); }

  void copy_data(void* destination, const void* source, std::size_t count) const override {
    if (count) checked("copying memory", [&] { current_queue().memcpy(destination, source, count); });
  }

  void emptyCache(c10::MempoolId_t pool) override {
    check_fork();
    check_no_pool(pool);
    for (auto& slot : caches)
      if (auto* cache = slot.load(std::memory_order_acquire)) cache->empty_cache();
  }

  // Memory that came from elsewhere (an external blob) has an owner who looks after it.
  void recordStream(const c10::DataPtr& data, c10::Stream stream) override {
    if (!data.get() || data.get_deleter() != &free_block) return;
    if (auto* block = blocks_in_use().find(data.get()))
      block->pool->owner->record_stream(block, c10::xpu::XPUStream(stream).queue());
  }

  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    return cache_of(device).stats();
  }
  void resetAccumulatedStats(c10::DeviceIndex device) override { cache_of(device).reset_accumulated_stats(); }
  void resetPeakStats(c10::DeviceIndex device) override { cache_of(device).reset_peak_stats(); }
  std::pair<std::size_t, std::size_t> getMemoryInfo(c10::DeviceIndex device) override {
    return memory_info(device);
  }
};

DeviceAllocator& the_allocator() {
  static auto* made = new DeviceAllocator;
  return *made;
}

// The allocator of kXPU for c10; it touches no device before it is used.
[[maybe_unused]] const bool registered = [] {
  c10::SetAllocator(c10::kXPU, &the_allocator());
  c10::xpu::XPUCachingAllocator::allocator.store(&the_allocator());
  return true;
}();

template <class Action>
void for_each_cache(Action action) {
  for (const auto device : c10::irange(c10::xpu::device_count())) action(cache_of(device));
}

}  // namespace

std::pair<std::size_t, std::size_t> memory_info(c10::DeviceIndex device) {
  const auto& limits = device_limits(device);
  if (limits.is_cpu) {
    const auto memory = host_memory();
    return {std::min(memory.available, limits.memory_bytes), limits.memory_bytes};
  }
  auto& raw = c10::xpu::get_raw_device(device);
  if (raw.has(sycl::aspect::ext_intel_free_memory))
    return {raw.get_info<sycl::ext::intel::info::device::free_memory>(), limits.memory_bytes};
  // The driver does not tell: what this process does not hold.
  return {limits.memory_bytes - cache_of(device).totals().second, limits.memory_bytes};
}

}  // namespace ipex::runtime

namespace c10::xpu {

using namespace ipex::runtime;

DeviceIndex get_device_idx_from_pointer(void* ptr) {
  for (const auto device : c10::irange(device_count()))
    if (cache_of(device).owns(ptr)) return device;
  for (const auto device : c10::irange(device_count())) {
    const auto& context = device_context(device);
    if (sycl::get_pointer_type(ptr, context) == sycl::usm::alloc::device &&
        sycl::get_pointer_device(ptr, context) == get_raw_device(device))
      return device;
  }
  TORCH_CHECK(false, "get_device_idx_from_pointer: ", ptr, " does not point to memory of an XPU device");
}

namespace XPUCachingAllocator {

std::atomic<XPUAllocator*> allocator{nullptr};

double getMemoryFraction(DeviceIndex device) {
  check_device_index(device);
  return static_cast<double>(cache_of(device).limit()) /
         static_cast<double>(device_limits(device).memory_bytes);
}

void setMemoryFraction(double fraction, DeviceIndex device) {
  TORCH_CHECK_VALUE(fraction >= 0 && fraction <= 1, "invalid fraction:", fraction,
                    ". Please set within [0, 1].");
  check_device_index(device);
  const auto total = static_cast<double>(device_limits(device).memory_bytes);
  cache_of(device).set_limit(static_cast<std::size_t>(fraction * total));
}

void recordHistory(bool enabled, CachingDeviceAllocator::CreateContextFn context_recorder,
                   size_t alloc_trace_max_entries, CachingDeviceAllocator::RecordContext when,
                   bool clearHistory, const std::vector<std::string>& skip_actions) {
  for_each_cache([&](Cache& cache) {
    cache.configure_history(enabled, context_recorder, alloc_trace_max_entries, when, clearHistory,
                            skip_actions);
  });
}

void attachAllocatorTraceTracker(CachingDeviceAllocator::AllocatorTraceTracker tracker) {
  for_each_cache([&](Cache& cache) { cache.add_tracker(tracker); });
}

SnapshotInfo snapshot(MempoolId_t mempool_id) {
  check_no_pool(mempool_id);
  SnapshotInfo result;
  for_each_cache([&](Cache& cache) {
    auto segments = cache.snapshot();
    std::move(segments.begin(), segments.end(), std::back_inserter(result.segments));
    result.device_traces.push_back(cache.history());
  });
  result.config_metadata = {.expandable_segments = false,
                            .last_allocator_settings = CachingAllocator::getAllocatorSettings()};
  return result;
}

}  // namespace XPUCachingAllocator
}  // namespace c10::xpu
