#pragma once

#include <c10/core/Device.h>

#include <cstddef>
#include <utility>

namespace ipex::runtime {

// Bytes free and in all on a device: the driver's figures for a GPU, the machine's (and its cgroup's) for the
// CPU device.
std::pair<std::size_t, std::size_t> memory_info(c10::DeviceIndex device);

// Calls of the driver's allocator since the process began, over all devices. Steady state makes none.
std::size_t driver_allocations();

}  // namespace ipex::runtime
