// Matrix products by our own kernels: any dtype of arithmetic, any strides.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

#include "kernels/gemm_params.hpp"

namespace ipex::aten {

// result = alpha * first @ second + beta * addend, for matrices or batches of them with up to two batch
// dimensions, of which one of size 1 is repeated. `addend` is undefined or broadcasts to the result, which it
// may be. Integers wrap; other dtypes are summed in opmath_t of the result's. `name` is the operator's, for
// errors.
void gemm(const char* name, const at::Tensor& result, const at::Tensor& first, const at::Tensor& second,
          const at::Tensor& addend = {}, const at::Scalar& beta = 0, const at::Scalar& alpha = 1);

// The kernel for products of matrices, for tests: "vectors" (as on CPUs), "tiles" (as on GPUs) or
// "automatic", by the device.
void set_gemm_kernel(std::string_view choice);

// Writes alpha and beta in the type that the sums of `result` are kept in.
void store_factors(at::ScalarType result, const at::Scalar& alpha, const at::Scalar& beta,
                   kernels::GemmOutput& output);

// Launches a product whose operands, output and sizes are in `params`, and completes its tiling and slices.
// Types are those of the operands' elements and of the result's; `first` and `second` are the kinds of the
// operands in device code ("matrix").
void launch_gemm(const char* module, const char* name, at::ScalarType operand, at::ScalarType result,
                 const char* first, const char* second, kernels::GemmParams& params);

}  // namespace ipex::aten
