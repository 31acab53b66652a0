#pragma once

#include <string_view>

namespace ipex::runtime {

// Which operators may use oneDNN and oneMKL. Of the whole process; starts as IPEX_XPU_LIBRARIES says, else
// automatic.
enum class Libraries {
  automatic,  // where they are faster
  all,        // wherever they serve the device and the dtype
  none,       // operators run on our own kernels, or on the CPU where there are none
};

Libraries libraries();
inline bool libraries_allowed() { return libraries() != Libraries::none; }

const char* libraries_name();
// `choice` is a name of Libraries; throws for anything else.
void set_libraries(std::string_view choice);

}  // namespace ipex::runtime
