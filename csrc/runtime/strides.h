// Strides as libraries and guesses of a layout may read them.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/DimVector.h>

#include <algorithm>

namespace ipex::runtime {

// The stride of a dimension of size 1 is arbitrary in ATen, 0 where expand or numpy made it, yet a library
// reads it. Here it is what the dimension after it spans.
inline c10::DimVector canonical_strides(const at::Tensor& tensor) {
  c10::DimVector strides(tensor.strides());
  std::int64_t span = 1;
  for (auto d = tensor.dim() - 1; d >= 0; --d) {
    if (tensor.size(d) == 1) strides[d] = span;
    span = std::max<std::int64_t>(1, tensor.size(d) * strides[d]);
  }
  return strides;
}

}  // namespace ipex::runtime
