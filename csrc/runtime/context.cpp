#include <ATen/xpu/XPUContext.h>
#include <c10/xpu/PeerToPeerAccess.h>

#include <algorithm>

#include "runtime/device.h"

namespace at::xpu {

DeviceProp* getDeviceProperties(DeviceIndex device) {
  if (device == -1) device = c10::xpu::current_device();
  c10::xpu::check_device_index(device);
  return const_cast<DeviceProp*>(&ipex::runtime::device_properties(device));
}

DeviceProp* getCurrentDeviceProperties() { return getDeviceProperties(c10::xpu::current_device()); }

int32_t getGlobalIdxFromDevice(DeviceIndex device) {
  const auto all = sycl::device::get_devices();
  const auto found = std::find(all.begin(), all.end(), c10::xpu::get_raw_device(device));
  TORCH_CHECK(found != all.end(),
              "getGlobalIdxFromDevice: SYCL no longer lists xpu:", static_cast<int>(device));
  return static_cast<int32_t>(found - all.begin());
}

bool canDeviceAccessPeer(DeviceIndex device, DeviceIndex peer) {
  if (device == -1) device = c10::xpu::current_device();
  c10::xpu::check_device_index(device);
  c10::xpu::check_device_index(peer);
  // As torch.cuda: a device is not its own peer.
  return device != peer && c10::xpu::get_p2p_access(device, peer);
}

}  // namespace at::xpu
