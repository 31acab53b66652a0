#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "jit/source.h"
#include "jit/spirv.h"

namespace sycl {
inline namespace _V1 {
class device;
class queue;
}  // namespace _V1
}  // namespace sycl

namespace ipex::jit {

// A kernel of the library, ready to run on one device. Lives as long as the process.
class Kernel;

// The kernel `instantiation` (C++ text, e.g. "reduce_inner<op::sum, float>") of csrc/kernels/<module>.hpp for
// the device of `queue`. Found in memory, else in the disk cache, else built from the archive, else compiled
// from source. Throws jit::Error. Safe to call from any thread; each kernel is made once.
Kernel& find_kernel(std::string_view module, std::string_view instantiation, const sycl::queue& queue);

// The same for a kernel of the caller's own source, which may include "kernels/...".
Kernel& find_kernel(const Source& source, std::string_view instantiation, const sycl::queue& queue);

// The SPIR-V of kernels of the caller's own source, a module for each: from the disk cache, else compiled
// together; `log` gets what the compiler said if it ran. Throws Error.
std::vector<Bytes> compile(const Source& source, const std::vector<std::string>& instantiations,
                           const sycl::device& device, std::string* log = nullptr);

// What a caller's library brings along: find_kernel() finds the kernels of `source` under the name `module`,
// first in `archive`, which holds them as SPIR-V and lives as long as the process. Throws Error if the name
// is taken by another source.
void register_module(std::string module, Source source, std::span<const std::byte> archive);

struct Range {
  std::size_t groups;      // number of work-groups; 0 launches nothing
  std::size_t group_size;  // work-items in each
};

// Enqueues `kernel` with one parameter struct and, where it takes LocalMemory, `local_bytes` of it (not 0).
// Does not wait. The only place that enqueues a kernel. `moved_bytes`, what the kernel reads and writes in
// device memory, is only for the bandwidth that IPEX_XPU_DEBUG=2 shows. SYCL keeps an event of the launch if
// `with_event`, which costs up to a microsecond: a host task needs it to be ordered behind the kernel.
void launch(sycl::queue& queue, Kernel& kernel, Range range, const void* params, std::size_t params_size,
            std::size_t local_bytes = 0, std::size_t moved_bytes = 0, bool with_event = false);

template <class Params>
requires(!std::is_pointer_v<Params>) void launch(sycl::queue& queue, Kernel& kernel, Range range,
                                                 const Params& params, std::size_t local_bytes = 0,
                                                 std::size_t moved_bytes = 0) {
  static_assert(std::is_trivially_copyable_v<Params>);
  launch(queue, kernel, range, static_cast<const void*>(&params), sizeof(Params), local_bytes, moved_bytes);
}

// Of one, two or three dimensions; the last varies fastest.
struct GroupRange {
  int dimensions;
  std::array<std::size_t, 3> groups;
  std::array<std::size_t, 3> group_size;
};

// One of several arguments of a kernel.
struct Argument {
  enum class Kind { pointer, value, local_memory };
  Kind kind;
  const void* data;  // the pointer, or the bytes of the value
  std::size_t size;  // of the value or of the work-group memory
};

// Enqueues a kernel that takes arguments one by one.
void launch(sycl::queue& queue, Kernel& kernel, const GroupRange& range, std::span<const Argument> arguments,
            bool with_event);

}  // namespace ipex::jit
