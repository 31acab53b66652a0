#pragma once

#include <sycl/sycl.hpp>
#include <vector>

namespace ipex::onemkl {

// What a routine must wait for: not all of them heed that the queue is in order (potrf of oneMKL 2026.2
// starts at once).
inline std::vector<sycl::event> work_before(sycl::queue queue) { return {queue.ext_oneapi_submit_barrier()}; }

}  // namespace ipex::onemkl
