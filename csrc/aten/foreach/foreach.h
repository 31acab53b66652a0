// Elementwise operators over lists of tensors (_foreach_*). Rows and impls are written by
// tools/generate_foreach.py from foreach.yaml.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>

#include <optional>
#include <vector>

namespace ipex::aten {

struct ForeachRow {
  const char* functor;  // in ipex::kernels::op
  std::vector<c10::ScalarType> dtypes;
  int inputs;                    // operands of the functor's call
  std::optional<double> member;  // the functor's member where the operator has no argument for it
};

// One operand for all tensors: a list of tensors, of scalars (one or one for each), or a device scalar.
struct ForeachOperand {
  enum class Kind { tensors, scalars, scalar_tensor };

  ForeachOperand(at::TensorList list) : kind(Kind::tensors), tensors(list) {}
  ForeachOperand(at::ArrayRef<at::Scalar> list) : kind(Kind::scalars), scalars(list) {}
  ForeachOperand(const at::Scalar& scalar) : kind(Kind::scalars), scalars(scalar) {}
  ForeachOperand(const at::Tensor& scalar) : kind(Kind::scalar_tensor), tensors(scalar) {}

  const at::Scalar& scalar(std::size_t index) const { return scalars[scalars.size() == 1 ? 0 : index]; }

  Kind kind;
  at::TensorList tensors;
  at::ArrayRef<at::Scalar> scalars;
};

// The functor's inputs in order, then its member where an argument gives it.
using ForeachOperands = at::ArrayRef<ForeachOperand>;

// Whether one kernel can do it: stock's conditions on dtypes, devices, strides and promotion.
bool foreach_applies(const ForeachRow& row, ForeachOperands operands);

std::vector<at::Tensor> foreach_map(const ForeachRow& row, ForeachOperands operands);
void foreach_map_(const ForeachRow& row, ForeachOperands operands);

}  // namespace ipex::aten
