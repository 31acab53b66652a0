#pragma once

#include <string_view>

namespace ipex::runtime {

// Whether operators may use oneDNN and oneMKL. Of the whole process; starts as IPEX_XPU_LIBRARIES says (all
// or none), else all. With none library operators run on our own kernels, or on the CPU where there are none.
bool libraries_allowed();
// `choice` is "all" or "none"; throws for anything else.
void set_libraries(std::string_view choice);

}  // namespace ipex::runtime
