// The choice between attention by parts and stock's composite of matrix products and softmax. Stock chooses
// through a table that has no place for xpu in a CPU build and fails; so xpu goes past it.
#include "aten/attention/attention.h"

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_scaled_dot_product_attention_math.h>
#include <ATen/ops/_scaled_dot_product_fused_attention_overrideable.h>
#include <ATen/ops/scaled_dot_product_attention_native.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

#include <limits>

namespace ipex::aten {
namespace {

// Attention by parts is to xpu what stock's fused kernels are to other devices: any of their switches allows
// it.
bool fused_allowed() {
  const auto& context = at::globalContext();
  return context.userEnabledFlashSDP() || context.userEnabledMemEfficientSDP() ||
         context.userEnabledOverrideableSDP();
}

at::Tensor scaled_dot_product_attention(const at::Tensor& query, const at::Tensor& key,
                                        const at::Tensor& value, const std::optional<at::Tensor>& mask,
                                        double dropout_p, bool is_causal, std::optional<double> scale,
                                        bool enable_gqa) {
  TORCH_CHECK(query.dtype() == key.dtype() && query.dtype() == value.dtype(),
              "Expected query, key, and value to have the same dtype, but got query.dtype: ", query.dtype(),
              " key.dtype: ", key.dtype(), " and value.dtype: ", value.dtype(), " instead.");
  TORCH_CHECK(
      query.device() == key.device() && query.device() == value.device(),
      "Expected query, key, and value to have the same device type, but got query.device: ", query.device(),
      " key.device: ", key.device(), " and value.device: ", value.device(), " instead.");
  TORCH_CHECK(query.dim() >= 2 && key.dim() >= 2 && value.dim() >= 2,
              "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ",
              query.dim(), " key.dim: ", key.dim(), " and value.dim: ", value.dim(), " instead.");
  if (mask && mask->defined()) {
    TORCH_CHECK(!is_causal, "Explicit attn_mask should not be set when is_causal=True");
    TORCH_CHECK(
        mask->scalar_type() == at::kBool || mask->scalar_type() == at::kFloat ||
            mask->scalar_type() == query.scalar_type(),
        "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: ",
        mask->dtype(), " and  query.dtype: ", query.dtype(), " instead.");
  }
  const bool shared_heads = query.dim() >= 3 && key.dim() >= 3 && query.size(-3) != key.size(-3);
  const char* refusal = fused_allowed() ? shared_heads && !enable_gqa
                                              ? "heads are shared only with enable_gqa=True"
                                              : attention_refusal(query, key, value, mask)
                                        : "its switches are off";
  if (refusal == nullptr) {
    return std::get<0>(at::_scaled_dot_product_fused_attention_overrideable(
        query, key, value, mask, dropout_p, is_causal, false, scale));
  }
  TORCH_CHECK(at::globalContext().userEnabledMathSDP(),
              "scaled_dot_product_attention: no backend is left; the math backend is off, and the fused one "
              "does not run: ",
              refusal);
  auto bias = mask;
  if (mask && mask->defined() && mask->scalar_type() == at::kBool) {
    bias = at::zeros_like(*mask, query.options())
               .masked_fill_(mask->logical_not(), -std::numeric_limits<double>::infinity());
  }
  return std::get<0>(at::_scaled_dot_product_attention_math(query, key, value, bias, dropout_p, is_causal,
                                                            std::nullopt, scale, enable_gqa));
}

// Nested tensors of all devices share one key: those of others go on to stock's.
at::Tensor nested_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const std::optional<at::Tensor>& mask, double dropout_p, bool is_causal,
                            std::optional<double> scale, bool enable_gqa) {
  if (!query.is_xpu()) {
    return at::native::scaled_dot_product_attention(query, key, value, mask, dropout_p, is_causal, scale,
                                                    enable_gqa);
  }
  return std::get<0>(at::_scaled_dot_product_attention_math(query, key, value, mask, dropout_p, is_causal,
                                                            std::nullopt, scale, enable_gqa));
}

}  // namespace
}  // namespace ipex::aten

// A composite: autograd sees the operators it is made of.
TORCH_LIBRARY_IMPL(aten, XPU, m) {
  m.impl("scaled_dot_product_attention", TORCH_FN(ipex::aten::scaled_dot_product_attention));
}
TORCH_LIBRARY_IMPL(aten, AutogradXPU, m) {
  m.impl("scaled_dot_product_attention", TORCH_FN(ipex::aten::scaled_dot_product_attention));
}
TORCH_LIBRARY_IMPL(aten, NestedTensorXPU, m) {
  m.impl("scaled_dot_product_attention", TORCH_FN(ipex::aten::nested_attention));
}
TORCH_LIBRARY_IMPL(aten, AutogradNestedTensor, m) {
  m.impl("scaled_dot_product_attention", TORCH_FN(ipex::aten::nested_attention));
}
