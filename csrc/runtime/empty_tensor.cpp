#include <ATen/EmptyTensor.h>
#include <ATen/xpu/EmptyTensor.h>
#include <c10/core/DeviceGuard.h>

#include "runtime/device.h"

namespace at::detail {
namespace {

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::XPU);

Device checked_device(std::optional<Device> device) {
  const auto chosen = device.value_or(Device(kXPU));
  TORCH_CHECK(chosen.is_xpu(), "expected an XPU device, but got ", chosen);
  return chosen;
}

void check_options(const char* function, std::optional<Layout> layout, std::optional<bool> pin_memory) {
  TORCH_CHECK(!pin_memory.value_or(false), function, ": only dense CPU tensors can be pinned");
  TORCH_CHECK(layout_or_default(layout) == Layout::Strided, function, ": expected a strided layout, but got ",
              layout_or_default(layout));
}

// Memory for a dtype the device cannot compute with is allowed: it can still be copied and converted on the
// host.
template <class Make>
TensorBase on_device(std::optional<Device> device, Make make) {
  const c10::DeviceGuard guard(checked_device(device));
  return make(c10::GetAllocator(kXPU));
}

}  // namespace

TensorBase empty_xpu(IntArrayRef size, ScalarType dtype, std::optional<Device> device_opt,
                     std::optional<c10::MemoryFormat> memory_format_opt) {
  return on_device(device_opt, [&](auto* allocator) {
    return empty_generic(size, allocator, kKeys, dtype, memory_format_opt);
  });
}

TensorBase empty_xpu(IntArrayRef size, std::optional<ScalarType> dtype_opt, std::optional<Layout> layout_opt,
                     std::optional<Device> device_opt, std::optional<bool> pin_memory_opt,
                     std::optional<c10::MemoryFormat> memory_format_opt) {
  check_options("empty", layout_opt, pin_memory_opt);
  return empty_xpu(size, dtype_or_default(dtype_opt), device_opt, memory_format_opt);
}

TensorBase empty_xpu(IntArrayRef size, const TensorOptions& options) {
  return empty_xpu(size, optTypeMetaToScalarType(options.dtype_opt()), options.layout_opt(),
                   options.device_opt(), options.pinned_memory_opt(), options.memory_format_opt());
}

TensorBase empty_strided_xpu(IntArrayRef size, IntArrayRef stride, ScalarType dtype,
                             std::optional<Device> device_opt) {
  return on_device(device_opt, [&](auto* allocator) {
    return empty_strided_generic(size, stride, allocator, kKeys, dtype);
  });
}

TensorBase empty_strided_xpu(IntArrayRef size, IntArrayRef stride, std::optional<ScalarType> dtype_opt,
                             std::optional<Layout> layout_opt, std::optional<Device> device_opt,
                             std::optional<bool> pin_memory_opt) {
  check_options("empty_strided", layout_opt, pin_memory_opt);
  return empty_strided_xpu(size, stride, dtype_or_default(dtype_opt), device_opt);
}

TensorBase empty_strided_xpu(IntArrayRef size, IntArrayRef stride, const TensorOptions& options) {
  return empty_strided_xpu(size, stride, optTypeMetaToScalarType(options.dtype_opt()), options.layout_opt(),
                           options.device_opt(), options.pinned_memory_opt());
}

}  // namespace at::detail
