// Launching kernels of .sycl.cpp files from C++ for the host. No SYCL header is needed.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ipex/instantiation.h"

namespace ipex {

// Work-groups and the work-items in each.
struct Range {
  std::int64_t groups;
  std::int64_t group_size;
};

// Enough work-groups of a size that suits the current device for `items` work-items or more. The kernel has
// to compare its index with `items`.
Range range_over(std::int64_t items);

// A kernel that walks along rows as kernels/core/rows.hpp does, and its range for `rows` of them: `name`,
// whose sub-groups share the rows, or on a CPU `name`_by_packs, whose work-items do.
struct RowKernel {
  std::string name;
  Range range;
};
RowKernel row_kernel(const std::string& name, std::int64_t rows);

// The name of a dtype in a kernel's template arguments: "float", "bfloat16", "complex<float>". Throws
// c10::Error for a dtype that kernels do not have.
const char* type_name(c10::ScalarType dtype);

// Enqueues a kernel with its parameter struct, and `local_bytes` of work-group memory where it takes
// LocalMemory, on the current stream of the current device; does not wait. `module` is the name of the
// .sycl.cpp file without its endings, or what it was given when it was built. An instantiation that the build
// was not told of is compiled on first use. Throws std::runtime_error if there is no such kernel or the range
// is too large.
void launch(std::string_view module, const std::string& instantiation, Range range, const void* params,
            std::size_t params_size, std::size_t local_bytes = 0);

template <class Params>
void launch(std::string_view module, const std::string& instantiation, Range range, const Params& params,
            std::size_t local_bytes = 0) {
  static_assert(std::is_trivially_copyable_v<Params> && !std::is_pointer_v<Params>);
  launch(module, instantiation, range, static_cast<const void*>(&params), sizeof(Params), local_bytes);
}

// Makes kernels known while the program is loaded; written by the compiler of .sycl.cpp files. Never throws:
// what is wrong is said by the first launch.
class RegisteredKernels {
 public:
  RegisteredKernels(const char* module, const char* source, const std::vector<std::string>& options,
                    const void* archive, std::size_t archive_size) noexcept;
};

}  // namespace ipex
