#include "aten/matmul/gemm.h"

#include <ATen/ExpandUtils.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/ops/empty.h>

#include "aten/dtypes.h"
#include "aten/matmul/gemm_launch.h"

namespace ipex::aten {
namespace {

using at::ScalarType;
using at::Tensor;
using kernels::GemmParams;
using kernels::matrix;

bool has_kernels(ScalarType dtype) { return dtype_index(dtype) >= 0 && dtype != at::kBool; }

// A batch of one matrix is repeated.
std::int64_t batch_stride(const Tensor& tensor, int d) { return tensor.size(d) == 1 ? 0 : tensor.stride(d); }

matrix operand_of(const Tensor& tensor, int outer, int inner) {
  return {tensor.const_data_ptr(),
          tensor.stride(outer),
          tensor.stride(inner),
          {batch_stride(tensor, 0), batch_stride(tensor, 1)},
          tensor.is_conj()};
}

}  // namespace

void gemm(const char* name, const Tensor& result, const Tensor& first, const Tensor& second,
          const Tensor& addend, const at::Scalar& beta, const at::Scalar& alpha) {
  // Integers are multiplied modulo their width, whatever their sign.
  const auto dtype = signed_dtype(first.scalar_type()), result_dtype = signed_dtype(result.scalar_type());
  TORCH_CHECK_NOT_IMPLEMENTED(has_kernels(dtype) && has_kernels(result_dtype), '"', name,
                              "\" not implemented for '", c10::toString(dtype), "'");
  check_dtype(name, dtype);
  if (result.numel() == 0) return;
  if (result.is_conj()) {
    const auto plain = at::empty(result.sizes(), result.options());
    gemm(name, plain, first, second, addend, beta, alpha);
    result.copy_(plain);
    return;
  }
  if (result.dim() < 4) {
    const auto batch = addend.defined() ? addend.expand(result.sizes()).unsqueeze(0) : addend;
    return gemm(name, result.unsqueeze(0), first.unsqueeze(0), second.unsqueeze(0), batch, beta, alpha);
  }
  for (const auto* tensor : {&result, &first, &second}) {
    for (const auto size : tensor->sizes()) check_gemm_size(name, size);
  }
  const bool has_addend = addend.defined() && !beta.equal(0);
  Tensor base;
  if (has_addend) {
    base = addend.to(result.scalar_type()).resolve_conj().resolve_neg();
    if (base.is_alias_of(result) && at::get_overlap_status(base, result) != at::MemOverlapStatus::Full) {
      base = base.clone();
    }
    base = base.expand(result.sizes());
  }
  // A factor of 0 hides the product, even NaN.
  const auto depth = alpha.equal(0) ? 0 : first.size(3);
  const bool one_row = result.size(2) == 1 && result.size(3) != 1;
  const int row = one_row ? 3 : 2, column = one_row ? 2 : 3;
  const auto narrow = [](std::int64_t value) { return static_cast<std::int32_t>(value); };
  GemmParams params{};
  const auto left = operand_of(one_row ? second : first, row, column);
  kernels::store_operand(left, params.first);
  kernels::store_operand(operand_of(one_row ? first : second, column, row), params.second);
  params.shape = {narrow(result.size(row)),
                  narrow(result.size(column)),
                  narrow(depth),
                  {narrow(result.size(0)), narrow(result.size(1))},
                  1,
                  narrow(depth),
                  nullptr};
  const auto strides = [&](const Tensor& tensor, std::int64_t(&to)[4]) {
    to[0] = batch_stride(tensor, 0);
    to[1] = batch_stride(tensor, 1);
    to[2] = tensor.stride(row);
    to[3] = tensor.stride(column);
  };
  params.output.result = result.mutable_data_ptr();
  strides(result, params.output.result_strides);
  if (has_addend) {
    params.output.addend = base.const_data_ptr();
    strides(base, params.output.addend_strides);
  }
  store_factors(result_dtype, alpha, beta, params.output);
  if (params.shape.columns == 1) {
    return launch_gemv(dtype, result_dtype, left.inner == 1 || depth == 1, params);
  }
  launch_gemm("gemm", name, dtype, result_dtype, "matrix", "matrix", params);
}

}  // namespace ipex::aten
