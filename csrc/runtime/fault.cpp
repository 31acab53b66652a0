#include "runtime/fault.h"

#include <ATen/core/CachingHostAllocator.h>
#include <c10/util/irange.h>
#include <c10/xpu/XPUStream.h>

#include <array>
#include <atomic>
#include <mutex>

#include "runtime/device.h"

namespace ipex::runtime {
namespace {

struct Description {
  bool is_index;  // an IndexError, else a RuntimeError
  const char* text;
};

// By Problem.
constexpr std::array descriptions{
    Description{true, "index out of range"},
    Description{true, "target is out of bounds"},
    Description{false, "all probabilities should be between 0 and 1"},
    Description{false, "invalid Poisson rate, expected rate to be non-negative"},
    Description{false, "pivots must be between 1 and the number of rows"},
};

struct Slots {
  std::once_flag made;
  std::atomic<std::uint64_t*> address{nullptr};  // one for each problem
};

std::array<Slots, kMaxDevices> all_slots;

}  // namespace

// Pinned, so that the device writes it and the host reads it; kept for the life of the process.
std::uint64_t* fault_slot(c10::DeviceIndex device, Problem problem) {
  auto& slots = all_slots.at(device);
  std::call_once(slots.made, [&] {
    const auto bytes = descriptions.size() * sizeof(std::uint64_t);
    const auto* memory = new c10::DataPtr(at::getHostAllocator(at::kXPU)->allocate(bytes));
    auto* address = static_cast<std::uint64_t*>(memory->get());
    std::fill_n(address, descriptions.size(), 0);
    slots.address = address;
  });
  return slots.address.load(std::memory_order_relaxed) + static_cast<int>(problem);
}

void check_faults(c10::DeviceIndex device) {
  auto* slots = all_slots.at(device).address.load(std::memory_order_acquire);
  if (slots == nullptr) return;
  for (const auto& [is_index, text] : descriptions) {
    const std::atomic_ref slot(*slots++);
    if (C10_LIKELY(slot.load(std::memory_order_relaxed) == 0)) continue;
    const auto* name = reinterpret_cast<const char*>(slot.exchange(0));
    if (name == nullptr) continue;  // another thread tells of it
    const auto message =
        c10::str(name, ": ", text, " on ", c10::Device(c10::kXPU, device),
                 " (found while the device ran asynchronously: the operator was called earlier)");
    TORCH_CHECK_INDEX(!is_index, message);
    TORCH_CHECK(false, message);
  }
}

void drain_faults() {
  for (const auto device : c10::irange(kMaxDevices)) {
    if (all_slots[device].address.load() != nullptr) c10::xpu::syncStreamsOnDevice(device);
  }
}

}  // namespace ipex::runtime
