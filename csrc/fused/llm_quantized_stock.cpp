// Stock PyTorch's operators on weights of few bits, which torchao calls: their weights are ours inside, since
// stock leaves to a device what `_convert_weight_to_int4pack` returns.
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_or.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/floor_divide.h>
#include <ATen/ops/stack.h>
#include <ATen/TensorOperators.h>
#include <torch/library.h>

#include "fused/llm_quantized.h"

namespace ipex::aten {
namespace {

using at::Tensor;

constexpr std::int64_t block = 32;

// The most weights that share a scale and that our kernels add up before they are scaled.
std::int64_t span_of(const char* name, std::int64_t group) {
  for (const std::int64_t span : {128, 64, 32}) {
    if (group > 0 && group % span == 0) return span;
  }
  TORCH_CHECK(false, name, ": expected a group size that is a multiple of 32, but got ", group);
}

// uint8 [N, K / 2], the even column in the lower half of a byte, to int32 [N, K / 8].
Tensor convert_weight_to_int4pack(const Tensor& self, std::int64_t /*inner_k_tiles*/) {
  TORCH_CHECK(
      self.dim() == 2 && self.scalar_type() == c10::kByte && self.size(1) % (block / 2) == 0,
      "_convert_weight_to_int4pack: expected a weight of dtype uint8 and shape [N, K / 2] whose K is a "
      "multiple of ",
      block, ", but got ", self.scalar_type(), " and ", self.sizes());
  const auto codes = at::stack({at::bitwise_and(self, 15), at::floor_divide(self, 16)}, 2)
                         .view({self.size(0), -1, 2, block / 2});
  const auto packed = at::bitwise_or(codes.select(2, 0), codes.select(2, 1) * 16);
  return packed.reshape({self.size(0), self.size(1)}).view(c10::kInt);
}

// [groups, N] to float32 [N, spans].
Tensor by_rows(const Tensor& values, std::int64_t group, std::int64_t span) {
  const auto rows = values.t().to(c10::kFloat);
  return (group == span ? rows : rows.repeat_interleave(group / span, 1)).contiguous();
}

Tensor multiply_packed(const char* name, const Tensor& self, const Tensor& mat2, std::int64_t group,
                       const Tensor& scales, const Tensor& zeros, bool zeros_are_offsets) {
  TORCH_CHECK(mat2.dim() == 2 && mat2.scalar_type() == c10::kInt && mat2.is_contiguous(), name,
              ": expected a weight of _convert_weight_to_int4pack, but got ", mat2.scalar_type(),
              " of shape ", mat2.sizes());
  const auto span = span_of(name, group);
  const auto columns = mat2.size(1) * 8;
  TORCH_CHECK(columns % group == 0 && scales.dim() == 2 && scales.size(0) == columns / group &&
                  scales.size(1) == mat2.size(0),
              name, ": expected scales of shape [", columns / group, ", ", mat2.size(0), "], but got ",
              scales.sizes());
  return quantized_linear(name, self,
                          {"int4", mat2.view(c10::kByte), by_rows(scales, group, span),
                           by_rows(zeros, group, span), columns, span, zeros_are_offsets},
                          std::nullopt);
}

// (code - 8) * scale + zero
Tensor weight_int4pack_mm(const Tensor& self, const Tensor& mat2, std::int64_t group,
                          const Tensor& scales_and_zeros) {
  TORCH_CHECK(scales_and_zeros.dim() == 3 && scales_and_zeros.size(2) == 2,
              "_weight_int4pack_mm: expected scales and zeros of shape [K / group, N, 2], but got ",
              scales_and_zeros.sizes());
  const auto wide = scales_and_zeros.to(c10::kFloat);
  const auto scales = wide.select(2, 0);
  return multiply_packed("_weight_int4pack_mm", self, mat2, group, scales, wide.select(2, 1) - scales * 8,
                         true);
}

// (code - zero) * scale
Tensor weight_int4pack_mm_with_scales_and_zeros(const Tensor& self, const Tensor& mat2, std::int64_t group,
                                                const Tensor& scales, const Tensor& zeros) {
  const char* name = "_weight_int4pack_mm_with_scales_and_zeros";
  TORCH_CHECK(zeros.sizes() == scales.sizes(), name, ": expected zero points of the scales' shape ",
              scales.sizes(), ", but got ", zeros.sizes());
  return multiply_packed(name, self, mat2, group, scales, zeros, false);
}

Tensor weight_int8pack_mm(const Tensor& self, const Tensor& mat2, const Tensor& scales) {
  TORCH_CHECK(mat2.dim() == 2 && mat2.scalar_type() == c10::kChar,
              "_weight_int8pack_mm: expected a weight of dtype int8 and shape [N, K], but got ",
              mat2.scalar_type(), " and ", mat2.sizes());
  TORCH_CHECK(scales.dim() == 1 && scales.size(0) == mat2.size(0),
              "_weight_int8pack_mm: expected scales of shape [", mat2.size(0), "], but got ", scales.sizes());
  const auto columns = mat2.size(1), padding = (block - columns % block) % block;
  const auto codes = (padding == 0 ? mat2 : at::constant_pad_nd(mat2, {0, padding})).contiguous();
  return quantized_linear("_weight_int8pack_mm", self,
                          {"int8", codes.view(c10::kByte), scales.to(c10::kFloat).unsqueeze(1).contiguous(),
                           Tensor(), columns, span_of("_weight_int8pack_mm", columns + padding), false},
                          std::nullopt);
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(aten, XPU, m) {
  m.impl("_convert_weight_to_int4pack", ipex::aten::convert_weight_to_int4pack);
  m.impl("_weight_int4pack_mm", ipex::aten::weight_int4pack_mm);
  m.impl("_weight_int4pack_mm_with_scales_and_zeros", ipex::aten::weight_int4pack_mm_with_scales_and_zeros);
  m.impl("_weight_int8pack_mm", ipex::aten::weight_int8pack_mm);
}
