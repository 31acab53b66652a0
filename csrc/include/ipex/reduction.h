// Reductions by an operation of the caller's own.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Scalar.h>

#include <optional>
#include <string>

namespace ipex {

// By an operation `template <class T> struct name` as kernels/functors/reduce.hpp has them
// (kernels/reduce.hpp says what one must have), in a .sycl.cpp or .sycl.hpp file that includes
// "kernels/reduce.hpp". T is float for half and bfloat16, else the dtype. Members, if any, are scalar
// arguments of type T.
//
// Reduces `dims` of the input, or all of them; integers are computed in float32. Sums of any length are as
// accurate as pairwise ones and the same in every run. The result has the input's dtype, or `dtype`.
class Reduction {
 public:
  // `module` as for launch() in kernels.h; `name` is the operation's, and the operator's in errors.
  Reduction(std::string module, std::string name);

  at::Tensor operator()(const at::Tensor& input, at::OptionalIntArrayRef dims = std::nullopt,
                        bool keepdim = false, at::ArrayRef<c10::Scalar> scalars = {},
                        std::optional<c10::ScalarType> dtype = std::nullopt) const;

 private:
  std::string module_, name_;
};

}  // namespace ipex
