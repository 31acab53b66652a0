#include <ATen/Functions.h>
#include <ATen/ops/fill_native.h>
#include <ATen/ops/zero_native.h>
#include <c10/core/DeviceGuard.h>

#include "aten/dtypes.h"
#include "aten/pointwise/elementwise.h"
#include "runtime/word_dtype.h"

namespace ipex::aten {
namespace {

KernelSlot slots[dtype_count][RowLayout::count];

jit::Kernel& fill_kernel(c10::ScalarType dtype, const RowLayout& layout, int device) {
  auto& slot = slots[dtype_index(dtype)][layout.index()];
  if (auto* kernel = slot.get(device)) return *kernel;
  check_dtype("fill_", dtype);
  return slot.find(device, "elementwise",
                   instantiation("elementwise", "op::fill", type_name(opmath_dtype(dtype)),
                                 layout.operand_type(0, type_name(dtype))));
}

void check_value(c10::ScalarType dtype, const c10::Scalar& value) {
  if (dtype == c10::kHalf) (void)value.toHalf();
  if (dtype == c10::kBFloat16) (void)value.toBFloat16();
}

void fill(const at::Tensor& self, const c10::Scalar& value) {
  if (self.numel() == 0) return;
  const auto dtype = self.scalar_type();
  if (dtype_index(dtype) < 0) {
    const auto words = runtime::word_dtype(self.element_size());
    const auto number = at::scalar_tensor(value, at::device(c10::kCPU).dtype(dtype));
    return ipex::aten::fill(self.view(words), number.view(words).item());
  }
  check_value(dtype, value);
  auto iterator = at::TensorIteratorConfig()
                      .set_check_mem_overlap(false)
                      .check_all_same_dtype(false)
                      .add_output(self)
                      .resize_outputs(false)
                      .build();
  kernels::ElementwiseParams params;
  store_scalars(dtype, {value}, params.scalars);
  const int device = self.device().index();
  launch_elementwise(Elements(iterator, 1), 0, params, [=](const RowLayout& layout) -> jit::Kernel& {
    return fill_kernel(dtype, layout, device);
  });
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

Tensor& fill__Scalar_xpu(Tensor& self, const Scalar& value) {
  ipex::aten::fill(self, value);
  return self;
}

Tensor& fill__Tensor_xpu(Tensor& self, const Tensor& value) {
  TORCH_CHECK(value.dim() == 0, "fill_ only supports 0-dimension value tensor but got tensor with ",
              value.dim(), " dimensions.");
  if (value.is_cpu()) return fill__Scalar_xpu(self, value.item());
  return self.copy_(value);
}

Tensor& zero__xpu(Tensor& self) { return fill__Scalar_xpu(self, 0); }

}  // namespace at::native
