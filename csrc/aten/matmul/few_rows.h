// Products of a few rows with a matrix that lies as the weights of a linear layer do.
#pragma once

#include <ATen/core/Tensor.h>

namespace ipex::aten {

// out = first second (+ bias along its columns), on a CPU, where second's columns lie one after the other.
// False, and nothing was done, where the product is of another kind.
bool multiply_few_rows(const char* name, const at::Tensor& out, const at::Tensor& first,
                       const at::Tensor& second, const at::Tensor& bias = {});

}  // namespace ipex::aten
