#include "ipex/elementwise.h"

#include <ATen/TensorIterator.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

#include "aten/pointwise/elementwise.h"

namespace ipex {

struct Elementwise::Row {
  std::string module, name;
  aten::ElementwiseRow row;
};

Elementwise::Elementwise(std::string module, std::string name, std::vector<c10::ScalarType> dtypes,
                         Result result)
    : row_(new Row{std::move(module), std::move(name), {}}) {
  auto& row = row_->row;
  TORCH_CHECK(!dtypes.empty() && dtypes.size() <= aten::ElementwiseRow::max_dtypes, row_->name,
              ": expected 1 to ", aten::ElementwiseRow::max_dtypes, " dtypes, got ", dtypes.size());
  row.name = row_->name.c_str();
  row.functor = row_->name.c_str();
  row.scope = "";
  row.module = row_->module.c_str();
  row.dtypes = std::move(dtypes);
  row.output = result == Result::boolean ? aten::Output::boolean : aten::Output::same;
}

Elementwise::~Elementwise() = default;

at::Tensor Elementwise::operator()(at::ArrayRef<at::Tensor> inputs, at::ArrayRef<c10::Scalar> scalars) const {
  return compute({}, inputs, scalars);
}

const at::Tensor& Elementwise::out(const at::Tensor& out, at::ArrayRef<at::Tensor> inputs,
                                   at::ArrayRef<c10::Scalar> scalars) const {
  TORCH_CHECK(out.defined() && out.is_xpu(), row_->name, ": expected out on an xpu device");
  compute(out, inputs, scalars);
  return out;
}

at::Tensor Elementwise::compute(const at::Tensor& out, at::ArrayRef<at::Tensor> inputs,
                                at::ArrayRef<c10::Scalar> scalars) const {
  const auto& name = row_->name;
  auto& row = row_->row;
  TORCH_CHECK(!inputs.empty() && inputs.size() <= kernels::elementwise_max_inputs, name, ": expected 1 to ",
              kernels::elementwise_max_inputs, " tensors, got ", inputs.size());
  TORCH_CHECK(scalars.size() <= kernels::elementwise_max_scalars, name, ": expected no more than ",
              kernels::elementwise_max_scalars, " scalars, got ", scalars.size());
  TORCH_CHECK(std::any_of(inputs.begin(), inputs.end(), [](const auto& input) { return input.is_xpu(); }),
              name, ": expected a tensor on an xpu device, got ", inputs[0].device());
  const bool floating = std::none_of(row.dtypes.begin(), row.dtypes.end(), [](c10::ScalarType dtype) {
    return c10::isIntegralType(dtype, /*includeBool=*/true);
  });
  at::TensorIteratorConfig config;
  config.add_owned_output(out);
  for (const auto& input : inputs) config.add_owned_const_input(input);
  config.allow_cpu_scalars(true)
      .promote_inputs_to_common_dtype(true)
      .promote_integer_inputs_to_float(floating)
      .enforce_safe_casting_to_output(true);
  if (row.output == aten::Output::boolean && !out.defined()) config.declare_static_dtype(c10::kBool);
  auto iterator = config.build();
  const c10::DeviceGuard guard(iterator.device(0));
  aten::elementwise(iterator, row, scalars);
  return iterator.output();
}

}  // namespace ipex
