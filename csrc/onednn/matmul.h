#pragma once

#include <ATen/core/Tensor.h>

#include "onednn/post_ops.h"

namespace ipex::onednn {

// Why the library does not multiply matrices of this dtype to this result on this device; null if it does.
const char* matmul_refusal(const c10::Device& device, c10::ScalarType dtype, c10::ScalarType result);

// destination = post_ops(source @ weight + bias), for matrices or batches of matrices of any strides; a batch
// dimension of size 1 is repeated. `bias` is undefined or a vector along the columns. No dimension may be
// empty; nothing is broadcast to the destination's shape. `name` is the operator's, for errors.
// Half-precision operands are converted to float32 where the device has no arithmetic for them.
void matmul(const char* name, const at::Tensor& destination, const at::Tensor& source,
            const at::Tensor& weight, const at::Tensor& bias = {}, PostOps post_ops = {});

}  // namespace ipex::onednn
