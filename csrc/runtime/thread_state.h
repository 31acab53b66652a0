#pragma once

#include <c10/core/Device.h>
#include <c10/core/Stream.h>

#include <array>

#include "runtime/device.h"

namespace ipex::runtime {

// What is current in a thread; one object, so that finding the current queue reads thread-local storage once.
struct ThreadState {
  c10::DeviceIndex device = 0;
  std::array<c10::StreamId, kMaxDevices> streams{};  // 0: the default stream
};

extern constinit thread_local ThreadState this_thread;

}  // namespace ipex::runtime
