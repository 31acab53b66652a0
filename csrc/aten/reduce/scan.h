#pragma once

#include <ATen/core/Tensor.h>

namespace ipex::aten {

// out = inclusive scan of self along `dim` by ipex::kernels::op::<functor>; `indices` for functors that
// choose.
void scan(const char* functor, const at::Tensor& self, std::int64_t dim, const at::Tensor& out,
          const at::Tensor& indices = {});

}  // namespace ipex::aten
