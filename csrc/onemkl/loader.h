#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

#include "onemkl/library/interface.h"

namespace ipex::onemkl {

// Why oneMKL does not compute with this dtype on this device; null if it does. Loads it.
const char* refusal(const c10::Device& device, c10::ScalarType dtype);

// Only where nothing was refused.
Library& library();

// Loads the library; what went wrong, or nothing.
const std::string& load_error();

}  // namespace ipex::onemkl
