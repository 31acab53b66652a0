// What operators of large language models ask of their arguments.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <optional>
#include <string>

namespace ipex::aten {

inline at::Tensor defined_or_empty(const std::optional<at::Tensor>& tensor) {
  return tensor.value_or(at::Tensor());
}

inline const void* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr() : nullptr;
}

inline void check_dtype_of_model(const char* name, const at::Tensor& tensor) {
  const auto dtype = tensor.scalar_type();
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kHalf || dtype == at::kBFloat16, name,
              ": expected float32, float16 or bfloat16, but got ", dtype);
}

inline void check_device(const char* name, const char* what, const at::Tensor& tensor,
                         const at::Tensor& like) {
  TORCH_CHECK(tensor.device() == like.device(), name, ": expected ", what, " on ", like.device(),
              ", but got it on ", tensor.device());
}

// Of the dtype and on the device of another argument.
inline void check_like(const char* name, const char* what, const at::Tensor& tensor, const at::Tensor& like) {
  TORCH_CHECK(tensor.scalar_type() == like.scalar_type(), name, ": expected ", what, " of dtype ",
              like.scalar_type(), ", but got ", tensor.scalar_type());
  check_device(name, what, tensor, like);
}

inline void check_shape(const char* name, const char* what, const at::Tensor& tensor,
                        at::IntArrayRef expected) {
  TORCH_CHECK(tensor.sizes() == expected, name, ": expected ", what, " of shape ", expected, ", but got ",
              tensor.sizes());
}

// An operator whose schema is put together.
inline void define(torch::Library& library, const std::string& schema) { library.def(schema.c_str()); }

// Tells autograd that an operator wrote into a tensor.
inline void mark_written(const at::Tensor& tensor) { tensor.unsafeGetTensorImpl()->bump_version(); }

}  // namespace ipex::aten
