#include "ipex/reduction.h"

#include <ATen/native/ReduceOpsUtils.h>
#include <c10/core/DeviceGuard.h>

#include "aten/reduce/reduce.h"

namespace ipex {

Reduction::Reduction(std::string module, std::string name)
    : module_(std::move(module)), name_(std::move(name)) {}

at::Tensor Reduction::operator()(const at::Tensor& input, at::OptionalIntArrayRef dims, bool keepdim,
                                 at::ArrayRef<c10::Scalar> scalars,
                                 std::optional<c10::ScalarType> dtype) const {
  TORCH_CHECK(input.is_xpu(), name_, ": expected a tensor on an xpu device, got one on ", input.device());
  TORCH_CHECK(scalars.size() <= kernels::reduce_max_scalars, name_, ": expected no more than ",
              kernels::reduce_max_scalars, " scalars, got ", scalars.size());
  const c10::DeviceGuard guard(input.device());
  const auto from = input.scalar_type();
  const auto compute = c10::isIntegralType(from, /*includeBool=*/true) ? c10::kFloat : from;
  const auto result = at::native::create_reduction_result(input, dims, keepdim, dtype.value_or(compute));
  aten::Reduction reduction{name_.c_str(), name_, compute, scalars.vec()};
  reduction.module = module_;
  reduction.scope = "";
  aten::reduce(reduction, aten::loadable(input, compute), {result}, dims, keepdim);
  return result;
}

}  // namespace ipex
