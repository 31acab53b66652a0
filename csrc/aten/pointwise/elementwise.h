#pragma once

#include <ATen/TensorIterator.h>
#include <c10/core/Scalar.h>
#include <c10/util/FunctionRef.h>

#include <string>
#include <vector>

#include "aten/elements.h"
#include "aten/fault.h"
#include "aten/launch.h"
#include "kernels/elementwise_params.hpp"

namespace ipex::aten {

// The dtype of an elementwise operator's result, given the one it computes in.
enum class Output { same, real, complex, boolean, int32 };

// How the operands of one launch lie along its rows: what the kernel's template arguments say.
struct RowLayout {
  static constexpr int count = 8;

  int inputs = 0;
  int immediate = 0;   // operand (> 0) that is a value in the parameters, 0 for none
  unsigned fixed = 0;  // bit i: input i is one element for a whole row
  bool strided = false;
  bool reversed = false;  // the only input is read backwards
  bool pairs = false;     // a work-item takes two elements of a row

  // Distinguishes the layouts of one number of inputs.
  int index() const;
  // "row<float>"; operand 0 is the output.
  std::string operand_type(int operand, const char* type) const;
};

// One elementwise operator. Rows are written by tools/generate_operators.py, or by hand where an operator
// needs more than its schema tells.
struct ElementwiseRow {
  const char* name;  // for errors
  const char* functor;
  std::vector<c10::ScalarType> dtypes;
  Output output = Output::same;
  bool first_is_bool = false;          // the first input is a mask
  const char* module = "elementwise";  // of the kernels: what includes the functor
  bool fixed_inputs = true;            // has kernels that read an element once for a whole row
  bool pairs = false;                  // has kernels that take two elements of bfloat16 at a time
  bool signless = false;               // the same bits come out of signed and of unsigned integers
  std::optional<Problem> fault = {};   // that inputs may have: a Fault is the functor's only member
  const char* scope = "op::";          // of the functor

  static constexpr int max_dtypes = 16;
  // By position of the dtype in `dtypes` and by RowLayout::index.
  KernelSlot slots[max_dtypes][RowLayout::count] = {};
  KernelSlot pair_slots[RowLayout::count] = {};
};

// Computes iterator's output from its inputs. `scalars` become the functor's members, in the computation's
// type. Inputs of another dtype are cast first; inputs that are CPU scalars travel with the launch.
void elementwise(at::TensorIteratorBase& iterator, ElementwiseRow& row, c10::ArrayRef<c10::Scalar> scalars);

// Writes scalars as consecutive values of opmath_t of `dtype`. Throws RuntimeError for a value it cannot
// hold.
void store_scalars(c10::ScalarType dtype, c10::ArrayRef<c10::Scalar> scalars, unsigned char* bytes);

// Launches an elementwise kernel over operands of the dtypes it takes; `immediate` is the operand (> 0) whose
// value is already in `params`. `kernel_of` gives the kernel for a layout of the operands; one of pairs is
// asked for only where there are `pairs`.
void launch_elementwise(const Elements& elements, int immediate, kernels::ElementwiseParams& params,
                        c10::function_ref<jit::Kernel&(const RowLayout&)> kernel_of, bool pairs = false);

}  // namespace ipex::aten
