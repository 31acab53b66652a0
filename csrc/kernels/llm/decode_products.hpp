// Products of a decoder's step, also those of experts, each tile by one work-item.
#pragma once

#include "kernels/llm/code_products.hpp"
#include "kernels/llm/decode_attention.hpp"
#include "kernels/llm/row_products.hpp"

namespace ipex::kernels {

// The vectors of a product: where they are, and how far apart; and as rows of codes meet them.
struct DecodeVectors {
  const float* values;
  int64_t stride;
  QuantizedActivations for_codes;
};

// Each work-group has its own of what is not in the workspace as it is needed.
template <class T>
IPEX_WITHIN DecodeVectors float_vectors(const DecodeParams& params, const DecodeStage& stage,
                                        float* scratch) {
  const float* input = params.workspace + stage.input;
  if (stage.source == DecodeSource::vectors && stage.norm.kind == DecodeNorm::none) {
    return {input, stage.input_stride, {}};
  }
  for (int t = 0; t < params.tokens; ++t) {
    float* const vector = scratch + t * int64_t{stage.depth};
    if (stage.source == DecodeSource::attention) {
      const int64_t size = params.value_size, parts = params.splits * (size + 2);
      for (int h = 0; h < params.heads; ++h) {
        join_parts(input + (t * int64_t{params.heads} + h) * parts, params.splits, params.value_size,
                   vector + h * size);
      }
    }
    normalize_vector<T>(stage.norm,
                        stage.source == DecodeSource::attention ? vector : input + t * stage.input_stride,
                        vector, stage.depth);
  }
  return {scratch, stage.depth, {}};
}

template <class T, class Format>
IPEX_WITHIN DecodeVectors vectors_of(const DecodeParams& params, const DecodeStage& stage, float* scratch) {
  auto vectors = float_vectors<T>(params, stage, scratch);
  if constexpr (!std::is_same_v<Format, no_codes>) {
    auto activations = stage.activations;
    if (activations.spans > 0) {
      const int64_t rows = int64_t{params.tokens} * code_digits<Format, T>();
      auto* const place = scratch + int64_t{decode_tokens} * stage.depth;
      activations.input = vectors.values;
      activations.row_stride = vectors.stride;
      activations.rows = params.tokens;
      activations.values = place;
      activations.scales = place + rows * activations.row_bytes / int64_t{sizeof(float)};
      activations.sums = activations.scales + rows * activations.spans;
      prepare_vectors<Format>(activations);
      vectors.for_codes = {activations.values, activations.row_bytes, activations.scales, activations.sums};
    }
  }
  return vectors;
}

// What a tile is multiplied by, and where its results go.
struct TileProduct {
  DecodeVectors vectors;
  int count;  // of vectors
  int expert;
  int token;  // the first
  float* output;
  int64_t output_stride;
  float scale;
  bool accumulate;
};

// The experts of a token, as `choose` writes them.
struct ExpertChoice {
  const float* words;
  int chosen;

  IPEX_WITHIN ExpertChoice(const DecodeParams& params, const DecodeStage& stage, int token)
      : words(params.workspace + params.choices + token * int64_t{params.choices_stride}),
        chosen(stage.chosen) {}
  IPEX_WITHIN int expert(int i) const { return static_cast<int>(words[i]); }
  IPEX_WITHIN float weight(int i) const { return words[chosen + i]; }
  IPEX_WITHIN float shared_weight() const { return words[2 * chosen]; }
};

template <class T, class Format>
IPEX_WITHIN void multiply_tile(const DecodeParams& params, const DecodeStage& stage, const DecodeTile& tile,
                               const TileProduct& product) {
  // First the rows of the gate if there is one, then the others: one loop, for the code of both is long.
#pragma nounroll
  for (int gate = tile.gated; gate >= 0; --gate) {
    const auto mode = gate                 ? ProductMode::store
                      : tile.gated         ? ProductMode::multiply
                      : product.accumulate ? ProductMode::add
                                           : ProductMode::store;
    const DecodeRows& rows = gate ? tile.gate : tile.values;
    const auto* bias = static_cast<const T*>(rows.bias);
    if (bias != nullptr) bias += product.expert * int64_t{rows.bias_step};
    const ProductSink<T, float> sink{product.output, product.output_stride,
                                     bias,           gate ? 1.0f : product.scale,
                                     mode,           gate || !tile.gated ? 0.0f : stage.limit};
    if (rows.numbers != nullptr) {
      multiply_by_vectors<T, float, float>(
          {static_cast<const T*>(rows.numbers) + product.expert * rows.expert_step, rows.step,
           product.vectors.values, product.vectors.stride, stage.depth},
          tile.rows, product.count, sink);
    } else if constexpr (!std::is_same_v<Format, no_codes>) {
      multiply_codes<Format, code_digits<Format, T>()>(params.matrices[rows.matrix],
                                                       product.vectors.for_codes, rows.first, tile.rows,
                                                       product.count, sink);
    }
    if (stage.activation != DecodeActivation::none && gate == tile.gated) {
      for (int t = 0; t < product.count; ++t) {
        const float weight =
            stage.weighted ? ExpertChoice(params, stage, product.token + t).shared_weight() : 1.0f;
        for (int row = 0; row < tile.rows; ++row) {
          float& value = product.output[t * product.output_stride + row];
          value = weight * activate(stage.activation, value, stage.limit);
        }
      }
    }
  }
}

// One piece of a product: a tile for all tokens; of experts, for one token, and one of its experts or all.
template <class T, class Format>
IPEX_WITHIN void multiply_piece(const DecodeParams& params, const DecodeStage& stage, int piece,
                                DecodeVectors vectors) {
  const auto& tile = stage.rows[piece % stage.tiles];
  float* const output = params.workspace + stage.output + tile.output;
  const int owner = piece / stage.tiles;  // of experts: a token, and, of inner ones, which of its experts
  const bool inner = stage.kind == DecodeKind::inner_experts, outer = stage.kind == DecodeKind::outer_experts;
  TileProduct product{vectors, params.tokens,       0,           0,
                      output,  stage.output_stride, stage.scale, stage.accumulate != 0};
#pragma nounroll
  for (int i = 0; i < (outer ? stage.chosen : 1); ++i) {
    if (inner || outer) {
      const int slot = inner ? owner : owner * stage.chosen + i;
      const int token = slot / stage.chosen, which = slot % stage.chosen;
      const ExpertChoice choice(params, stage, token);
      product.count = 1;
      product.token = token;
      product.expert = choice.expert(which);
      product.vectors.values = vectors.values + (inner ? token : slot) * vectors.stride;
      product.output = output + (inner ? slot : token) * int64_t{stage.output_stride};
      product.scale = inner ? 1.0f : choice.weight(which);
    }
    multiply_tile<T, Format>(params, stage, tile, product);
  }
}

// What a token's experts are chosen by, [experts], of their scores.
IPEX_WITHIN void prepare_choice(const DecodeStage& stage, const float* scores, float* choice) {
  for (int e = 0; e < stage.experts; ++e) {
    choice[e] = stage.sigmoid ? sigmoid(scores[e]) : scores[e];
    if (stage.choice_bias != nullptr) choice[e] += stage.choice_bias[e];
  }
  if (stage.chosen_groups >= stage.groups) return;
  // A group is as good as its best two experts together.
  const int size = stage.experts / stage.groups;
  float* const sums = choice + stage.experts;
  for (int g = 0; g < stage.groups; ++g) {
    float first = -limits<float>::infinity(), second = first;
    for (int e = g * size; e < (g + 1) * size; ++e) {
      second = sycl::fmax(second, sycl::fmin(first, choice[e]));
      first = sycl::fmax(first, choice[e]);
    }
    sums[g] = size > 1 ? first + second : first;
  }
  for (int g = 0; g < stage.groups; ++g) {
    int better = 0;
    for (int other = 0; other < stage.groups; ++other) {
      better += sums[other] > sums[g] || (sums[other] == sums[g] && other < g);
    }
    if (better < stage.chosen_groups) continue;
    for (int e = g * size; e < (g + 1) * size; ++e) choice[e] = -limits<float>::infinity();
  }
}

// The experts of a token with the largest scores, and their weights: the softmax of the scores, or their
// sigmoid.
IPEX_WITHIN void choose_experts(const DecodeParams& params, const DecodeStage& stage, int token,
                                float* scratch) {
  const float* scores = params.workspace + stage.input + token * int64_t{stage.input_stride};
  float* const words = params.workspace + params.choices + token * int64_t{params.choices_stride};
  prepare_choice(stage, scores, scratch);
  float largest = -limits<float>::infinity(), total = 0;
  for (int e = 0; e < stage.experts; ++e) largest = sycl::fmax(largest, scores[e]);
  const auto weight_of = [&](int e) {
    return stage.sigmoid ? sigmoid(scores[e]) : math::exp(scores[e] - largest);
  };
  for (int i = 0; i < stage.chosen; ++i) {
    int best = 0;
    for (int e = 1; e < stage.experts; ++e) {
      if (scratch[e] > scratch[best]) best = e;
    }
    words[i] = static_cast<float>(best);
    words[stage.chosen + i] = weight_of(best);
    total += words[stage.chosen + i];
    scratch[best] = -limits<float>::infinity();
  }
  if (!stage.normalized) {
    total = stage.sigmoid ? 1.0f : 0.0f;
    for (int e = 0; !stage.sigmoid && e < stage.experts; ++e) total += weight_of(e);
  }
  for (int i = 0; i < stage.chosen; ++i) words[stage.chosen + i] *= stage.scale / total;
  if (stage.shared) words[2 * stage.chosen] = sigmoid(scores[stage.experts]);
}

// Piece of work: a token and a head, whose values are made of what attention over latent ones gave.
template <class T>
IPEX_WITHIN void expand_values(const DecodeParams& params, const DecodeStage& stage, int piece,
                               float* scratch) {
  const auto& latent = params.latent;
  const int token = piece / params.heads, head = piece % params.heads;
  const int64_t parts = params.splits * int64_t{params.value_size + 2};
  join_parts(params.workspace + params.partial + piece * parts, params.splits, params.value_size, scratch);
  const T* const rows = static_cast<const T*>(stage.expand) +
                        (head * int64_t{latent.plain + latent.value} + latent.plain) * latent.rank;
  multiply_by_vectors<T, float, float>(
      {rows, latent.rank, scratch, latent.rank, latent.rank}, latent.value, 1,
      {params.workspace + stage.output + token * int64_t{stage.output_stride} + head * int64_t{latent.value},
       0, nullptr, 1.0f, ProductMode::store});
}

}  // namespace ipex::kernels
