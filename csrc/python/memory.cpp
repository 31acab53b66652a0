#include <c10/xpu/XPUCachingAllocator.h>

#include "python/bindings.h"
#include "runtime/allocator.h"

namespace py = pybind11;

namespace ipex::python {
namespace {

using c10::CachingAllocator::Stat;
using c10::CachingAllocator::StatArray;
using c10::CachingAllocator::StatType;
namespace allocator = c10::xpu::XPUCachingAllocator;

py::dict to_dict(const Stat& stat) {
  py::dict dict;
  dict["current"] = stat.current;
  dict["peak"] = stat.peak;
  dict["allocated"] = stat.allocated;
  dict["freed"] = stat.freed;
  return dict;
}

py::dict to_dict(const StatArray& stats) {
  py::dict dict;
  dict["all"] = to_dict(stats[static_cast<size_t>(StatType::AGGREGATE)]);
  dict["small_pool"] = to_dict(stats[static_cast<size_t>(StatType::SMALL_POOL)]);
  dict["large_pool"] = to_dict(stats[static_cast<size_t>(StatType::LARGE_POOL)]);
  return dict;
}

py::dict memory_stats(c10::DeviceIndex device) {
  c10::xpu::check_device_index(device);
  const auto stats = allocator::getDeviceStats(device);
  py::dict dict;
  dict["num_alloc_retries"] = stats.num_alloc_retries;
  dict["num_ooms"] = stats.num_ooms;
  dict["max_split_size"] = stats.max_split_size;
  dict["num_sync_all_streams"] = stats.num_sync_all_streams;
  dict["num_device_alloc"] = stats.num_device_alloc;
  dict["num_device_free"] = stats.num_device_free;
  dict["allocation"] = to_dict(stats.allocation);
  dict["segment"] = to_dict(stats.segment);
  dict["active"] = to_dict(stats.active);
  dict["inactive_split"] = to_dict(stats.inactive_split);
  dict["allocated_bytes"] = to_dict(stats.allocated_bytes);
  dict["reserved_bytes"] = to_dict(stats.reserved_bytes);
  dict["active_bytes"] = to_dict(stats.active_bytes);
  dict["inactive_split_bytes"] = to_dict(stats.inactive_split_bytes);
  dict["requested_bytes"] = to_dict(stats.requested_bytes);
  dict["oversize_allocations"] = to_dict(stats.oversize_allocations);
  dict["oversize_segments"] = to_dict(stats.oversize_segments);
  return dict;
}

}  // namespace

void bind_memory(py::module_& module) {
  bind(module, "_xpu_memoryStats", memory_stats);
  bind(module, "_xpu_resetPeakMemoryStats", [](c10::DeviceIndex device) {
    c10::xpu::check_device_index(device);
    allocator::resetPeakStats(device);
  });
  bind(module, "_xpu_resetAccumulatedMemoryStats", [](c10::DeviceIndex device) {
    c10::xpu::check_device_index(device);
    allocator::resetAccumulatedStats(device);
  });
  bind(module, "_xpu_getMemoryInfo", [](c10::DeviceIndex device) {
    c10::xpu::check_device_index(device);
    return runtime::memory_info(device);
  });
  bind(module, "_xpu_getMemoryFraction", [](c10::DeviceIndex device) {
    c10::xpu::check_device_index(device);
    return allocator::getMemoryFraction(device);
  });
  bind(module, "_xpu_setMemoryFraction", [](double fraction, c10::DeviceIndex device) {
    c10::xpu::check_device_index(device);
    allocator::setMemoryFraction(fraction, device);
  });
  bind_waiting(module, "_xpu_emptyCache", [] { allocator::emptyCache(); });
  bind(module, "driver_allocations", [] { return runtime::driver_allocations(); });
}

}  // namespace ipex::python
