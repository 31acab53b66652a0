// Convolutions by our own kernels (kernels/convolution.hpp), as onednn/convolution.h has them.
#pragma once

#include <ATen/core/Tensor.h>

#include "onednn/convolution.h"

namespace ipex::aten {

// The products that tie x (batch, channels, space…), w (channels of y, channels of x / groups, kernel…) and
// y = x * w. Each writes its first tensor. x and y are contiguous or channels last, none is empty.
void plain_convolution_forward(const at::Tensor& y, const at::Tensor& x, const at::Tensor& w,
                               const at::Tensor& bias, const onednn::ConvolutionGeometry& geometry);
void plain_convolution_backward_data(const at::Tensor& x, const at::Tensor& y, const at::Tensor& w,
                                     const onednn::ConvolutionGeometry& geometry);
void plain_convolution_backward_weights(const at::Tensor& w, const at::Tensor& y, const at::Tensor& x,
                                        const onednn::ConvolutionGeometry& geometry);

}  // namespace ipex::aten
