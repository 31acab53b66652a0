// Matrix products by the library where it serves the dtypes, else by our own kernels.
#pragma once

#include <ATen/core/Tensor.h>

namespace ipex::aten {

// out = first @ second, for matrices or batches of them with up to two batch dimensions. `name` is the
// operator's, for errors.
void multiply(const char* name, const at::Tensor& out, const at::Tensor& first, const at::Tensor& second);

// out = beta * self + alpha * first @ second; self broadcasts to out and may be out.
void multiply_add(const char* name, const at::Tensor& out, const at::Tensor& self, const at::Tensor& first,
                  const at::Tensor& second, const at::Scalar& beta, const at::Scalar& alpha);

}  // namespace ipex::aten
