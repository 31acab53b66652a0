// Stock kernels of nested tensors that work on any device, though CUDA has others.
#include <ATen/ops/_nested_tensor_softmax_with_shape_native.h>
#include <ATen/ops/bmm_native.h>
#include <ATen/ops/to_padded_tensor_native.h>
#include <torch/library.h>

TORCH_LIBRARY_IMPL(aten, NestedTensorXPU, library) {
  library.impl("bmm", at::native::bmm_nested);
  library.impl("to_padded_tensor", at::native::NestedTensor_to_padded_tensor_generic);
  library.impl("_nested_tensor_softmax_with_shape", at::native::NestedTensor_softmax_dropout);
}
