// addcdiv, whose structured form in stock takes no numbers of the CPU beside tensors of a device, as
// addcmul's does.
#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "aten/elementwise_rows.h"

namespace ipex::aten {
namespace {

using at::Tensor;

Tensor compute(const Tensor& out, const Tensor& self, const Tensor& first, const Tensor& second,
               const at::Scalar& value) {
  TORCH_CHECK(!c10::isIntegralType(first.scalar_type(), /*includeBool=*/true) ||
                  !c10::isIntegralType(second.scalar_type(), /*includeBool=*/true),
              "Integer division with addcdiv is no longer supported; use self + value * "
              "torch.trunc(tensor1 / tensor2), or (self + value * tensor1 / tensor2) of floating-point "
              "tensors, but got tensor1 of ",
              first.scalar_type(), " and tensor2 of ", second.scalar_type());
  auto iterator = at::TensorIteratorConfig()
                      .add_owned_output(out)
                      .add_owned_const_input(self)
                      .add_owned_const_input(first)
                      .add_owned_const_input(second)
                      .allow_cpu_scalars(true)
                      .promote_inputs_to_common_dtype(true)
                      .cast_common_dtype_to_outputs(true)
                      .enforce_safe_casting_to_output(true)
                      .build();
  const c10::DeviceGuard guard(iterator.device(0));
  elementwise(iterator, rows::addcdiv, {value});
  return iterator.output();
}

Tensor addcdiv(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const at::Scalar& value) {
  return compute({}, self, tensor1, tensor2, value);
}

Tensor& addcdiv_(Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const at::Scalar& value) {
  compute(self, self, tensor1, tensor2, value);
  return self;
}

Tensor& addcdiv_out(const Tensor& self, const Tensor& tensor1, const Tensor& tensor2, const at::Scalar& value,
                    Tensor& out) {
  compute(out, self, tensor1, tensor2, value);
  return out;
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(aten, XPU, library) {
  library.impl("addcdiv", ipex::aten::addcdiv);
  library.impl("addcdiv_", ipex::aten::addcdiv_);
  library.impl("addcdiv.out", ipex::aten::addcdiv_out);
}
