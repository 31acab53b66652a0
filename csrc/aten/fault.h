// How operators let their kernels report values that they cannot use.
#pragma once

#include "kernels/core/fault.hpp"
#include "runtime/fault.h"

namespace ipex::aten {

using runtime::Problem;

// For the parameters of a kernel on the current device; `name` must live as long as the process.
kernels::Fault fault_for(const char* name, Problem problem = Problem::index);

}  // namespace ipex::aten
