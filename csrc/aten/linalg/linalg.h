// What the operators of linear algebra share: where oneMKL computes, and the memory it computes in.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/native/LinearAlgebraUtils.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>

#include "onemkl/lapack.h"

namespace ipex::aten {

// Otherwise the operator runs on the CPU. `name` is the operator's, for a dtype that neither can compute
// with.
inline bool by_onemkl(const char* name, const at::Tensor& tensor) {
  const auto real = c10::toRealValueType(tensor.scalar_type());
  TORCH_CHECK_NOT_IMPLEMENTED(real == at::kFloat || real == at::kDouble, '"', name,
                              "\" not implemented for '", c10::toString(tensor.scalar_type()), "'");
  return onemkl::refusal(tensor.device(), tensor.scalar_type()) == nullptr;
}

inline bool is_plain(const at::Tensor& tensor) { return !tensor.is_conj() && !tensor.is_neg(); }

inline bool is_column_major(const at::Tensor& tensor) {
  return is_plain(tensor) && tensor.mT().is_contiguous();
}

inline at::Tensor empty_column_major(at::IntArrayRef sizes, const at::TensorOptions& options) {
  return at::empty_strided(sizes, at::native::batched_matrix_contiguous_strides(sizes, /*f_contig=*/true),
                           options);
}

inline at::Tensor column_major_copy(const at::Tensor& tensor) {
  return empty_column_major(tensor.sizes(), tensor.options()).copy_(tensor);
}

// To be read only.
inline at::Tensor column_major(const at::Tensor& tensor) {
  return is_column_major(tensor) ? tensor : column_major_copy(tensor);
}

// Calls function(memory) with `out`, or with a dense tensor that is then copied to it. The memory may hold
// anything before.
template <class Function>
void in_column_major(const at::Tensor& out, Function function) {
  if (is_column_major(out)) return function(out);
  const auto memory = empty_column_major(out.sizes(), out.options());
  function(memory);
  out.copy_(memory);
}

template <class Function>
void in_contiguous(const at::Tensor& out, Function function) {
  if (out.is_contiguous()) return function(out);
  const auto memory = at::empty(out.sizes(), out.options());
  function(memory);
  out.copy_(memory);
}

// An int32 tensor with an element for each matrix.
inline at::Tensor empty_info(const at::Tensor& matrices) {
  return at::empty(matrices.sizes().slice(0, matrices.dim() - 2), matrices.options().dtype(at::kInt));
}

inline void fill_identity(const at::Tensor& matrices) {
  matrices.zero_();
  matrices.diagonal(0, -2, -1).fill_(1);
}

// The dispatcher hands const references where the operators of the fallback take others.
inline at::Tensor& writable(const at::Tensor& tensor) { return const_cast<at::Tensor&>(tensor); }

}  // namespace ipex::aten
