#include <c10/xpu/PeerToPeerAccess.h>
#include <c10/xpu/XPUCachingAllocator.h>
#include <c10/xpu/XPUFunctions.h>

#include <map>
#include <mutex>

namespace c10::xpu {
namespace {

// The answer of the driver for each ordered pair that was asked for. Access is enabled when it is possible.
struct PeerTable {
  std::mutex mutex;
  std::map<std::pair<DeviceIndex, DeviceIndex>, bool> access;
};

PeerTable& peers() {
  static auto* table = new PeerTable;
  return *table;
}

bool enable_access(DeviceIndex from, DeviceIndex to) {
  auto& device = get_raw_device(from);
  const auto& peer = get_raw_device(to);
  if (device == peer) return true;
  if (device.get_platform() != peer.get_platform()) return false;
  using sycl::ext::oneapi::peer_access;
  if (!device.ext_oneapi_can_access_peer(peer, peer_access::access_supported)) return false;
  device.ext_oneapi_enable_peer_access(peer);
  return true;
}

}  // namespace

namespace detail {

void init_p2p_access_cache(DeviceIndex /*num_devices*/) {
  std::lock_guard lock(peers().mutex);
  peers().access.clear();
}

}  // namespace detail

bool get_p2p_access(DeviceIndex dev, DeviceIndex dev_to_access) {
  check_device_index(dev);
  check_device_index(dev_to_access);
  std::lock_guard lock(peers().mutex);
  const std::pair pair{dev, dev_to_access};
  auto found = peers().access.find(pair);
  if (found == peers().access.end())
    found = peers().access.emplace(pair, enable_access(dev, dev_to_access)).first;
  return found->second;
}

void XPUCachingAllocator::enablePeerAccess(DeviceIndex dev, DeviceIndex dev_to_access) {
  TORCH_CHECK(get_p2p_access(dev, dev_to_access), "enablePeerAccess: xpu:", static_cast<int>(dev),
              " cannot access the memory of xpu:", static_cast<int>(dev_to_access));
}

}  // namespace c10::xpu
