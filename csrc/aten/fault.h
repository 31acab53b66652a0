// Faults that kernels report after the operator that launched them has returned.
#pragma once

#include <c10/core/Device.h>

#include "kernels/core/fault.hpp"

namespace ipex::aten {

// For the parameters of a kernel on the current device; `name` must live as long as the process.
kernels::Fault fault_for(const char* name);

// Called when the host has waited for the device: throws IndexError if a kernel met an index out of range.
void check_faults(c10::Device device);

}  // namespace ipex::aten
