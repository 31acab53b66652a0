#include "aten/fault.h"

#include <ATen/core/CachingHostAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <array>
#include <atomic>
#include <mutex>

#include "aten/launch.h"

namespace ipex::aten {
namespace {

struct Slot {
  std::once_flag made;
  std::atomic<std::uint64_t*> address{nullptr};
};

std::array<Slot, KernelSlot::max_devices> slots;

// Pinned memory, so that the device writes it and the host reads it; kept for the life of the process.
std::uint64_t* slot_of(int device) {
  auto& slot = slots.at(device);
  std::call_once(slot.made, [&] {
    const auto* memory = new c10::DataPtr(at::getHostAllocator(at::kXPU)->allocate(sizeof(std::uint64_t)));
    auto* address = static_cast<std::uint64_t*>(memory->get());
    *address = 0;
    slot.address = address;
  });
  return slot.address;
}

}  // namespace

kernels::Fault fault_for(const char* name) {
  const auto device = c10::impl::VirtualGuardImpl(at::kXPU).getDevice();
  return {slot_of(device.index()), reinterpret_cast<std::uint64_t>(name)};
}

void check_faults(c10::Device device) {
  auto* slot = slots.at(device.index()).address.load();
  if (slot == nullptr) return;
  const auto name = std::atomic_ref(*slot).exchange(0);
  TORCH_CHECK_INDEX(name == 0, reinterpret_cast<const char*>(name), ": index out of range on ", device,
                    " (found while the device ran asynchronously: the operator was called earlier)");
}

}  // namespace ipex::aten
