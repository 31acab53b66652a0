// Places of values among sorted ones.
#define AT_PER_OPERATOR_HEADERS  // torch's own helpers then include only the operators they use
#include <ATen/core/Tensor.h>
#include <ATen/native/BucketizationUtils.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/bucketize_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/result_type.h>
#include <ATen/ops/searchsorted_native.h>

#include "aten/kernel_table.h"
#include "kernels/search_params.hpp"

namespace ipex::aten {
namespace {

void search_sorted(const at::Tensor& boundaries, const at::Tensor& values, const at::Tensor& sorter,
                   bool right, at::Tensor& out) {
  at::native::resize_output(out, values.sizes());
  if (out.numel() == 0) return;
  // Both in one dtype, dense.
  const auto dtype = at::result_type(boundaries, values);
  check_dtype("searchsorted", dtype);
  TORCH_CHECK_NOT_IMPLEMENTED(!c10::isComplexType(dtype), "\"searchsorted\" not implemented for '", dtype,
                              "'");
  const auto rows = boundaries.to(dtype).contiguous(), wanted = values.to(dtype).contiguous();
  const auto order = sorter.defined() ? sorter.contiguous() : sorter;
  auto result = out.is_contiguous() ? out : at::empty(out.sizes(), out.options());
  kernels::SearchParams params;
  params.boundaries = rows.const_data_ptr();
  params.sorter = order.defined() ? order.const_data_ptr<std::int64_t>() : nullptr;
  params.values = wanted.const_data_ptr();
  params.output = result.mutable_data_ptr();
  params.numel = wanted.numel();
  params.columns = values.dim() == 0 ? 1 : values.size(-1);
  params.length = boundaries.size(-1);
  params.shared_boundaries = boundaries.dim() == 1;
  params.right = right;
  launch("search", instantiation("search_sorted", type_name(dtype), type_name(out.scalar_type())),
         range_for(params.numel), params);
  if (!result.is_same(out)) out.copy_(result);
}

at::TensorOptions result_options(const at::Tensor& boundaries, bool out_int32) {
  return boundaries.options().dtype(out_int32 ? at::kInt : at::kLong);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor& searchsorted_Tensor_out_xpu(const Tensor& boundaries, const Tensor& values, bool out_int32,
                                    bool right, std::optional<std::string_view> side,
                                    const std::optional<Tensor>& sorter, Tensor& out) {
  const auto order = sorter.value_or(Tensor());
  searchsorted_pre_check(boundaries, values, out, out_int32, right, side, order);
  search_sorted(boundaries, values, order, right || (side && *side == "right"), out);
  return out;
}

Tensor searchsorted_Tensor_xpu(const Tensor& boundaries, const Tensor& values, bool out_int32, bool right,
                               std::optional<std::string_view> side, const std::optional<Tensor>& sorter) {
  auto out = at::empty({0}, result_options(boundaries, out_int32));
  return searchsorted_Tensor_out_xpu(boundaries, values, out_int32, right, side, sorter, out);
}

Tensor& searchsorted_Scalar_out_xpu(const Tensor& boundaries, const Scalar& value, bool out_int32, bool right,
                                    std::optional<std::string_view> side, const std::optional<Tensor>& sorter,
                                    Tensor& out) {
  return searchsorted_Tensor_out_xpu(boundaries, searchsorted_scalar_tensor(value, boundaries.device()),
                                     out_int32, right, side, sorter, out);
}

Tensor searchsorted_Scalar_xpu(const Tensor& boundaries, const Scalar& value, bool out_int32, bool right,
                               std::optional<std::string_view> side, const std::optional<Tensor>& sorter) {
  auto out = at::empty({0}, result_options(boundaries, out_int32));
  return searchsorted_Scalar_out_xpu(boundaries, value, out_int32, right, side, sorter, out);
}

Tensor& bucketize_Tensor_out_xpu(const Tensor& values, const Tensor& boundaries, bool out_int32, bool right,
                                 Tensor& out) {
  TORCH_CHECK(boundaries.dim() == 1, "bucketize(): boundaries tensor must be 1 dimension, but got dim(",
              boundaries.dim(), ")");
  return searchsorted_Tensor_out_xpu(boundaries, values, out_int32, right, std::nullopt, std::nullopt, out);
}

Tensor bucketize_Tensor_xpu(const Tensor& values, const Tensor& boundaries, bool out_int32, bool right) {
  auto out = at::empty({0}, result_options(boundaries, out_int32));
  return bucketize_Tensor_out_xpu(values, boundaries, out_int32, right, out);
}

Tensor bucketize_Scalar_xpu(const Scalar& value, const Tensor& boundaries, bool out_int32, bool right) {
  return bucketize_Tensor_xpu(searchsorted_scalar_tensor(value, boundaries.device()), boundaries, out_int32,
                              right);
}

}  // namespace at::native
