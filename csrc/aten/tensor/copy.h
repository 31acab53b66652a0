#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstddef>

#include "aten/elements.h"

namespace ipex::aten {

// Moves bytes on the current stream of `device`. Asynchronous; host memory must be pinned or outlive the
// stream's work.
void copy_bytes(c10::Device device, void* destination, const void* source, std::size_t bytes);

void synchronize_current_stream(c10::Device device);

// destination <- source on one device, with any strides and dtypes; conjugate and negative bits are ignored.
void copy_on_device(const at::Tensor& destination, const at::Tensor& source);

// The same for two operands, destination and source, of these dtypes.
void copy_elements(const Elements& elements, c10::ScalarType to, c10::ScalarType from, int device);

}  // namespace ipex::aten
