// Reduction operators but var, std and norms.
#include <ATen/native/ReduceOpsUtils.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/all_native.h>
#include <ATen/ops/amax_native.h>
#include <ATen/ops/amin_native.h>
#include <ATen/ops/aminmax_native.h>
#include <ATen/ops/any_native.h>
#include <ATen/ops/argmax_native.h>
#include <ATen/ops/argmin_native.h>
#include <ATen/ops/count_nonzero_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_native.h>
#include <ATen/ops/mean_native.h>
#include <ATen/ops/min_native.h>
#include <ATen/ops/nansum_native.h>
#include <ATen/ops/prod_native.h>
#include <ATen/ops/sum_native.h>

#include "aten/dtypes.h"
#include "aten/reduce/reduce.h"

namespace ipex::aten {
namespace {

// Operators that compute in the dtype of their result.
void reduce_in_result_dtype(const char* name, const char* operation, const at::Tensor& self,
                            at::OptionalIntArrayRef dim, bool keepdim, const at::Tensor& result) {
  const auto dtype = result.scalar_type();
  reduce({name, operation, dtype}, loadable(self, dtype), {result}, dim, keepdim);
}

// Operators that compute in the dtype of their input, whatever that of the result.
void reduce_in_input_dtype(const char* name, const char* operation, const at::Tensor& self,
                           at::OptionalIntArrayRef dim, bool keepdim, at::ArrayRef<at::Tensor> results) {
  reduce({name, operation, self.scalar_type()}, self, results, dim, keepdim);
}

void reduce_arg(const char* name, const char* operation, const at::Tensor& self,
                std::optional<std::int64_t> dim, bool keepdim, const at::Tensor& result) {
  if (dim) {
    reduce_in_input_dtype(name, operation, self, at::IntArrayRef{*dim}, keepdim, {result});
  } else {
    // The index counts elements in row-major order.
    reduce_in_input_dtype(name, operation, self.reshape({-1}), std::nullopt, false,
                          {result.view(at::IntArrayRef{})});
  }
}

void reduce_truth(const char* name, const char* operation, const at::Tensor& self, const DimMask& mask,
                  bool keepdim, const at::Tensor& result) {
  const auto view = at::native::review_reduce_result(result, static_cast<int>(self.dim()), mask, keepdim);
  reduce({name, operation, self.scalar_type()}, {self}, {view}, mask);
}

DimMask dims_mask(at::OptionalIntArrayRef dim, const at::Tensor& self) {
  return at::native::make_dim_mask(dim, self.dim(), /*allow_empty_dims=*/true);
}

at::Tensor& reduce_all(const char* name, const char* operation, const at::Tensor& self, at::Tensor& out) {
  TORCH_CHECK(
      self.numel() > 0, name,
      "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
      "'dim' argument.");
  TORCH_CHECK(self.device() == out.device(), name, ": expected out on ", self.device(), ", but it is on ",
              out.device());
  TORCH_CHECK(c10::canCast(self.scalar_type(), out.scalar_type()), "result type ", self.scalar_type(),
              " can't be cast to the desired output type ", out.scalar_type());
  at::native::resize_output(out, {});
  if (out.scalar_type() == self.scalar_type()) {
    reduce_in_input_dtype(name, operation, self, std::nullopt, false, {out});
  } else {
    auto result = at::empty({}, self.options());
    out.copy_(reduce_all(name, operation, self, result));
  }
  return out;
}

at::Tensor reduce_all(const char* name, const char* operation, const at::Tensor& self) {
  auto result = at::empty({}, self.options());
  return reduce_all(name, operation, self, result);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(sum_IntList_out_xpu)
(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, std::optional<ScalarType>, const Tensor& result) {
  reduce_in_result_dtype("sum", "sum", self, dim, keepdim, result);
}

TORCH_IMPL_FUNC(mean_out_xpu)
(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, std::optional<ScalarType>, const Tensor& result) {
  reduce_in_result_dtype("mean", "mean", self, dim, keepdim, result);
}

TORCH_IMPL_FUNC(prod_int_out_xpu)
(const Tensor& self, int64_t dim, bool keepdim, std::optional<ScalarType>, const Tensor& result) {
  reduce_in_result_dtype("prod", "prod", self, IntArrayRef{dim}, keepdim, result);
}

Tensor prod_xpu(const Tensor& self, std::optional<ScalarType> dtype) {
  auto result = at::empty({}, self.options().dtype(get_dtype_from_self(self, dtype, true)));
  reduce_in_result_dtype("prod", "prod", self, std::nullopt, false, result);
  return result;
}

Tensor& nansum_out_xpu(const Tensor& self, OptionalIntArrayRef dim, bool keepdim,
                       std::optional<ScalarType> dtype, Tensor& result) {
  const auto wanted = get_dtype_from_result(result, dtype);
  TORCH_CHECK(result.scalar_type() == wanted, "nansum: provided dtype must match dtype of result. Got ",
              toString(result.scalar_type()), " and ", toString(wanted), ".");
  const auto mask = make_dim_mask(dim, self.dim());
  resize_reduction_result(result, self, mask, keepdim, wanted);
  const bool may_be_nan = !c10::isIntegralType(self.scalar_type(), true);
  reduce_in_result_dtype("nansum", may_be_nan ? "nansum" : "sum", self, dim, keepdim, result);
  return result;
}

Tensor nansum_xpu(const Tensor& self, OptionalIntArrayRef dim, bool keepdim,
                  std::optional<ScalarType> dtype) {
  auto result = create_reduction_result(self, dim, keepdim, get_dtype_from_self(self, dtype, true));
  return nansum_out_xpu(self, dim, keepdim, dtype, result);
}

TORCH_IMPL_FUNC(amax_out_xpu)(const Tensor& self, IntArrayRef dim, bool keepdim, const Tensor& result) {
  reduce_in_input_dtype("amax", "amax", self, dim, keepdim, {result});
}

TORCH_IMPL_FUNC(amin_out_xpu)(const Tensor& self, IntArrayRef dim, bool keepdim, const Tensor& result) {
  reduce_in_input_dtype("amin", "amin", self, dim, keepdim, {result});
}

TORCH_IMPL_FUNC(aminmax_out_xpu)
(const Tensor& self, std::optional<int64_t> dim, bool keepdim, const Tensor& min, const Tensor& max) {
  std::vector<int64_t> dims;
  if (dim) dims.push_back(*dim);
  reduce_in_input_dtype("aminmax", "aminmax", self, dims, keepdim, {min, max});
}

TORCH_IMPL_FUNC(argmax_out_xpu)
(const Tensor& self, std::optional<int64_t> dim, bool keepdim, const Tensor& result) {
  reduce_arg("argmax", "argmax", self, dim, keepdim, result);
}

TORCH_IMPL_FUNC(argmin_out_xpu)
(const Tensor& self, std::optional<int64_t> dim, bool keepdim, const Tensor& result) {
  reduce_arg("argmin", "argmin", self, dim, keepdim, result);
}

TORCH_IMPL_FUNC(max_dim_max_xpu)
(const Tensor& self, int64_t dim, bool keepdim, const Tensor& values, const Tensor& indices) {
  reduce_in_input_dtype("max", "max", self, IntArrayRef{dim}, keepdim, {values, indices});
}

TORCH_IMPL_FUNC(min_dim_min_xpu)
(const Tensor& self, int64_t dim, bool keepdim, const Tensor& values, const Tensor& indices) {
  reduce_in_input_dtype("min", "min", self, IntArrayRef{dim}, keepdim, {values, indices});
}

Tensor max_xpu(const Tensor& self) { return reduce_all("max", "amax", self); }
Tensor& max_unary_out_xpu(const Tensor& self, Tensor& out) { return reduce_all("max", "amax", self, out); }
Tensor min_xpu(const Tensor& self) { return reduce_all("min", "amin", self); }
Tensor& min_unary_out_xpu(const Tensor& self, Tensor& out) { return reduce_all("min", "amin", self, out); }

TORCH_IMPL_FUNC(all_out_xpu)(const Tensor& self, int64_t dim, bool keepdim, const Tensor& result) {
  reduce_truth("all", "all", self, make_dim_mask(IntArrayRef{dim}, self.dim()), keepdim, result);
}

TORCH_IMPL_FUNC(all_dims_out_xpu)
(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, const Tensor& result) {
  reduce_truth("all", "all", self, dims_mask(dim, self), keepdim, result);
}

TORCH_IMPL_FUNC(all_all_out_xpu)(const Tensor& self, const Tensor& result) {
  reduce_truth("all", "all", self, make_dim_mask(std::nullopt, self.dim()), false, result);
}

TORCH_IMPL_FUNC(any_out_xpu)(const Tensor& self, int64_t dim, bool keepdim, const Tensor& result) {
  reduce_truth("any", "any", self, make_dim_mask(IntArrayRef{dim}, self.dim()), keepdim, result);
}

TORCH_IMPL_FUNC(any_dims_out_xpu)
(const Tensor& self, OptionalIntArrayRef dim, bool keepdim, const Tensor& result) {
  reduce_truth("any", "any", self, dims_mask(dim, self), keepdim, result);
}

TORCH_IMPL_FUNC(any_all_out_xpu)(const Tensor& self, const Tensor& result) {
  reduce_truth("any", "any", self, make_dim_mask(std::nullopt, self.dim()), false, result);
}

Tensor count_nonzero_dim_IntList_xpu(const Tensor& self, IntArrayRef dim) {
  auto result = create_reduction_result(self, dim, false, kLong);
  reduce_in_input_dtype("count_nonzero", "count_nonzero", self, dim, false, {result});
  return result;
}

}  // namespace at::native
