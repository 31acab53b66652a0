// The layer that stock's nn.TransformerEncoderLayer hands over whole in inference.
#include <ATen/core/Tensor.h>
#include <ATen/native/nested/NestedTensorTransformerFunctions.h>
#include <ATen/native/nested/NestedTensorUtils.h>
#include <ATen/ops/_transformer_encoder_layer_fwd_native.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/library.h>

#include <functional>

namespace ipex::aten {
namespace {

using at::Tensor;

// As attention takes it: true is what is looked at, for [batch, heads, queries, keys].
// The layer's masks are of queries and keys (0), of keys to leave out for each of the batch (1), or both (2);
// true there is what is left out.
std::optional<Tensor> attention_mask(const std::optional<Tensor>& given, std::optional<std::int64_t> type) {
  if (!given || !given->defined()) return std::nullopt;
  auto mask = *given;
  if (type == 1) {
    TORCH_CHECK(mask.dim() == 2,
                "_transformer_encoder_layer_fwd: expected a padding mask of [batch, keys], got ",
                mask.sizes());
    mask = mask.unsqueeze(1).unsqueeze(1);
  }
  return mask.scalar_type() == at::kBool ? mask.logical_not() : mask;
}

// Attention among [batch, length, 3 * features]: queries, keys and values side by side.
Tensor attend(const Tensor& projected, std::int64_t heads, const std::optional<Tensor>& mask) {
  const auto batch = projected.size(0), length = projected.size(1), features = projected.size(2) / 3;
  const auto parts = projected.view({batch, length, 3, heads, features / heads});
  const auto part = [&](int index) { return parts.select(2, index).transpose(1, 2); };
  const auto seen = at::scaled_dot_product_attention(part(0), part(1), part(2), mask);
  return seen.transpose(1, 2).reshape({batch, length, features});
}

// The same among the rows of sequences of different lengths, which follow each other; `kept`, on the host,
// says for [batch, longest] where they are once padded.
std::function<Tensor(const Tensor&)> attention_of_sequences(const Tensor& kept, std::int64_t heads,
                                                            c10::Device device) {
  const auto mask = kept.to(device).unsqueeze(1).unsqueeze(1);
  const auto places = kept.view(-1).nonzero().view(-1).to(device);
  return [=, batch = kept.size(0), longest = kept.size(1)](const Tensor& projected) {
    auto padded = projected.new_zeros({batch * longest, projected.size(1)});
    padded.index_copy_(0, places, projected);
    const auto seen = attend(padded.view({batch, longest, -1}), heads, mask);
    return seen.flatten(0, 1).index_select(0, places);
  };
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;

Tensor _transformer_encoder_layer_fwd_xpu(const Tensor& src, int64_t embed_dim, int64_t num_heads,
                                          const Tensor& qkv_weight, const Tensor& qkv_bias,
                                          const Tensor& proj_weight, const Tensor& proj_bias, bool use_gelu,
                                          bool norm_first, double eps, const Tensor& norm_weight_1,
                                          const Tensor& norm_bias_1, const Tensor& norm_weight_2,
                                          const Tensor& norm_bias_2, const Tensor& ffn_weight_1,
                                          const Tensor& ffn_bias_1, const Tensor& ffn_weight_2,
                                          const Tensor& ffn_bias_2, const std::optional<Tensor>& mask,
                                          std::optional<int64_t> mask_type) {
  constexpr auto name = "_transformer_encoder_layer_fwd";
  TORCH_CHECK(num_heads > 0 && embed_dim % num_heads == 0, name, ": ", embed_dim,
              " features are not divisible by ", num_heads, " heads");
  const auto first_norm = [&](const Tensor& x) {
    return at::layer_norm(x, {embed_dim}, norm_weight_1, norm_bias_1, eps);
  };
  const auto second_norm = [&](const Tensor& x) {
    return at::layer_norm(x, {embed_dim}, norm_weight_2, norm_bias_2, eps);
  };
  // Everything but attention is a row's own.
  const auto layer = [&](const Tensor& rows, const auto& attention) {
    auto x = attention(at::linear(norm_first ? first_norm(rows) : rows, qkv_weight, qkv_bias));
    x = at::linear(x, proj_weight, proj_bias).add_(rows);
    if (!norm_first) x = first_norm(x);
    const auto hidden = at::linear(norm_first ? second_norm(x) : x, ffn_weight_1, ffn_bias_1);
    const auto result =
        at::linear(use_gelu ? at::gelu(hidden) : at::relu(hidden), ffn_weight_2, ffn_bias_2).add_(x);
    return norm_first ? result : second_norm(result);
  };

  if (!src.is_nested()) {
    TORCH_CHECK(src.dim() == 3 && src.size(2) == embed_dim, name, ": expected src of [batch, length, ",
                embed_dim, "], got ", src.sizes());
    const auto seen = attention_mask(mask, mask_type);
    return layer(src, [&](const Tensor& projected) { return attend(projected, num_heads, seen); });
  }
  const auto sequences = src.contiguous();
  const auto* nested = get_nested_tensor_impl(sequences);
  TORCH_CHECK(src.dim() == 3 && nested->opt_size(2) == embed_dim, name,
              ": expected a nested src of sequences of [length, ", embed_dim, "], got sizes\n",
              nested->get_nested_sizes());
  TORCH_CHECK(!mask || !mask->defined(), name, ": a nested src takes no mask, its lengths say what is there");
  const auto kept = NestedTensor_to_mask(sequences, 2, std::nullopt).logical_not_();
  const auto rows = get_buffer(sequences).view({-1, embed_dim});
  const auto result = layer(rows, attention_of_sequences(kept, num_heads, src.device()));
  return wrap_buffer(result.view(-1), nested->get_nested_sizes());
}

}  // namespace at::native

TORCH_LIBRARY_IMPL(aten, NestedTensorXPU, library) {
  library.impl("_transformer_encoder_layer_fwd", at::native::_transformer_encoder_layer_fwd_xpu);
}
