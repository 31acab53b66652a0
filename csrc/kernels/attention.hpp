// Weights of scaled dot-product attention, and their gradients: a row is the scores of one query, walked
// along a few times while they are in a cache. The products around them are matrix products.
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
  int64_t row;
  int64_t first;    // of the row's scores, in elements
  int64_t visible;  // the keys after these have weight 0
  int64_t query;    // among [batch, head, query]
  const Mask* mask;

  template <class Rows>
  AttentionRow(const Rows& rows, const AttentionParams& params, int64_t row_)
      : row(row_), first(row_ * params.columns) {
    const int64_t within = row % params.rows;
    const int64_t head_row = row / params.rows;
    const int64_t batch = params.first_batch + head_row / params.heads;
    const int64_t head = (params.first_head + head_row % params.heads) * params.sharing +
                         params.first_sharing + within * params.sharing_step;
    const int64_t place = params.first_query + within * params.query_step;
    query = (batch * params.all_heads * params.sharing + head) * params.queries + place;
    visible = rows.uniform(params.causal && place + 1 < params.columns ? place + 1 : params.columns);
    mask = static_cast<const Mask*>(params.mask);
    if constexpr (!std::is_same_v<Mask, no_mask>) {
      mask += rows.uniform(batch * params.mask_strides[0] + head * params.mask_strides[1] +
                           place * params.mask_strides[2]);
    }
  }

  // Of a score, a number or a pack, at its place.
  template <class V, class Place>
  V logit(V score, float scale, Place key) const {
    const V scaled = score * V(scale);
    if constexpr (std::is_same_v<Mask, no_mask>) {
      return scaled;
    } else if constexpr (std::is_same_v<Mask, bool>) {
      const auto seen = load<float>(reinterpret_cast<const uint8_t*>(mask), key);
      return select(V(0.0f) < seen, scaled, V(-limits<float>::infinity()));
    } else {
      return scaled + load<float>(mask, key);
    }
  }

  // What dropout multiplies the weight of a key by.
  template <bool Dropout, class Place>
  float kept(const AttentionParams& params, Place key) const {
    if constexpr (Dropout) {
      const auto block = random_block(params.random, static_cast<uint64_t>(query * params.keys + key));
      return block.word[0] < params.keep_below ? params.keep_scale : 0.0f;
    } else {
      return 1.0f;
    }
  }
};

// A query that sees no key has weights 0, so what is subtracted from its logits must be finite.
inline float finite_shift(float value) { return value == -limits<float>::infinity() ? 0.0f : value; }

// Calls visit(query) for each query of `rows`.
template <class Mask, class Rows, class Visit>
inline void for_each_query(const Rows& rows, const AttentionParams& params, Visit visit) {
  rows.for_jobs(params.batches * params.heads * params.rows,
                [&](int64_t row) { visit(AttentionRow<Mask>(rows, params, row)); });
}

template <class Out, class Rows>
inline void store_zeros(const Rows& rows, Out* values, int64_t size) {
  rows.for_each(size, [&](auto i) { store(values, i, decltype(load<float>(values, i))(0.0f)); });
}

template <class Mask, bool Dropout, class Weight, class Rows>
inline void attention_weights_by(const Rows& rows, const AttentionParams& params) {
  for_each_query<Mask>(rows, params, [&](const AttentionRow<Mask>& place) {
    auto* scores = static_cast<float*>(params.scores) + place.first;
    auto* weights = static_cast<Weight*>(params.weights) + place.row * params.weight_step;
    const auto logit = [&](auto key) { return place.logit(load<float>(scores, key), params.scale, key); };
    const float largest = rows.fold(
        place.visible, -limits<float>::infinity(), [](auto a, auto b) { return math::maximum(a, b); }, logit);
    const float shift = finite_shift(largest);
    const float sum = sum_each<float>(rows, place.visible, [&](auto key) {
      const auto weight = math::exp(logit(key) - shift);
      store(scores, key, weight);
      return weight;
    });
    const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;
    rows.for_each(place.visible, [&](auto key) {
      store(weights, key, load<float>(scores, key) * (factor * place.template kept<Dropout>(params, key)));
    });
    store_zeros(rows, weights + place.visible, params.columns - place.visible);
    if (rows.writes()) params.logsumexp[place.query] = shift + math::log(sum);
  });
}

// With w the softmax, k what dropout kept and g the gradient of w k:
// weights = w k, score_gradients = w (g k - sum(w k g)) scale.
template <class Mask, bool Dropout, class Weight, class Rows>
inline void attention_weights_backward_by(const Rows& rows, const AttentionParams& params) {
  for_each_query<Mask>(rows, params, [&](const AttentionRow<Mask>& place) {
    auto* scores = static_cast<float*>(params.scores) + place.first;
    const auto* gradients = static_cast<const float*>(params.gradients) + place.first;
    auto* weights = static_cast<Weight*>(params.weights) + place.row * params.weight_step;
    auto* score_gradients = static_cast<Weight*>(params.score_gradients) + place.first;
    const float shift = finite_shift(params.logsumexp[place.query]);
    // Beside a large logit the log-sum-exp has no digits left for the sum, so this is not always 1.
    const float sum = sum_each<float>(rows, place.visible, [&](auto key) {
      const auto weight = math::exp(place.logit(load<float>(scores, key), params.scale, key) - shift);
      store(scores, key, weight);
      return weight;
    });
    const float factor = sum == 0.0f ? 0.0f : 1.0f / sum;
    const float total = factor * sum_each<float>(rows, place.visible, [&](auto key) {
                          return load<float>(scores, key) * load<float>(gradients, key) *
                                 place.template kept<Dropout>(params, key);
                        });
    rows.for_each(place.visible, [&](auto key) {
      const auto weight = load<float>(scores, key) * factor;
      const float kept = place.template kept<Dropout>(params, key);
      store(weights, key, weight * kept);
      store(score_gradients, key, weight * (load<float>(gradients, key) * kept - total) * params.scale);
    });
    store_zeros(rows, weights + place.visible, params.columns - place.visible);
    store_zeros(rows, score_gradients + place.visible, params.columns - place.visible);
  });
}

template <class Mask, bool Dropout, class Weight>
IPEX_KERNEL void attention_weights(AttentionParams params) {
  attention_weights_by<Mask, Dropout, Weight>(SubGroupRows<float>(), params);
}
template <class Mask, bool Dropout, class Weight>
IPEX_KERNEL void attention_weights_backward(AttentionParams params) {
  attention_weights_backward_by<Mask, Dropout, Weight>(SubGroupRows<float>(), params);
}

// Without dropout: random numbers are made side by side.
template <class Mask, class Weight>
IPEX_KERNEL_OF_ONE void attention_weights_by_packs(AttentionParams params) {
  attention_weights_by<Mask, false, Weight>(PackRows<float>(), params);
}
template <class Mask, class Weight>
IPEX_KERNEL_OF_ONE void attention_weights_backward_by_packs(AttentionParams params) {
  attention_weights_backward_by<Mask, false, Weight>(PackRows<float>(), params);
}

}  // namespace ipex::kernels
