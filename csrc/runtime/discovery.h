#pragma once

#include <sycl/sycl.hpp>
#include <vector>

#include "runtime/device.h"

namespace ipex::runtime {

struct Discovery {
  std::vector<sycl::device> devices;  // GPUs, discrete ones first; else the CPU
  std::vector<RejectedDevice> rejected;
};

// Looks at every device SYCL lists (ONEAPI_DEVICE_SELECTOR has narrowed that list). Never throws: a driver
// that fails is an entry of `rejected`.
Discovery discover_devices();

std::string type_name(const sycl::device& device);
std::string backend_name(const sycl::device& device);
bool is_integrated(const sycl::device& device);

}  // namespace ipex::runtime
