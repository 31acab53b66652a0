// Reductions of any dimensions of a tensor: the one way from an operator to the kernels of reduce.hpp.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/native/ReduceOpsUtils.h>
#include <c10/core/Scalar.h>

#include <string>

#include "aten/launch.h"
#include "kernels/core/fault.hpp"
#include "kernels/reduce_params.hpp"

namespace ipex::aten {

using at::native::DimMask;

// op::operation<arguments compute> of kernels/functors/reduce.hpp, or one of an extension.
struct Reduction {
  const char* name;  // the operator, for errors
  std::string operation;
  c10::ScalarType compute;                // half and bfloat16 mean float
  std::vector<c10::Scalar> scalars = {};  // the operation's members, in the computation's type
  std::string arguments = {};  // template arguments before the computation's type, each with its comma
  std::array<const void*, kernels::reduce_max_context> context = {};  // what it reads besides its inputs
  std::array<std::int64_t, kernels::reduce_max_integers> integers = {};
  std::optional<kernels::Fault> fault = {};  // the operation's member, of one without scalars
  std::string_view module = "reduce";        // what includes the operation
  std::string_view scope = "op::";           // of the operation
};

// Reduces the dimensions `mask` of the inputs (one, or two of the same sizes). Each output has the inputs'
// number of dimensions, the reduced ones of size 1. Elements are converted as they are loaded.
void reduce(const Reduction& reduction, at::ArrayRef<at::Tensor> inputs, at::ArrayRef<at::Tensor> outputs,
            const DimMask& mask);

// The same for an output that an operator made: with or without the reduced dimensions.
void reduce(const Reduction& reduction, const at::Tensor& input, at::ArrayRef<at::Tensor> outputs,
            at::OptionalIntArrayRef dim, bool keepdim);

// An input that the kernels can load as it is when they compute `dtype`: other pairs of dtypes are cast
// first, so that few kernels are enough.
at::Tensor loadable(const at::Tensor& input, c10::ScalarType dtype);

// On a CPU a work-group is a task: few, each looping over its jobs.
Range single_range(std::int64_t jobs, std::int64_t group_size);

// How many work-groups of what size run sub-groups that share `jobs` between them.
Range sub_group_range(std::int64_t jobs);

// A kernel that walks along rows as rows.hpp does, and its launch for `jobs` rows: by sub-groups or, on a
// CPU, the one of the same name that takes packs.
struct RowKernel {
  std::string name;
  Range range;
};
RowKernel row_kernel(const std::string& name, std::int64_t jobs);

// Whether single work-items walk along rows, with packs or one element after the other: on a CPU.
bool walks_alone();

// "automatic", or "sub_groups": a CPU runs what GPUs do. For tests.
void set_row_kernels(std::string_view choice);

}  // namespace ipex::aten
