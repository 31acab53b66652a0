#pragma once

#include <ATen/core/Tensor.h>

#include "onednn/post_ops.h"

namespace ipex::onednn {

struct ConvolutionGeometry {
  c10::IntArrayRef stride, padding, dilation;
  std::int64_t groups;
};

// Why the library can not convolve this dtype on this device; null if it can.
const char* convolution_refusal(const c10::Device& device, c10::ScalarType dtype);

// The three products that tie x (batch, channels, space…), w (channels of y, channels of x / groups, kernel…)
// and y = x * w. Each writes its first tensor. All tensors are contiguous, or all are channels last; their
// shapes agree, none is empty; their dtype is one that dtype_support calls native.
void convolution_forward(const at::Tensor& y, const at::Tensor& x, const at::Tensor& w,
                         const at::Tensor& bias, const ConvolutionGeometry& geometry,
                         const PostOps& post_ops = {});
void convolution_backward_data(const at::Tensor& x, const at::Tensor& y, const at::Tensor& w,
                               const ConvolutionGeometry& geometry);
// `bias` undefined: not computed.
void convolution_backward_weights(const at::Tensor& w, const at::Tensor& bias, const at::Tensor& y,
                                  const at::Tensor& x, const ConvolutionGeometry& geometry);

}  // namespace ipex::onednn
