// Attention without the matrix of all scores: the scores of a part of the queries and heads, small enough to
// stay in the caches, are multiplied, turned into weights and used before the next part's.
#include <ATen/ceil_div.h>
#include <ATen/ExpandUtils.h>
#include <ATen/ops/_scaled_dot_product_fused_attention_overrideable_backward_native.h>
#include <ATen/ops/_scaled_dot_product_fused_attention_overrideable_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>

#include <bit>
#include <cmath>

#include "aten/attention/attention.h"
#include "aten/matmul/matmul.h"
#include "aten/random/random.h"
#include "aten/reduce/reduce.h"
#include "kernels/attention_params.hpp"
#include "onednn/engine.h"
#include "runtime/libraries.h"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using kernels::AttentionParams;

constexpr char operator_name[] = "scaled_dot_product_attention";

// Queries and heads whose scores are computed together. `sharing` heads use one key head.
struct Part {
  std::int64_t first_batch, batches, first_head, heads, first_sharing, sharing, first_query, queries, columns;

  std::int64_t rows() const { return queries * sharing; }
  std::int64_t scores() const { return batches * heads * rows() * columns; }
};

struct Attention {
  Tensor query, key, value;  // [batch, head, position, feature], of the dtype that is multiplied
  Tensor mask;               // undefined, or of [batch, head, query, key] with unit stride along the keys
  std::int64_t batches, heads, sharing, queries, keys;
  float scale;
  bool causal;
  double dropout;
  kernels::PhiloxState random{};
  std::vector<Part> parts;  // those of the same keys one after the other

  Attention(const Tensor& given_query, const Tensor& given_key, const Tensor& given_value,
            const std::optional<Tensor>& given_mask, double dropout_p, bool is_causal,
            std::optional<double> given_scale)
      : batches(given_query.size(0)),
        heads(given_key.size(1)),
        sharing(given_query.size(1) / given_key.size(1)),
        queries(given_query.size(2)),
        keys(given_key.size(2)),
        scale(static_cast<float>(given_scale.value_or(1 / std::sqrt(given_query.size(3))))),
        causal(is_causal),
        dropout(dropout_p) {
    const auto device = given_query.device();
    const auto dtype = given_query.scalar_type();
    const bool native = runtime::libraries_allowed() &&
                        onednn::dtype_support(device.index(), dtype) == onednn::DtypeSupport::native;
    const auto multiplied = native ? dtype : c10::kFloat;
    query = given_query.to(multiplied);
    key = given_key.to(multiplied);
    value = given_value.to(multiplied);
    if (given_mask && given_mask->defined()) {
      mask = *given_mask;
      if (!native && mask.scalar_type() != c10::kBool) mask = mask.to(c10::kFloat);
      auto sizes = mask.sizes().vec();
      sizes.back() = keys;
      if (mask.size(-1) != keys || mask.stride(-1) != 1) mask = mask.expand(sizes).contiguous();
      mask = mask.expand({batches, heads * sharing, queries, keys});
    }
    plan_parts();
  }

  c10::ScalarType dtype() const { return query.scalar_type(); }

  void plan_parts() {
    // A single query of each head: the heads that share keys are the rows of one product.
    const std::int64_t together = queries == 1 ? sharing : 1;
    const std::int64_t budget = elements_at_once();
    // Twice as many scores as fit cost less time than products of fewer rows.
    const std::int64_t fit = budget / (keys * together);
    std::int64_t rows =
        std::min(queries, std::max<std::int64_t>(32, std::clamp<std::int64_t>(256, fit, 2 * fit)));
    if (causal)
      rows = std::min(rows, std::max<std::int64_t>(64, at::round_up<std::int64_t>(queries / 8, 32)));
    const std::int64_t scores = rows * keys * together;
    const std::int64_t some_heads = std::clamp<std::int64_t>(budget / scores, 1, heads);
    const std::int64_t some_batches =
        some_heads < heads ? 1 : std::clamp<std::int64_t>(budget / (scores * heads), 1, batches);
    // Few different numbers of columns, as the library compiles a product for each.
    const std::int64_t column_step = std::max<std::int64_t>(64, at::round_up<std::int64_t>(keys / 8, 64));
    Part part;
    for (part.first_batch = 0; part.first_batch < batches; part.first_batch += some_batches) {
      part.batches = std::min(some_batches, batches - part.first_batch);
      for (part.first_head = 0; part.first_head < heads; part.first_head += some_heads) {
        part.heads = std::min(some_heads, heads - part.first_head);
        for (part.first_sharing = 0; part.first_sharing < sharing; part.first_sharing += together) {
          part.sharing = together;
          for (part.first_query = 0; part.first_query < queries; part.first_query += rows) {
            part.queries = std::min(rows, queries - part.first_query);
            part.columns =
                causal
                    ? std::min(keys, at::round_up<std::int64_t>(part.first_query + part.queries, column_step))
                    : keys;
            parts.push_back(part);
          }
        }
      }
    }
  }

  // How many scores a part may have: what the caches hold.
  std::int64_t elements_at_once() const {
    const std::int64_t units = runtime::device_limits(query.device().index()).compute_units;
    return std::min<std::int64_t>(1 << 25, units << 19);
  }

  // The rows of a part of what has the query's sizes: [batch, key head, row, feature].
  Tensor rows(const Tensor& tensor, const Part& part) const {
    const auto heads_apart = tensor.unflatten(1, {heads, sharing})
                                 .narrow(0, part.first_batch, part.batches)
                                 .narrow(1, part.first_head, part.heads);
    if (queries == 1) return heads_apart.select(3, 0);
    return heads_apart.select(2, part.first_sharing).narrow(2, part.first_query, part.queries);
  }

  // The keys of a part of what has the key's sizes: [batch, key head, key, feature].
  Tensor columns(const Tensor& tensor, const Part& part) const {
    return tensor.narrow(0, part.first_batch, part.batches)
        .narrow(1, part.first_head, part.heads)
        .narrow(2, 0, part.columns);
  }

  // Whether one work-item walks along a row, from its beginning to its end.
  bool by_packs() const { return dropout == 0 && walks_alone(); }

  void launch_weights(const char* kernel, const Part& part, AttentionParams params) const {
    if (mask.defined()) {
      params.mask = mask.const_data_ptr();
      for (int d = 0; d < 3; ++d) params.mask_strides[d] = mask.stride(d);
    }
    params.batches = part.batches;
    params.heads = part.heads;
    params.rows = part.rows();
    params.columns = part.columns;
    params.first_batch = part.first_batch;
    params.first_head = part.first_head;
    params.first_sharing = part.first_sharing;
    params.first_query = part.first_query;
    params.sharing_step = queries == 1;
    params.query_step = queries != 1;
    params.sharing = sharing;
    params.all_heads = heads;
    params.queries = queries;
    params.keys = keys;
    params.keep_below = random_threshold(1 - dropout);
    params.random = random;
    params.keep_scale = dropout < 1 ? static_cast<float>(1 / (1 - dropout)) : 0.f;
    params.scale = scale;
    params.causal = causal;
    const auto jobs = params.batches * params.heads * params.rows;
    const std::string mask_type = mask.defined() ? type_name(mask.scalar_type()) : "no_mask";
    if (by_packs()) {
      const auto [name, range] = row_kernel(kernel, jobs);
      launch("attention", instantiation(name, mask_type, type_name(dtype())), range, params);
    } else {
      launch("attention",
             instantiation(kernel, mask_type, dropout > 0 ? "true" : "false", type_name(dtype())),
             sub_group_range(jobs), params);
    }
  }
};

// Memory for the scores of one part after the other.
class Scratch {
 public:
  Scratch(const Attention& attention, c10::ScalarType dtype) {
    std::int64_t largest = 0;
    for (const auto& part : attention.parts) largest = std::max(largest, part.scores());
    memory_ = at::empty({largest}, attention.query.options().dtype(dtype));
  }
  Tensor view(const Part& part) const {
    return memory_.narrow(0, 0, part.scores()).view({part.batches, part.heads, part.rows(), part.columns});
  }

 private:
  Tensor memory_;
};

// [batch, head, position, feature] laid out as the projections before and after attention want it.
Tensor empty_heads(const Tensor& like, std::int64_t features, c10::ScalarType dtype) {
  return at::empty({like.size(0), like.size(2), like.size(1), features}, like.options().dtype(dtype))
      .transpose(1, 2);
}

// Rows of narrower elements that begin where those of the scores begin.
Tensor narrowed(const Tensor& scores, c10::ScalarType dtype) {
  return dtype == c10::kFloat ? scores : scores.view(dtype).narrow(-1, 0, scores.size(-1));
}

void compute(const Attention& attention, const Tensor& output, const Tensor& logsumexp) {
  const Scratch scores(attention, c10::kFloat);
  const auto dtype = attention.dtype();
  const bool in_place = dtype == c10::kFloat || attention.by_packs();
  const Scratch weights = in_place ? scores : Scratch(attention, dtype);
  for (const auto& part : attention.parts) {
    const auto part_scores = scores.view(part);
    const auto part_weights = in_place ? narrowed(part_scores, dtype) : weights.view(part);
    multiply(operator_name, part_scores, attention.rows(attention.query, part),
             attention.columns(attention.key, part).transpose(-2, -1));
    AttentionParams params{};
    params.scores = part_scores.mutable_data_ptr();
    params.weights = part_weights.mutable_data_ptr();
    params.weight_step = part_weights.stride(2);
    params.logsumexp = logsumexp.mutable_data_ptr<float>();
    attention.launch_weights("attention_weights", part, params);
    multiply(operator_name, attention.rows(output, part), part_weights,
             attention.columns(attention.value, part));
  }
}

void add(const Tensor& sum, const Tensor& first, const Tensor& second) {
  multiply_add(operator_name, sum, sum, first, second, 1, 1);
}

// The gradients are zeros for key and value, to which every part adds.
void compute_backward(const Attention& attention, const Tensor& gradient, const Tensor& logsumexp,
                      const Tensor& query_gradient, const Tensor& key_gradient,
                      const Tensor& value_gradient) {
  const Scratch scores(attention, c10::kFloat), gradients(attention, c10::kFloat);
  const auto dtype = attention.dtype();
  const Scratch weights = dtype == c10::kFloat ? scores : Scratch(attention, dtype);
  const Scratch score_gradients = dtype == c10::kFloat ? gradients : Scratch(attention, dtype);
  for (const auto& part : attention.parts) {
    const auto query = attention.rows(attention.query, part);
    const auto key = attention.columns(attention.key, part);
    const auto output_gradient = attention.rows(gradient, part);
    const auto part_scores = scores.view(part), part_gradients = gradients.view(part);
    const auto part_weights = weights.view(part), part_score_gradients = score_gradients.view(part);
    multiply(operator_name, part_scores, query, key.transpose(-2, -1));
    multiply(operator_name, part_gradients, output_gradient,
             attention.columns(attention.value, part).transpose(-2, -1));
    AttentionParams params{};
    params.scores = part_scores.mutable_data_ptr();
    params.gradients = part_gradients.mutable_data_ptr();
    params.weights = part_weights.mutable_data_ptr();
    params.weight_step = part_weights.stride(2);
    params.score_gradients = part_score_gradients.mutable_data_ptr();
    params.logsumexp = logsumexp.mutable_data_ptr<float>();
    attention.launch_weights("attention_weights_backward", part, params);
    multiply(operator_name, attention.rows(query_gradient, part), part_score_gradients, key);
    add(attention.columns(key_gradient, part), part_score_gradients.transpose(-2, -1), query);
    add(attention.columns(value_gradient, part), part_weights.transpose(-2, -1), output_gradient);
  }
}

void check_arguments(const Tensor& query, const Tensor& key, const Tensor& value,
                     const std::optional<Tensor>& mask, double dropout_p) {
  const char* refusal = attention_refusal(query, key, value, mask);
  TORCH_CHECK(refusal == nullptr, "_scaled_dot_product_fused_attention_overrideable: ", refusal,
              ", but got query ", query.dtype(), query.sizes(), ", key ", key.dtype(), key.sizes(),
              ", value ", value.dtype(), value.sizes());
  TORCH_CHECK(dropout_p >= 0 && dropout_p <= 1, "dropout probability has to be between 0 and 1, but got ",
              dropout_p);
}

}  // namespace

const char* attention_refusal(const Tensor& query, const Tensor& key, const Tensor& value,
                              const std::optional<Tensor>& mask) {
  const auto dtype = query.scalar_type();
  if (dtype != c10::kFloat && dtype != c10::kHalf && dtype != c10::kBFloat16) {
    return "query, key and value must be float, half or bfloat16";
  }
  if (key.scalar_type() != dtype || value.scalar_type() != dtype) return "the dtypes must be equal";
  if (query.dim() != 4 || key.dim() != 4 || value.dim() != 4) return "4 dimensions are expected";
  if (query.numel() == 0 || key.numel() == 0 || value.numel() == 0) return "nothing may be empty";
  if (key.size(0) != query.size(0) || value.size(0) != query.size(0)) return "the batches must be equal";
  if (query.size(1) % key.size(1) != 0 || value.size(1) != key.size(1)) {
    return "the query's heads must be a multiple of the key's and the value's";
  }
  if (key.size(2) != value.size(2)) return "key and value must be equally long";
  if (key.size(3) != query.size(3)) return "query and key must have the same last size";
  if (mask && mask->defined()) {
    if (mask->requires_grad()) return "the mask may not require a gradient";
    const auto mask_dtype = mask->scalar_type();
    if (mask_dtype != c10::kBool && mask_dtype != c10::kFloat && mask_dtype != dtype) {
      return "the mask must be bool, float or of the query's dtype";
    }
    const std::array<std::int64_t, 4> all{query.size(0), query.size(1), query.size(2), key.size(2)};
    if (mask->dim() > 4 || mask->dim() < 1 || !at::is_expandable_to(mask->sizes(), all)) {
      return "the mask must expand to [batch, head, query, key]";
    }
  }
  return nullptr;
}

}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor, Tensor, Tensor, c10::SymInt, c10::SymInt, Tensor, Tensor, Tensor>
_scaled_dot_product_fused_attention_overrideable_xpu(const Tensor& query, const Tensor& key,
                                                     const Tensor& value,
                                                     const std::optional<Tensor>& attn_bias, double dropout_p,
                                                     bool is_causal, bool return_debug_mask,
                                                     std::optional<double> scale) {
  check_arguments(query, key, value, attn_bias, dropout_p);
  TORCH_CHECK_NOT_IMPLEMENTED(!return_debug_mask,
                              "_scaled_dot_product_fused_attention_overrideable: no debug mask on xpu");
  Attention attention(query, key, value, attn_bias, dropout_p, is_causal, scale);
  if (dropout_p > 0) attention.random = reserve_random(std::nullopt, query.device());
  const auto output = empty_heads(query, value.size(3), attention.dtype());
  const auto logsumexp =
      at::empty({query.size(0), query.size(1), query.size(2)}, query.options().dtype(kFloat));
  compute(attention, output, logsumexp);
  // The generator's state, for the backward pass: on the host, where it is needed.
  const auto remember = [](std::uint64_t word) {
    return at::scalar_tensor(std::bit_cast<int64_t>(word), kLong);
  };
  return {output.to(query.scalar_type()),
          logsumexp,
          Tensor(),
          Tensor(),
          query.size(2),
          key.size(2),
          remember(attention.random.seed),
          remember(attention.random.offset),
          Tensor()};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> _scaled_dot_product_fused_attention_overrideable_backward_xpu(
    const Tensor& grad_out, const Tensor& query, const Tensor& key, const Tensor& value,
    const Tensor& attn_bias, std::array<bool, 4> grad_input_mask, const Tensor&, const Tensor& logsumexp,
    const Tensor&, const Tensor&, int64_t, int64_t, double dropout_p, bool is_causal,
    const Tensor& philox_seed, const Tensor& philox_offset, std::optional<double> scale) {
  check_arguments(query, key, value, attn_bias, dropout_p);
  TORCH_CHECK_NOT_IMPLEMENTED(!grad_input_mask[3],
                              "_scaled_dot_product_fused_attention_overrideable_backward: no gradient of the "
                              "mask on xpu; scaled_dot_product_attention computes it by its math backend");
  Attention attention(query, key, value, attn_bias, dropout_p, is_causal, scale);
  attention.random = {std::bit_cast<std::uint64_t>(philox_seed.item<int64_t>()),
                      std::bit_cast<std::uint64_t>(philox_offset.item<int64_t>())};
  const auto query_gradient = empty_heads(query, query.size(3), attention.dtype());
  const auto zeros = [](const Tensor& like) { return empty_heads(like, like.size(3), kFloat).zero_(); };
  const auto key_gradient = zeros(key), value_gradient = zeros(value);
  compute_backward(attention, grad_out.to(attention.dtype()), logsumexp, query_gradient, key_gradient,
                   value_gradient);
  const auto dtype = query.scalar_type();
  return {query_gradient.to(dtype), key_gradient.to(dtype), value_gradient.to(dtype), Tensor()};
}

}  // namespace at::native
