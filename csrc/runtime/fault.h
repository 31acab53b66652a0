// Faults: what kernels find wrong with values, after the operator that launched them has returned.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace ipex::runtime {

enum class Problem { index, target, probability, rate, pivot };

// Where kernels of a device write the address of the name of the operator that met the problem: memory of the
// host. The name must live as long as the process.
std::uint64_t* fault_slot(c10::DeviceIndex device, Problem problem);

// For when the host has waited for work of the device: throws the error for a problem that a kernel met,
// once.
void check_faults(c10::DeviceIndex device);

// Waits for every device with kernels that may report a problem, and throws what was never asked for.
void drain_faults();

}  // namespace ipex::runtime
