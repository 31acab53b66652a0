#pragma once

// What a kernel needs of SYCL: how it is declared, where it runs, its work-group memory.

// Single headers of SYCL, not <sycl/sycl.hpp>: a kernel compiled on first use is ready in a third of the
// time.
#include <cstddef>
#include <sycl/atomic_ref.hpp>
#include <sycl/ext/oneapi/experimental/work_group_memory.hpp>
#include <sycl/ext/oneapi/free_function_queries.hpp>
#include <sycl/ext/oneapi/kernel_properties/properties.hpp>
#include <sycl/group_algorithm.hpp>
#include <sycl/group_barrier.hpp>
#include <sycl/nd_item.hpp>
#include <sycl/sub_group.hpp>

#include "kernels/core/types.hpp"

#ifdef __SYCL_DEVICE_ONLY__
// Declares a free function as a kernel over a one-dimensional nd_range.
#define IPEX_KERNEL SYCL_EXT_ONEAPI_FUNCTION_PROPERTY((sycl::ext::oneapi::experimental::nd_range_kernel<1>))
// The same with a fixed sub-group size, for kernels whose algorithm depends on it.
#define IPEX_KERNEL_SUB_GROUP(size)                                                        \
  SYCL_EXT_ONEAPI_FUNCTION_PROPERTY((sycl::ext::oneapi::experimental::nd_range_kernel<1>)) \
  SYCL_EXT_ONEAPI_FUNCTION_PROPERTY((sycl::ext::oneapi::experimental::sub_group_size<size>))
#define IPEX_LOCAL __attribute__((opencl_local))
#else
#define IPEX_KERNEL
#define IPEX_KERNEL_SUB_GROUP(size)
#define IPEX_LOCAL
#endif

namespace ipex::kernels {

// Work-group memory; its size in bytes is given at launch. Always the second and last parameter of a kernel.
using LocalMemory = sycl::ext::oneapi::experimental::work_group_memory<char[]>;
static_assert(sizeof(LocalMemory) >
              0);  // the runtime compiler needs the type complete before a kernel names it

// An object of type T in work-group memory: `local<float>* sums = local_pointer<float>(memory);`.
template <class T>
using local = IPEX_LOCAL T;

// `byte_offset` must be a multiple of T's alignment.
template <class T>
inline local<T>* local_pointer(const LocalMemory& memory, std::size_t byte_offset = 0) {
  auto bytes = memory.get_multi_ptr<sycl::access::decorated::yes>().get();
  return reinterpret_cast<local<T>*>(bytes + byte_offset);
}

inline sycl::nd_item<1> this_item() { return sycl::ext::oneapi::this_work_item::get_nd_item<1>(); }

}  // namespace ipex::kernels
