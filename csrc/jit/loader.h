#pragma once

#include <span>
#include <string>
#include <sycl/sycl.hpp>

#include "jit/source.h"

namespace ipex::jit {

// The kernel of an extracted SPIR-V module, as machine code of the device: from the disk cache or built and
// kept there.
sycl::kernel load_spirv(std::span<const std::byte> spirv, const sycl::context& context,
                        const sycl::device& device);

// The same for any backend that takes SPIR-V, without our cache.
sycl::kernel load_spirv_uncached(std::span<const std::byte> spirv, const sycl::context& context,
                                 const sycl::device& device);

// For a backend that takes no SPIR-V: straight from source, by the SYCL runtime.
sycl::kernel load_source(const Source& source, const std::string& instantiation, const sycl::context& context,
                         const sycl::device& device);

}  // namespace ipex::jit
