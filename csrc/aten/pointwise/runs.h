// Elementwise kernels over runs of neighbouring elements that share coefficients (kernels/runs.hpp).
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/runs_params.hpp"

namespace ipex::aten {

// What the coefficients of a contiguous tensor's runs are; see RunsParams.
struct Runs {
  std::int64_t runs;
  std::int64_t length;
  bool along;
  std::int64_t period = 1;
  std::int64_t stride = 0;
  std::int64_t step = 0;
};

// output = functor(inputs, coefficients). Inputs (one or two of one dtype) and output share a dense layout;
// coefficients are of the computation's dtype.
void apply_runs(const char* functor, const Runs& runs, at::ArrayRef<at::Tensor> inputs,
                const at::Tensor& output, at::ArrayRef<at::Tensor> coefficients);

}  // namespace ipex::aten
