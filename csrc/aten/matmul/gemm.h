// Matrix products by our own kernels: any dtype of arithmetic, any strides.
#pragma once

#include <ATen/core/Tensor.h>

namespace ipex::aten {

// result = alpha * first @ second + beta * addend, for matrices or batches of them with up to two batch
// dimensions, of which one of size 1 is repeated. `addend` is undefined or broadcasts to the result, which it
// may be. Integers wrap; other dtypes are summed in opmath_t of the result's. `name` is the operator's, for
// errors.
void gemm(const char* name, const at::Tensor& result, const at::Tensor& first, const at::Tensor& second,
          const at::Tensor& addend = {}, const at::Scalar& beta = 0, const at::Scalar& alpha = 1);

}  // namespace ipex::aten
