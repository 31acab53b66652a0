#pragma once

#include <ATen/core/Tensor.h>

#include "onemkl/loader.h"

namespace ipex::onemkl {

// The most dimensions that one transform takes.
constexpr int most_dimensions = 3;

// output = scale * transform(input) over all dimensions but the first, which counts transforms. One of the
// tensors, or both, are complex. Where one is real, the complex one has the first half of the last
// dimension's frequencies. Any strides but 0; nothing is empty.
void transform(const at::Tensor& output, const at::Tensor& input, bool forward, double scale);

}  // namespace ipex::onemkl
