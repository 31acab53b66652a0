#pragma once

#include <ATen/TensorIterator.h>
#include <c10/core/Scalar.h>
#include <c10/util/FunctionRef.h>

#include <vector>

#include "aten/launch.h"
#include "kernels/elementwise_params.hpp"

namespace ipex::aten {

// The dtype of an elementwise operator's result, given the one it computes in.
enum class Output { same, real, boolean };

// One elementwise operator. Rows are written by tools/generate_operators.py, or by hand where an operator
// needs more than its schema tells.
struct ElementwiseRow {
  const char* name;     // for errors
  const char* functor;  // in ipex::kernels::op
  std::vector<c10::ScalarType> dtypes;
  Output output = Output::same;
  bool first_is_bool = false;  // the first input is a mask

  // contiguous and strided kernels for each position of an immediate operand, by position of the dtype in
  // `dtypes`
  static constexpr int max_dtypes = 16;
  static constexpr int variants = 6;
  KernelSlot slots[max_dtypes][variants] = {};
};

// Computes iterator's output from its inputs. `scalars` become the functor's members, in the computation's
// type. Inputs of another dtype are cast first; inputs that are CPU scalars travel with the launch.
void elementwise(at::TensorIteratorBase& iterator, ElementwiseRow& row, c10::ArrayRef<c10::Scalar> scalars);

// Writes scalars as consecutive values of opmath_t of `dtype`. Throws RuntimeError for a value it cannot
// hold.
void store_scalars(c10::ScalarType dtype, c10::ArrayRef<c10::Scalar> scalars, unsigned char* bytes);

// Launches an elementwise kernel over operands of the dtypes it takes; `immediate` is the operand (> 0) whose
// value is already in `params`. Splits what 32-bit offsets cannot reach. `kernel_of` gives the kernel of
// either kind.
void launch_elementwise(at::TensorIteratorBase& iterator, int immediate, kernels::StridedParams& params,
                        c10::function_ref<jit::Kernel&(bool contiguous)> kernel_of);

}  // namespace ipex::aten
