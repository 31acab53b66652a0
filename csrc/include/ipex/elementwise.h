// Operators of one functor of the caller's own.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>

#include <memory>
#include <string>
#include <vector>

namespace ipex {

// Of a functor `template <class T> struct name { T operator()(T first, ...) const; }` with up to three
// arguments, in a .sycl.cpp or .sycl.hpp file that includes "kernels/elementwise.hpp". T is float for half
// and bfloat16, else the dtype. Members, if any, are scalar arguments of type T, in their order.
//
// Called with tensors of the same or broadcastable sizes, of any strides and dtypes, of which some may be
// zero-dimensional on the CPU: computes in their common dtype, after integers became floating point where
// only floating dtypes are listed. The result has that dtype, or is bool. Throws c10::Error for a dtype that
// is not listed, and what stock operators throw for sizes and devices that do not fit.
class Elementwise {
 public:
  enum class Result { same, boolean };

  // `module` as for launch() in kernels.h; `name` is the functor's, and the operator's in errors.
  Elementwise(std::string module, std::string name,
              std::vector<c10::ScalarType> dtypes = {c10::kFloat, c10::kDouble, c10::kHalf, c10::kBFloat16},
              Result result = Result::same);
  ~Elementwise();
  Elementwise(const Elementwise&) = delete;
  Elementwise& operator=(const Elementwise&) = delete;

  at::Tensor operator()(at::ArrayRef<at::Tensor> inputs, at::ArrayRef<c10::Scalar> scalars = {}) const;

  // Into `out`, which is resized if it has another size; the result must be castable to its dtype.
  const at::Tensor& out(const at::Tensor& out, at::ArrayRef<at::Tensor> inputs,
                        at::ArrayRef<c10::Scalar> scalars = {}) const;

 private:
  struct Row;
  at::Tensor compute(const at::Tensor& out, at::ArrayRef<at::Tensor> inputs,
                     at::ArrayRef<c10::Scalar> scalars) const;
  std::unique_ptr<Row> row_;
};

}  // namespace ipex
