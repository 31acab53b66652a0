#include "aten/foreach/foreach.h"

#include <ATen/native/ForeachUtils.h>
#include <ATen/ops/_foreach_copy_native.h>
#include <ATen/ops/_foreach_zero_native.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>

#include "aten/foreach/tensor_table.h"
#include "aten/pointwise/elementwise.h"

namespace ipex::aten {
namespace {

using Kind = ForeachOperand::Kind;

const ForeachOperand& first_list(ForeachOperands operands) {
  return *std::find_if(operands.begin(), operands.end(),
                       [](const auto& o) { return o.kind == Kind::tensors; });
}

bool lengths_match(ForeachOperands operands, std::size_t length) {
  return std::all_of(operands.begin(), operands.end(), [=](const ForeachOperand& operand) {
    if (operand.kind == Kind::tensors) return operand.tensors.size() == length;
    return operand.kind != Kind::scalars || operand.scalars.size() == 1 || operand.scalars.size() == length;
  });
}

// How device code names the slot of an operand.
std::string slot_type(const ForeachOperand& operand) {
  switch (operand.kind) {
    case Kind::tensors:
      return instantiation("PerElement", type_name(operand.tensors[0].scalar_type()));
    case Kind::scalars:
      return "PerTensor";
    case Kind::scalar_tensor:
      return instantiation("OneScalar", type_name(operand.tensors[0].scalar_type()));
  }
  return {};
}

std::uint64_t slot_of(const ForeachOperand& operand, std::size_t index, c10::ScalarType dtype) {
  if (operand.kind == Kind::tensors) return aten::slot_of(operand.tensors[index]);
  if (operand.kind == Kind::scalar_tensor) return aten::slot_of(operand.tensors[0]);
  alignas(16) unsigned char bytes[16] = {};
  store_scalars(dtype, {operand.scalar(index)}, bytes);
  std::uint64_t slot;
  std::memcpy(&slot, bytes, sizeof slot);
  return slot;
}

// Computes in the opmath of `dtype`. `operands` are the inputs, then the functor's member if it has one.
void launch_map(const char* functor, c10::ScalarType dtype, at::TensorList outputs, ForeachOperands operands,
                int inputs) {
  check_dtype(functor, dtype);
  auto name =
      std::string("foreach_map<op::").append(functor).append(",").append(type_name(opmath_dtype(dtype)));
  name.append(",").append(type_name(outputs[0].scalar_type()));
  for (int input = 0; input < inputs; ++input) name.append(",").append(slot_type(operands[input]));
  TableLauncher<kernels::TableParams> table(find_kernel("foreach", name.append(">")),
                                            static_cast<int>(operands.size()) + 1);
  for (std::size_t tensor = 0; tensor < outputs.size(); ++tensor) {
    table.add(outputs[tensor].numel(), [&](std::uint64_t* slots) {
      slots[0] = aten::slot_of(outputs[tensor]);
      for (const auto& operand : operands) *++slots = slot_of(operand, tensor, dtype);
    });
  }
  table.flush();
}

void map(const ForeachRow& row, at::TensorList outputs, ForeachOperands operands) {
  std::vector<ForeachOperand> all(operands.begin(), operands.end());
  const at::Scalar member = row.member.value_or(0);
  if (row.member && static_cast<int>(all.size()) == row.inputs) all.emplace_back(member);
  launch_map(row.functor, first_list(operands).tensors[0].scalar_type(), outputs, all, row.inputs);
}

bool share_layout(at::TensorList first, at::TensorList second) {
  return at::native::_check_tensors_share_device_and_dtype({first, second}, true) &&
         at::native::_check_tensors_share_sizes_and_strides({first, second});
}

}  // namespace

bool foreach_applies(const ForeachRow& row, ForeachOperands operands) {
  const auto tensors = first_list(operands).tensors;
  if (tensors.empty() || !tensors[0].is_xpu() || !lengths_match(operands, tensors.size())) return false;
  const auto dtype = tensors[0].scalar_type();
  if (std::find(row.dtypes.begin(), row.dtypes.end(), dtype) == row.dtypes.end()) return false;

  std::vector<at::TensorList> lists;
  at::ArrayRef<at::Scalar> scalars;
  for (const auto& operand : operands) {
    if (operand.kind == Kind::tensors) {
      lists.push_back(operand.tensors);
    } else if (operand.kind == Kind::scalars) {
      scalars = operand.scalars;
    } else {
      const auto& scalar = operand.tensors[0];
      if (scalar.dim() != 0 || scalar.scalar_type() != dtype || scalar.device() != tensors[0].device())
        return false;
    }
  }
  // A slot of the table holds eight bytes.
  if (dtype == c10::kComplexDouble && (row.member || !scalars.empty())) return false;
  return at::native::can_use_fast_route(lists, scalars);
}

std::vector<at::Tensor> foreach_map(const ForeachRow& row, ForeachOperands operands) {
  const auto tensors = first_list(operands).tensors;
  std::vector<at::Tensor> outputs;
  outputs.reserve(tensors.size());
  for (const auto& tensor : tensors) outputs.push_back(at::empty_like(tensor));
  map(row, outputs, operands);
  return outputs;
}

void foreach_map_(const ForeachRow& row, ForeachOperands operands) {
  map(row, operands[0].tensors, operands);
  bump_versions(operands[0].tensors);
}

}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

void _foreach_copy__xpu(TensorList self, TensorList source, bool non_blocking) {
  const bool same_length = !self.empty() && self.size() == source.size();
  if (!same_length || !share_layout(self, source) || isComplexType(source[0].scalar_type()) ||
      std::any_of(source.begin(), source.end(), [](const Tensor& t) { return t.is_neg(); })) {
    return foreach_tensor_copy_list_kernel_slow_(self, source, non_blocking);
  }
  launch_map("identity", source[0].scalar_type(), self, {ForeachOperand(source)}, 1);
  bump_versions(self);
}

void _foreach_zero__xpu(TensorList self) {
  if (self.empty() || !can_use_fast_route({self}) || self[0].scalar_type() == kComplexDouble) {
    return foreach_tensor_zero_slow_(self);
  }
  const Scalar zero = 0;
  launch_map("fill", self[0].scalar_type(), self, {ForeachOperand(zero)}, 0);
  bump_versions(self);
}

}  // namespace at::native
