// Resizing and padding: operators of one to three dimensions as one launch.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/resample_params.hpp"

namespace ipex::aten {

enum class Filter { nearest, linear, cubic, reflect, replicate };

// How an operator's dimensions correspond; those it does not have stay as they are.
struct ResampleAxes {
  int spatial;
  kernels::ResampleAxis axis[3];
};

// The identity on every axis, with the sizes of the tensors.
ResampleAxes resample_axes(int spatial, c10::IntArrayRef input, c10::IntArrayRef output);

void resample(const char* name, Filter filter, const ResampleAxes& axes, const at::Tensor& input,
              const at::Tensor& out);

// `out`, the gradient of the input, from that of the output.
void resample_backward(const char* name, Filter filter, const ResampleAxes& axes, const at::Tensor& gradient,
                       const at::Tensor& out);

}  // namespace ipex::aten
