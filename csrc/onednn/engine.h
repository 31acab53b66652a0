#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <oneapi/dnnl/dnnl.hpp>

namespace ipex::onednn {

// The engine of a device; lives as long as the process.
const dnnl::engine& engine(c10::DeviceIndex device);

dnnl::memory::data_type data_type(c10::ScalarType dtype);

// How far the library takes a floating-point dtype on a device.
enum class DtypeSupport {
  none,          // unknown to the library
  weights_only,  // as weights of a float32 matrix product; everything else is to be converted to float32
  converted,     // nothing but conversion to float32
  imitated,      // by instructions of other dtypes, slower than float32: products do better as weights_only
  native,
};
DtypeSupport dtype_support(c10::DeviceIndex device, c10::ScalarType dtype);

// Whether the processor has these instructions, and the library uses them.
bool cpu_has(dnnl::cpu_isa isa);

}  // namespace ipex::onednn
