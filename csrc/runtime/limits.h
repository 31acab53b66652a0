#pragma once

#include <c10/core/Device.h>

#include <cstddef>

namespace ipex::runtime {

// What operator code asks of a device when it chooses a kernel and its shape. No SYCL header is needed to
// read it.
struct DeviceLimits {
  int compute_units;
  int max_sub_group_size;
  int vector_bytes;  // of the registers a work-item computes vectors with
  std::size_t max_group_size;
  std::size_t local_memory_bytes;
  std::size_t cache_bytes;
  std::size_t memory_bytes;
  bool is_cpu;
  bool fp16;
  bool fp64;
  bool host_accessible;  // the host may read and write this device's memory through the same pointer
};

// Of `device`, or of the current device. Valid as long as the process lives.
const DeviceLimits& device_limits(c10::DeviceIndex device = -1);

// False for GPUs, and for the CPU device when IPEX_XPU_HOST_ACCESS=0 makes it stand in for one.
inline bool host_accessible(c10::DeviceIndex device = -1) { return device_limits(device).host_accessible; }

}  // namespace ipex::runtime
