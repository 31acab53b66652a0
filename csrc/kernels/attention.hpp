// Weights of scaled dot-product attention, and their gradients: a sub-group takes the scores of one query
// while they are in its cache. The products around them are matrix products.
#pragma once

#include "kernels/attention_params.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/random.hpp"
#include "kernels/core/rows.hpp"

namespace ipex::kernels {

struct no_mask {};

// One query: where its scores lie, which keys it sees, and what is added to its scores.
template <class Mask>
struct AttentionRow {
  int64_t first;    // of the parameters' rows, in elements
  int64_t visible;  // the keys after these have weight 0
  int64_t query;    // among [batch, head, query]
  const Mask* mask;

  AttentionRow(const sycl::sub_group& group, const AttentionParams& params, int64_t row)
      : first(row * params.columns) {
    const int64_t within = row % params.rows;
    const int64_t head_row = row / params.rows;
    const int64_t batch = params.first_batch + head_row / params.heads;
    const int64_t head = (params.first_head + head_row % params.heads) * params.sharing +
                         params.first_sharing + within * params.sharing_step;
    const int64_t place = params.first_query + within * params.query_step;
    query = (batch * params.all_heads * params.sharing + head) * params.queries + place;
    visible = uniform(group, params.causal && place + 1 < params.columns ? place + 1 : params.columns);
    mask = static_cast<const Mask*>(params.mask);
    if constexpr (!std::is_same_v<Mask, no_mask>) {
      mask += uniform(group, batch * params.mask_strides[0] + head * params.mask_strides[1] +
                                 place * params.mask_strides[2]);
    }
  }

  float logit(float score, float scale, int64_t key) const {
    if constexpr (std::is_same_v<Mask, no_mask>) {
      return score * scale;
    } else if constexpr (std::is_same_v<Mask, bool>) {
      return mask[key] ? score * scale : -limits<float>::infinity();
    } else {
      return score * scale + cast<float>(mask[key]);
    }
  }

  // What dropout multiplies the weight of a key by.
  template <bool Dropout>
  float kept(const AttentionParams& params, int64_t key) const {
    if constexpr (!Dropout) return 1.0f;
    const auto block = random_block(params.random, static_cast<uint64_t>(query * params.keys + key));
    return block.word[0] < params.keep_below ? params.keep_scale : 0.0f;
  }
};

// A query that sees no key has weights 0, so what is subtracted from its logits must be finite.
inline float finite_shift(float value) { return value == -limits<float>::infinity() ? 0.0f : value; }

// Calls visit(query) for each query, a sub-group for each.
template <class Mask, class Visit>
inline void for_each_query(const sycl::sub_group& group, const AttentionParams& params, Visit visit) {
  const auto [start, step] = all_sub_groups();
  for (int64_t row = start; row < params.batches * params.heads * params.rows; row += step) {
    visit(AttentionRow<Mask>(group, params, row));
  }
}

template <class Mask, bool Dropout, class Weight>
IPEX_KERNEL void attention_weights(AttentionParams params) {
  const auto group = this_sub_group();
  for_each_query<Mask>(group, params, [&](const AttentionRow<Mask>& place) {
    auto* scores = static_cast<float*>(params.scores) + place.first;
    auto* weights = static_cast<Weight*>(params.weights) + place.first;
    const auto logit = [&](int64_t key) { return place.logit(scores[key], params.scale, key); };
    const float largest = fold_row(
        group, place.visible, -limits<float>::infinity(),
        [](float a, float b) { return math::maximum(a, b); }, logit);
    const float shift = finite_shift(largest);
    const float sum = sum_row<float>(
        group, place.visible, [&](int64_t key) { return scores[key] = math::exp(logit(key) - shift); });
    const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;
    for_row(group, place.visible, [&](int64_t key) {
      weights[key] = cast<Weight>(scores[key] * factor * place.template kept<Dropout>(params, key));
    });
    for_row(group, params.columns - place.visible,
            [&](int64_t key) { weights[place.visible + key] = cast<Weight>(0.0f); });
    if (group.get_local_linear_id() == 0) params.logsumexp[place.query] = shift + math::log(sum);
  });
}

// With w the softmax, k what dropout kept and g the gradient of w k:
// weights = w k, score_gradients = w (g k - sum(w k g)) scale.
template <class Mask, bool Dropout, class Weight>
IPEX_KERNEL void attention_weights_backward(AttentionParams params) {
  const auto group = this_sub_group();
  for_each_query<Mask>(group, params, [&](const AttentionRow<Mask>& place) {
    auto* scores = static_cast<float*>(params.scores) + place.first;
    const auto* gradients = static_cast<const float*>(params.gradients) + place.first;
    auto* weights = static_cast<Weight*>(params.weights) + place.first;
    auto* score_gradients = static_cast<Weight*>(params.score_gradients) + place.first;
    const float shift = finite_shift(params.logsumexp[place.query]);
    const float total = sum_row<float>(group, place.visible, [&](int64_t key) {
      const float weight = math::exp(place.logit(scores[key], params.scale, key) - shift);
      scores[key] = weight;
      return weight * place.template kept<Dropout>(params, key) * gradients[key];
    });
    for_row(group, place.visible, [&](int64_t key) {
      const float weight = scores[key];
      const float kept = place.template kept<Dropout>(params, key);
      const float gradient = weight * (gradients[key] * kept - total) * params.scale;
      weights[key] = cast<Weight>(weight * kept);
      score_gradients[key] = cast<Weight>(gradient);
    });
    for_row(group, params.columns - place.visible, [&](int64_t key) {
      weights[place.visible + key] = cast<Weight>(0.0f);
      score_gradients[place.visible + key] = cast<Weight>(0.0f);
    });
  });
}

}  // namespace ipex::kernels
