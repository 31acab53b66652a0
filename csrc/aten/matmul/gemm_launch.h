// Launching the kernels of products (kernels/gemm.hpp, gemv.hpp): what matrix products and convolutions of
// ours share.
#pragma once

#include <c10/core/Scalar.h>
#include <c10/core/ScalarType.h>

#include <string_view>

#include "kernels/gemm_params.hpp"

namespace ipex::aten {

// The kernel for products of matrices, for tests: "vectors" (as on CPUs), "tiles" (as on GPUs) or
// "automatic", by the device.
void set_gemm_kernel(std::string_view choice);

// Throws for a dimension of more elements than the kernels count.
void check_gemm_size(const char* name, std::int64_t size);

// Writes alpha and beta in the type that the sums of `result` are kept in.
void store_factors(at::ScalarType result, const at::Scalar& alpha, const at::Scalar& beta,
                   kernels::GemmOutput& output);

// Launches a product whose operands, output and sizes are in `params`, and completes its tiling and slices.
// Types are those of the operands' elements and of the result's; `first` and `second` are the kinds of the
// operands in device code ("matrix").
void launch_gemm(const char* module, const char* name, at::ScalarType operand, at::ScalarType result,
                 const char* first, const char* second, kernels::GemmParams& params);

// The same where the result has one column: each row of the first operand times one vector. `along_rows`: the
// first operand's rows are contiguous.
void launch_gemv(at::ScalarType operand, at::ScalarType result, bool along_rows, kernels::GemmParams& params);

}  // namespace ipex::aten
