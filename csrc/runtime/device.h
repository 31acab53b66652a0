#pragma once

#include <c10/core/Device.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/limits.h"

namespace sycl {
inline namespace _V1 {
class context;
class device;
}  // namespace _V1
}  // namespace sycl

namespace c10::xpu {
struct DeviceProp;
}

namespace ipex::runtime {

// More devices than this are left out.
inline constexpr int kMaxDevices = 64;

using Uuid = std::array<unsigned char, 16>;

// The attributes Python shows, one member for each row of device_props.def.
struct DeviceInfo {
#define DEVICE_PROPERTY(type, name, value) type name;
#include "runtime/device_props.def"
#undef DEVICE_PROPERTY
};

const DeviceInfo& device_info(c10::DeviceIndex device);

// The properties in the form of the stock header.
const c10::xpu::DeviceProp& device_properties(c10::DeviceIndex device);

// One context for all devices of a platform.
sycl::context& device_context(c10::DeviceIndex device);

// Whether the device has the aspect of this name ("fp64", "fp16", "atomic64" …) and IPEX_XPU_DISABLE_ASPECTS
// does not hide it.
bool has_aspect(c10::DeviceIndex device, const std::string& aspect);

// A device, platform or driver that is not used, and why; for the doctor.
struct RejectedDevice {
  std::string name;
  std::string platform;
  std::string reason;
};

const std::vector<RejectedDevice>& rejected_devices();

}  // namespace ipex::runtime
