#include "runtime/hooks.h"

#include <ATen/Context.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/xpu/detail/XPUHooks.h>
#include <ATen/xpu/XPUContext.h>
#include <ATen/xpu/XPUDevice.h>
#include <ATen/xpu/XPUGeneratorImpl.h>
#include <c10/xpu/PeerToPeerAccess.h>
#include <c10/xpu/XPUCachingAllocator.h>
#include <c10/xpu/XPUFunctions.h>

#include <sstream>

#include "runtime/device.h"
#include "runtime/fork_guard.h"

namespace at::xpu::detail {

void XPUHooks::init() const {
  ipex::runtime::check_fork();
  const auto count = c10::xpu::device_count_ensure_non_zero();
  c10::xpu::XPUCachingAllocator::init(count);
  c10::xpu::detail::init_p2p_access_cache(count);
}

// As a build of PyTorch with XPU: true without looking for a device, so that asking does not start a driver.
bool XPUHooks::hasXPU() const { return true; }

bool XPUHooks::isAvailable() const { return c10::xpu::device_count() > 0; }

std::string XPUHooks::showConfig() const {
  std::ostringstream text;
  text << "XPU backend (SYCL runtime)";
  for (const auto i : c10::irange(c10::xpu::device_count())) {
    const auto& info = ipex::runtime::device_info(i);
    text << "\n  xpu:" << static_cast<int>(i) << ": " << info.name << ", " << info.platform_name
         << ", driver " << info.driver_version;
  }
  return text.str();
}

int32_t XPUHooks::getGlobalIdxFromDevice(const Device& device) const {
  TORCH_CHECK(device.is_xpu(), "Only the XPU device type is expected, but got ", device);
  return at::xpu::getGlobalIdxFromDevice(device.has_index() ? device.index() : c10::xpu::current_device());
}

const Generator& XPUHooks::getDefaultGenerator(DeviceIndex device_index) const {
  return getDefaultXPUGenerator(device_index);
}

Generator XPUHooks::getNewGenerator(DeviceIndex device_index) const {
  return createXPUGenerator(device_index);
}

Device XPUHooks::getDeviceFromPtr(void* data) const { return at::xpu::getDeviceFromPtr(data); }

DeviceIndex XPUHooks::getNumGPUs() const { return c10::xpu::device_count(); }

DeviceIndex XPUHooks::deviceCount() const { return c10::xpu::device_count(); }

DeviceIndex XPUHooks::current_device() const { return c10::xpu::current_device(); }

DeviceIndex XPUHooks::getCurrentDevice() const { return c10::xpu::current_device(); }

void XPUHooks::deviceSynchronize(DeviceIndex device_index) const {
  c10::xpu::syncStreamsOnDevice(device_index);
}

Allocator* XPUHooks::getPinnedMemoryAllocator() const { return at::getHostAllocator(at::kXPU); }

bool XPUHooks::isPinnedPtr(const void* data) const {
  // Before a driver was started there is no pinned memory; asking must not start one.
  if (!ipex::runtime::started() || ipex::runtime::in_bad_fork() || !isAvailable()) return false;
  return sycl::get_pointer_type(data, ipex::runtime::device_context(0)) == sycl::usm::alloc::host;
}

bool XPUHooks::hasPrimaryContext(DeviceIndex device_index) const {
  return ipex::runtime::started() && device_index >= 0 && device_index < c10::xpu::device_count();
}

const at::xpu::LevelZero& XPUHooks::level_zero() const {
  TORCH_CHECK_NOT_IMPLEMENTED(false,
                              "The Level Zero functions of PyTorch are not offered by this XPU runtime");
}

}  // namespace at::xpu::detail

namespace at {
// The registry knows the hooks by the bare name of their class.
using at::xpu::detail::XPUHooks;
REGISTER_XPU_HOOKS(XPUHooks);
}  // namespace at

namespace ipex::runtime {

bool hooks_installed() { return at::detail::getXPUHooks().hasXPU(); }

}  // namespace ipex::runtime
