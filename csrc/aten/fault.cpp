#include "aten/fault.h"

#include <c10/xpu/XPUFunctions.h>

namespace ipex::aten {

kernels::Fault fault_for(const char* name, Problem problem) {
  return {runtime::fault_slot(c10::xpu::current_device(), problem), reinterpret_cast<std::uint64_t>(name)};
}

}  // namespace ipex::aten
