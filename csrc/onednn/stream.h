#pragma once

#include <c10/core/Device.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <sycl/sycl.hpp>

namespace ipex::onednn {

// The library's stream over a queue of `device`; lives as long as the process, as work that is enqueued
// refers to it.
const dnnl::stream& stream_over(sycl::queue& queue, c10::DeviceIndex device);

}  // namespace ipex::onednn
