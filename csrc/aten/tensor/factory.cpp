// Making tensors and giving them other storage.
#include <ATen/EmptyTensor.h>
#include <ATen/Functions.h>
#include <ATen/native/Resize.h>
#include <ATen/native/TensorFactories.h>
#include <ATen/ops/_efficientzerotensor_native.h>
#include <ATen/ops/_local_scalar_dense_native.h>
#include <ATen/ops/empty_native.h>
#include <ATen/ops/empty_strided_native.h>
#include <ATen/ops/record_stream_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/TensorUtils.h>
#include <ATen/xpu/EmptyTensor.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>

#include "aten/dtypes.h"
#include "aten/tensor/copy.h"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

void resize_bytes(c10::StorageImpl& storage, std::size_t bytes) {
  TORCH_CHECK(storage.resizable(), "Trying to resize storage that is not resizable");
  auto* allocator = storage.allocator();
  TORCH_CHECK(allocator != nullptr, "Trying to resize storage without an allocator");
  const auto device = storage.device();
  const c10::DeviceGuard guard(device);
  auto data = allocator->allocate(bytes);
  copy_bytes(device, data.get(), storage.data(), std::min(bytes, storage.nbytes()));
  storage.set_data_ptr_noswap(std::move(data));
  storage.set_nbytes(bytes);
}

void resize(at::TensorImpl& self, c10::IntArrayRef size, at::OptionalIntArrayRef stride) {
  if (self.sizes() == size && (!stride || self.strides() == stride.value())) return;
  std::size_t bytes;
  const auto item_size = self.dtype().itemsize();
  const auto offset = static_cast<std::size_t>(self.storage_offset());
  if (stride) {
    self.set_sizes_and_strides(size, *stride);
    bytes = at::detail::computeStorageNbytes(size, *stride, item_size, offset);
  } else {
    self.generic_set_sizes_contiguous(size);
    bytes = at::detail::computeStorageNbytesContiguous(size, item_size, offset);
  }
  // An empty tensor keeps its storage: its offset may be past the end.
  if (self.numel() > 0 && bytes > self.unsafe_storage().nbytes()) {
    resize_bytes(*self.unsafe_storage().unsafeGetStorageImpl(), bytes);
  }
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

Tensor empty_memory_format_xpu(IntArrayRef size, std::optional<ScalarType> dtype,
                               std::optional<Layout> layout, std::optional<Device> device,
                               std::optional<bool> pin_memory, std::optional<MemoryFormat> memory_format) {
  return at::detail::empty_xpu(size, dtype, layout, device, pin_memory, memory_format);
}

Tensor empty_strided_xpu(IntArrayRef size, IntArrayRef stride, std::optional<ScalarType> dtype,
                         std::optional<Layout> layout, std::optional<Device> device,
                         std::optional<bool> pin_memory) {
  return at::detail::empty_strided_xpu(size, stride, dtype, layout, device, pin_memory);
}

const Tensor& resize__xpu(const Tensor& self, IntArrayRef size, std::optional<MemoryFormat> memory_format) {
  const auto old_bytes = self.storage().nbytes();
  ipex::aten::resize(*self.unsafeGetTensorImpl(), size, std::nullopt);
  if (memory_format) {
    TORCH_CHECK(*memory_format != MemoryFormat::Preserve, "Unsupported memory format", *memory_format);
    self.unsafeGetTensorImpl()->empty_tensor_restride(*memory_format);
  }
  if (at::globalContext().deterministicAlgorithms() &&
      at::globalContext().deterministicFillUninitializedMemory()) {
    fill_resize_deterministic_(self, static_cast<int64_t>(old_bytes));
  }
  return self;
}

Tensor& set__source_Storage_storage_offset_xpu(Tensor& result, Storage storage, int64_t offset,
                                               IntArrayRef size, IntArrayRef stride) {
  checkSetStorage(result, std::move(storage), offset, size, stride);
  result.unsafeGetTensorImpl()->set_storage_offset(offset);
  const auto strides = stride.data() != nullptr ? at::OptionalIntArrayRef(stride) : std::nullopt;
  ipex::aten::resize(*result.unsafeGetTensorImpl(), size, strides);
  return result;
}

Tensor& set__xpu(Tensor& result) {
  Storage empty(Storage::use_byte_size_t(), 0, GetAllocator(kXPU), true);
  return result.set_(std::move(empty), 0, {0}, {});
}

Tensor _efficientzerotensor_xpu(IntArrayRef size, std::optional<ScalarType> dtype, std::optional<Layout>,
                                std::optional<Device> device, std::optional<bool>) {
  ZeroTensorAllocator allocator(device_or_default(device));
  const DispatchKeySet keys({DispatchKey::XPU, DispatchKey::ZeroTensor});
  return at::detail::empty_generic(size, &allocator, keys, dtype_or_default(dtype), std::nullopt);
}

Scalar _local_scalar_dense_xpu(const Tensor& self) {
  const DeviceGuard guard(self.device());
  alignas(16) unsigned char value[16];
  const void* source = self.const_data_ptr();
  if (ipex::runtime::host_accessible(self.device().index())) {
    ipex::aten::synchronize_current_stream(self.device());
  } else {
    ipex::aten::copy_bytes(self.device(), value, source, self.element_size());
    ipex::aten::synchronize_current_stream(self.device());
    source = value;
  }
  return ipex::aten::read_scalar(self.scalar_type(), source);
}

void record_stream_xpu(Tensor& self, Stream stream) {
  auto* allocator = static_cast<DeviceAllocator*>(GetAllocator(kXPU));
  allocator->recordStream(self.storage().data_ptr(), stream);
}

}  // namespace at::native
