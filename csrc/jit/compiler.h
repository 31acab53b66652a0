#pragma once

#include <string>
#include <vector>

#include "jit/source.h"
#include "jit/spirv.h"

namespace sycl {
inline namespace _V1 {
class device;
}
}  // namespace sycl

namespace ipex::jit {

// Compiles instantiations of a source with the SYCL runtime's own compiler; one extracted SPIR-V module for
// each. Throws Error with the compiler's log, which shows the lines at fault; `log` gets it where there is no
// error.
std::vector<Bytes> compile_to_spirv(const sycl::device& device, const Source& source,
                                    const std::vector<std::string>& instantiations,
                                    std::string* log = nullptr);

}  // namespace ipex::jit
