// copy_ between any two tensors of which at least one is on an XPU device.
#include "aten/tensor/copy.h"

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/Functions.h>
#include <ATen/Operators.h>
#include <ATen/ops/_copy_from_and_resize_native.h>
#include <ATen/ops/_copy_from_native.h>
#include <ATen/ops/copy_native.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "aten/dtypes.h"
#include "aten/fallback.h"
#include "aten/pointwise/elementwise.h"
#include "aten/tensor/strided_copy.h"
#include "runtime/limits.h"
#include "runtime/word_dtype.h"

namespace ipex::aten {
namespace {

KernelSlot slots[dtype_count][dtype_count][RowLayout::count];

jit::Kernel& copy_kernel(c10::ScalarType to, c10::ScalarType from, const RowLayout& layout, int device) {
  auto& slot = slots[dtype_index(to)][dtype_index(from)][layout.index()];
  if (auto* kernel = slot.get(device)) return *kernel;
  check_dtype("copy_", to);
  check_dtype("copy_", from);
  return slot.find(
      device, "elementwise",
      instantiation("elementwise", "op::identity", type_name(opmath_dtype(from)),
                    layout.operand_type(0, type_name(to)), layout.operand_type(1, type_name(from))));
}

// Pairs of half, which the kernels know as numbers on their own.
void copy_complex_half(const at::Tensor& destination, const at::Tensor& source) {
  if (destination.is_complex() && source.is_complex())
    return copy_on_device(at::view_as_real(destination), at::view_as_real(source));
  if (source.is_complex()) return copy_on_device(destination, at::view_as_real(source).select(-1, 0));
  const auto parts = at::view_as_real(destination);
  copy_on_device(parts.select(-1, 0), source);
  parts.select(-1, 1).zero_();
}

// Dtypes that no kernel computes with: their bytes are moved as they are, conversions fall back to the CPU.
void copy_opaque(const at::Tensor& destination, const at::Tensor& source) {
  if (destination.scalar_type() != source.scalar_type()) {
    on_cpu<ATEN_OP(copy_)>::call(const_cast<at::Tensor&>(destination), source, false);
    return;
  }
  const auto words = [](const at::Tensor& tensor) {
    return tensor.view(runtime::word_dtype(tensor.element_size()));
  };
  copy_on_device(words(destination), words(source));
}

// Sizes and strides alike and without gaps: the bytes can be moved as they are.
bool same_layout(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         ((a.is_contiguous() && b.is_contiguous()) ||
          (a.strides() == b.strides() && a.is_non_overlapping_and_dense()));
}

void copy_host_to_device(const at::Tensor& destination, const at::Tensor& source, bool non_blocking) {
  if (!same_layout(destination, source)) {
    const auto dense = source.contiguous();
    if (same_layout(destination, dense)) return copy_host_to_device(destination, dense, false);
    // The device casts and scatters; the host only sends what it has.
    const auto staged = at::empty(dense.sizes(), destination.options().dtype(dense.scalar_type()));
    copy_host_to_device(staged, dense, non_blocking && dense.is_same(source));
    return copy_on_device(destination, staged);
  }
  const auto device = destination.device();
  copy_bytes(device, destination.mutable_data_ptr(), source.const_data_ptr(), source.nbytes());
  if (non_blocking && source.is_pinned()) {
    const auto& data = source.storage().data_ptr();
    at::getHostAllocator(at::kXPU)->record_event(data.get(), data.get_context(),
                                                 c10::impl::VirtualGuardImpl(at::kXPU).getStream(device));
  } else {
    synchronize_current_stream(device);
  }
}

void copy_device_to_host(const at::Tensor& destination, const at::Tensor& source, bool non_blocking) {
  if (!same_layout(destination, source)) {
    auto dense = source;
    if (source.scalar_type() != destination.scalar_type() || !source.is_non_overlapping_and_dense()) {
      dense = at::empty(source.sizes(), source.options().dtype(destination.scalar_type()));
      copy_on_device(dense, source);
    }
    if (same_layout(destination, dense)) return copy_device_to_host(destination, dense, non_blocking);
    const auto staged = at::empty_strided(dense.sizes(), dense.strides(), destination.options());
    copy_device_to_host(staged, dense, false);
    destination.copy_(staged);
    return;
  }
  const auto device = source.device();
  copy_bytes(device, destination.mutable_data_ptr(), source.const_data_ptr(), source.nbytes());
  if (non_blocking && destination.is_pinned()) {
    const auto& data = destination.storage().data_ptr();
    at::getHostAllocator(at::kXPU)->record_event(data.get(), data.get_context(),
                                                 c10::impl::VirtualGuardImpl(at::kXPU).getStream(device));
  } else {
    synchronize_current_stream(device);
  }
}

void copy_between_devices(const at::Tensor& destination, const at::Tensor& source) {
  if (!same_layout(destination, source)) {
    c10::DeviceGuard guard(source.device());
    const auto dense = source.contiguous();
    const auto received = at::empty(dense.sizes(), destination.options().dtype(dense.scalar_type()));
    copy_between_devices(received, dense);
    guard.reset_device(destination.device());
    return copy_on_device(destination, received);
  }
  // The copy runs on the source's stream: after what the destination's stream has to do, and before what it
  // does next.
  const c10::impl::VirtualGuardImpl streams(at::kXPU);
  const auto from = streams.getStream(source.device());
  const auto to = streams.getStream(destination.device());
  c10::Event ready(at::kXPU), done(at::kXPU);
  ready.record(to);
  ready.block(from);
  copy_bytes(source.device(), destination.mutable_data_ptr(), source.const_data_ptr(), source.nbytes());
  done.record(from);
  done.block(to);
}

void copy_values(const at::Tensor& destination, const at::Tensor& source, bool non_blocking) {
  const bool to_device = destination.is_xpu();
  if (to_device && source.is_xpu()) {
    if (destination.device() == source.device()) {
      const c10::DeviceGuard guard(destination.device());
      copy_on_device(destination, source);
    } else {
      copy_between_devices(destination, source);
    }
    return;
  }
  const auto& host = to_device ? source : destination;
  TORCH_CHECK_NOT_IMPLEMENTED(host.is_cpu(), "copy_: cannot copy from ", source.device(), " to ",
                              destination.device(), "; copy through the CPU");
  const c10::DeviceGuard guard(to_device ? destination.device() : source.device());
  if (to_device) {
    copy_host_to_device(destination, source, non_blocking);
  } else {
    copy_device_to_host(destination, source, non_blocking);
  }
}

}  // namespace

void copy_on_device(const at::Tensor& destination, const at::Tensor& source) {
  if (destination.numel() == 0) return;
  const auto to = destination.scalar_type(), from = source.scalar_type();
  if (to == c10::kComplexHalf || from == c10::kComplexHalf) return copy_complex_half(destination, source);
  if (dtype_index(to) < 0 || dtype_index(from) < 0) return copy_opaque(destination, source);
  auto iterator = at::TensorIteratorConfig()
                      .add_output(destination)
                      .add_const_input(source)
                      .resize_outputs(false)
                      .check_all_same_dtype(false)
                      .check_all_same_device(false)
                      .build();
  copy_elements(Elements(iterator, 2), to, from, destination.device().index());
}

void copy_elements(const Elements& elements, c10::ScalarType to, c10::ScalarType from, int device) {
  if (to == from && copy_strided(elements)) return;
  // Nothing is rounded where nothing is converted.
  if (to == from && opmath_dtype(to) != to) to = from = c10::kUInt16;
  kernels::ElementwiseParams params;
  launch_elementwise(elements, 0, params, [=](const RowLayout& layout) -> jit::Kernel& {
    return copy_kernel(to, from, layout, device);
  });
}

}  // namespace ipex::aten

namespace at::native {

Tensor& copy__xpu(Tensor& self, const Tensor& source, bool non_blocking) {
  TORCH_CHECK(self.defined(), "self is undefined");
  TORCH_CHECK(source.defined(), "src is undefined");
  if (self.is_same(source)) return self;
  const auto expanded = source.expand_as(self);
  if (self.numel() == 0) return self;
  if (source._is_zerotensor()) return self.zero_();
  if (source.is_complex() && !self.is_complex()) {
    TORCH_WARN_ONCE("Casting complex values to real discards the imaginary part");
  }
  // Bits that mark a lazy conjugation or negation are resolved after the values have moved.
  const bool conjugate = self.is_conj() != source.is_conj();
  const bool negative = self.is_neg() != source.is_neg();
  auto plain = [](Tensor tensor) {
    if (tensor.is_conj()) tensor = tensor._conj();
    if (tensor.is_neg()) tensor = tensor._neg_view();
    return tensor;
  };
  auto destination = plain(self);
  if (conjugate && !self.is_complex()) {
    ipex::aten::copy_values(destination, at::real(expanded), non_blocking);
  } else {
    ipex::aten::copy_values(destination, plain(expanded), non_blocking);
    if (conjugate) destination.conj_physical_();
    if (negative) destination.neg_();
  }
  return self;
}

Tensor _copy_from_xpu(const Tensor& self, const Tensor& destination, bool non_blocking) {
  auto result = destination;
  result.copy_(self, non_blocking);
  return destination;
}

Tensor _copy_from_and_resize_xpu(const Tensor& self, const Tensor& destination) {
  destination.resize_(self.sizes());
  return _copy_from_xpu(self, destination, false);
}

}  // namespace at::native
