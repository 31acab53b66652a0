// Copies of quantized tensors: integers on the device, their quantizer beside them.
#include <ATen/Functions.h>
#include <ATen/quantized/QTensorImpl.h>
#include <torch/library.h>

namespace ipex::aten {
namespace {

using at::Device;
using at::QuantizerPtr;
using at::ScalarType;
using at::Tensor;

void check_dtype(ScalarType dtype) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      dtype == at::kQInt8 || dtype == at::kQUInt8 || dtype == at::kQInt32,
      "quantized tensors on xpu are of torch.qint8, torch.quint8 or torch.qint32, got ", dtype,
      "; keep such a tensor on the CPU");
}

// The memory of a quantized tensor as the integers that it holds.
Tensor integers(const Tensor& quantized) {
  const auto key = quantized.is_xpu() ? c10::DispatchKey::XPU : c10::DispatchKey::CPU;
  auto result = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(quantized.storage()), c10::DispatchKeySet(key),
      c10::scalarTypeToTypeMeta(c10::toUnderlying(quantized.scalar_type())));
  auto* impl = result.unsafeGetTensorImpl();
  impl->set_storage_offset(quantized.storage_offset());
  impl->set_sizes_and_strides(quantized.sizes(), quantized.strides());
  return result;
}

// Parameters of channels live where the integers do.
QuantizerPtr on_device(const QuantizerPtr& quantizer, Device device) {
  if (quantizer->qscheme() == at::kPerTensorAffine) return quantizer;
  TORCH_CHECK_NOT_IMPLEMENTED(quantizer->qscheme() == at::kPerChannelAffine,
                              "copy_: quantized tensors on xpu have one scale, or integer zero points along "
                              "a dimension, got ",
                              c10::toString(quantizer->qscheme()));
  const auto* channels = static_cast<at::PerChannelAffineQuantizer*>(quantizer.get());
  return at::make_per_channel_affine_quantizer(channels->scales().to(device),
                                               channels->zero_points().to(device), channels->axis(),
                                               channels->scalar_type());
}

Tensor quantize_like(const Tensor& source, const Tensor& quantized) {
  if (quantized.qscheme() == at::kPerTensorAffine) {
    return at::quantize_per_tensor(source, quantized.q_scale(), quantized.q_zero_point(),
                                   quantized.scalar_type());
  }
  return at::quantize_per_channel(source, quantized.q_per_channel_scales(),
                                  quantized.q_per_channel_zero_points(), quantized.q_per_channel_axis(),
                                  quantized.scalar_type());
}

Tensor& copy(Tensor& self, const Tensor& source, bool non_blocking) {
  check_dtype((self.is_quantized() ? self : source).scalar_type());
  TORCH_CHECK(self.is_quantized(),
              "copy_: a quantized tensor is copied to a quantized one; dequantize() makes floats of it");
  if (!source.is_quantized()) {
    TORCH_CHECK(source.scalar_type() == at::kFloat, "copy_: expected torch.float32 to quantize, got ",
                source.scalar_type());
    return self.copy_(quantize_like(source.to(self.device()).expand_as(self), self));
  }
  TORCH_CHECK(self.scalar_type() == source.scalar_type(),
              "copy_: quantized tensors of one dtype expected, got ", self.scalar_type(), " and ",
              source.scalar_type());
  TORCH_CHECK(self.qscheme() == source.qscheme(), "copy_: quantized tensors of one scheme expected, got ",
              c10::toString(self.qscheme()), " and ", c10::toString(source.qscheme()));
  if (self.is_same(source)) return self;
  at::set_quantizer_(self, on_device(source.quantizer(), self.device()));
  integers(self).copy_(integers(source), non_blocking);
  return self;
}

Tensor clone(const Tensor& self, std::optional<at::MemoryFormat> memory_format) {
  return at::empty_like(self, self.options(), memory_format).copy_(self);
}

Tensor int_repr(const Tensor& self) { return integers(self).clone(); }

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(aten, QuantizedXPU, library) {
  library.impl("copy_", ipex::aten::copy);
  library.impl("clone", ipex::aten::clone);
  library.impl("int_repr", ipex::aten::int_repr);
}
