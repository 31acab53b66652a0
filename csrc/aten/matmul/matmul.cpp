// Matrix products: mm, addmm, bmm, baddbmm, addmv, dot and what is made of them.
#include "aten/matmul/matmul.h"

#include <ATen/MemoryOverlap.h>
#include <ATen/ops/_int_mm_native.h>
#include <ATen/ops/addmm_native.h>
#include <ATen/ops/addmv_native.h>
#include <ATen/ops/baddbmm_native.h>
#include <ATen/ops/bmm_native.h>
#include <ATen/ops/dot_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm_native.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/vdot_native.h>

#include "aten/matmul/few_rows.h"
#include "aten/matmul/gemm.h"
#include "aten/matmul/small_products.h"
#include "onednn/matmul.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using onednn::PostOps;

bool by_library(const Tensor& first, const Tensor& second, const Tensor& result) {
  const auto device = first.device();
  const auto dtype = first.scalar_type();
  return onednn::matmul_refusal(device, dtype, result.scalar_type()) == nullptr &&
         !is_small(small_matmul, device, dtype, result.numel() * first.size(-1),
                   first.numel() + second.numel() + result.numel());
}

void check_same_dtype(const char* name, const Tensor& first, const Tensor& second) {
  TORCH_CHECK(first.dtype() == second.dtype(), name,
              ": expected m1 and m2 to have the same dtype, but got: ", first.dtype(),
              " != ", second.dtype());
}

// A vector along the columns of every row of `out`.
bool is_row_vector(const Tensor& self, const Tensor& out) {
  return self.dim() > 0 && self.numel() == self.size(-1) && self.size(-1) == out.size(-1);
}

void check_dot(const Tensor& self, const Tensor& other) {
  TORCH_CHECK(self.dim() == 1 && other.dim() == 1, "1D tensors expected, but got ", self.dim(), "D and ",
              other.dim(), "D tensors");
  TORCH_CHECK(self.scalar_type() == other.scalar_type(),
              "dot : expected both vectors to have same dtype, but found ", self.scalar_type(), " and ",
              other.scalar_type());
  TORCH_CHECK(self.numel() == other.numel(), "inconsistent tensor size, expected tensor [", self.numel(),
              "] and src [", other.numel(), "] to have the same number of elements, but got ", self.numel(),
              " and ", other.numel(), " elements respectively");
}

Tensor inner_product(const char* name, const Tensor& self, const Tensor& other) {
  auto result = at::empty({}, self.options());
  multiply(name, result.view({1, 1}), self.unsqueeze(0), other.unsqueeze(1));
  return result;
}

void check_int_mm(const Tensor& self, const Tensor& second) {
  TORCH_CHECK(self.dim() == 2, "Expected self to be of dimension 2 but got ", self.dim());
  TORCH_CHECK(second.dim() == 2, "Expected mat2 to be of dimension 2 but got ", second.dim());
  TORCH_CHECK(self.size(1) == second.size(0), "self.size(1) needs to match mat2.size(0) but got ",
              self.size(1), " and ", second.size(0));
  TORCH_CHECK(self.scalar_type() == c10::kChar, "Expected self dtype to be of type int8 but got ",
              self.scalar_type());
  TORCH_CHECK(second.scalar_type() == c10::kChar, "Expected mat2 dtype to be of type int8 but got ",
              second.scalar_type());
}

}  // namespace

void multiply(const char* name, const Tensor& out, const Tensor& first, const Tensor& second) {
  if (multiply_few_rows(name, out, first, second)) return;
  if (!by_library(first, second, out)) return gemm(name, out, first, second);
  if (out.numel() == 0) return;
  if (first.numel() == 0) {
    out.zero_();
  } else {
    onednn::matmul(name, out, first, second);
  }
}

void multiply_add(const char* name, const Tensor& out, const Tensor& self, const Tensor& first,
                  const Tensor& second, const at::Scalar& beta, const at::Scalar& alpha) {
  const bool with_bias = beta.equal(1) && alpha.equal(1) && is_row_vector(self, out);
  if (with_bias && multiply_few_rows(name, out, first, second, self.reshape({-1}))) return;
  if (!by_library(first, second, out)) return gemm(name, out, first, second, self, beta, alpha);
  const float factor = beta.to<float>();
  const float product_factor = alpha.to<float>();
  // Nothing of self shows where beta is 0, not even a NaN.
  if (out.numel() == 0) return;
  if (first.numel() == 0) {
    factor == 0 ? out.zero_() : out.copy_(at::mul(self, beta));
    return;
  }
  const bool apart = !self.is_alias_of(out);
  PostOps post_ops;
  Tensor bias;
  if (factor == 1 && product_factor == 1 && apart && is_row_vector(self, out)) {
    bias = self.reshape({-1});
  } else {
    post_ops.scale(product_factor);
    if (factor == 1 && apart && self.sizes() == out.sizes() && self.is_contiguous()) {
      post_ops.binary(dnnl::algorithm::binary_add, self);
    } else if (factor != 0) {
      if (at::get_overlap_status(self, out) != at::MemOverlapStatus::Full) out.copy_(self);
      post_ops.sum(factor);
    }
  }
  onednn::matmul(name, out, first, second, bias, std::move(post_ops));
}

}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;
using ipex::aten::multiply;  // not at::multiply

TORCH_IMPL_FUNC(mm_out_xpu)(const Tensor& self, const Tensor& mat2, const Tensor& result) {
  check_same_dtype("mm", self, mat2);
  multiply("mm", result, self, mat2);
}

TORCH_IMPL_FUNC(bmm_out_xpu)(const Tensor& self, const Tensor& mat2, const Tensor& result) {
  check_same_dtype("bmm", self, mat2);
  multiply("bmm", result, self, mat2);
}

TORCH_IMPL_FUNC(addmm_out_xpu)
(const Tensor& self, const Tensor& mat1, const Tensor& mat2, const Scalar& beta, const Scalar& alpha,
 const Tensor& result) {
  check_same_dtype("addmm", mat1, mat2);
  multiply_add("addmm", result, self, mat1, mat2, beta, alpha);
}

TORCH_IMPL_FUNC(baddbmm_out_xpu)
(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta, const Scalar& alpha,
 const Tensor& result) {
  check_same_dtype("baddbmm", batch1, batch2);
  multiply_add("baddbmm", result, self, batch1, batch2, beta, alpha);
}

TORCH_IMPL_FUNC(addmv_out_xpu)
(const Tensor& self, const Tensor& mat, const Tensor& vec, const Scalar& beta, const Scalar& alpha,
 const Tensor& result) {
  check_same_dtype("addmv", mat, vec);
  const auto column = self.dim() == 1 ? self.unsqueeze(1) : self;
  multiply_add("addmv", result.unsqueeze(1), column, mat, vec.unsqueeze(1), beta, alpha);
}

Tensor dot_xpu(const Tensor& self, const Tensor& tensor) {
  check_dot(self, tensor);
  return inner_product("dot", self, tensor);
}

Tensor vdot_xpu(const Tensor& self, const Tensor& other) {
  check_dot(self, other);
  return inner_product("vdot", self.conj(), other);
}

Tensor& _int_mm_out_xpu(const Tensor& self, const Tensor& mat2, Tensor& result) {
  check_int_mm(self, mat2);
  TORCH_CHECK(result.scalar_type() == kInt, "Expected result dtype to be of type kInt but got ",
              result.scalar_type());
  const std::array<int64_t, 2> sizes{self.size(0), mat2.size(1)};
  TORCH_CHECK(result.sizes() == IntArrayRef(sizes), "Expected result to be of size ", IntArrayRef(sizes),
              " but got ", result.sizes());
  multiply("_int_mm", result, self, mat2);
  return result;
}

Tensor _int_mm_xpu(const Tensor& self, const Tensor& mat2) {
  check_int_mm(self, mat2);
  auto result = at::empty({self.size(0), mat2.size(1)}, self.options().dtype(kInt));
  return _int_mm_out_xpu(self, mat2, result);
}

}  // namespace at::native
