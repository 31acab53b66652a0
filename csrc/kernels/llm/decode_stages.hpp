// What the stages of a decoder's step compute, each tile by one work-item with packs.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/functors/activation.hpp"
#include "kernels/llm/code_products.hpp"
#include "kernels/llm/decode_params.hpp"
#include "kernels/llm/row_products.hpp"

namespace ipex::kernels {

// Calls function(FloatPack or float place) along `size` elements.
template <class Function>
IPEX_WITHIN void along(int64_t size, Function function) {
  PackRows<float>{}.for_each(size, function);
}

template <class Function>
IPEX_WITHIN float sum_along(int64_t size, Function function) {
  return sum_each<float>(PackRows<float>{}, size, function);
}

struct VectorScale {
  float mean, factor;
};

IPEX_WITHIN VectorScale scale_of_vector(const DecodeNormalization& norm, const float* input, int64_t size) {
  float mean = 0;
  if (norm.kind == DecodeNorm::layer) {
    mean = sum_along(size, [&](auto i) { return load<float>(input, i); }) / static_cast<float>(size);
  }
  const float squares = sum_along(size, [&](auto i) {
    const auto value = load<float>(input, i) - mean;
    return value * value;
  });
  return {mean, 1 / math::sqrt(squares / static_cast<float>(size) + norm.epsilon)};
}

// output = (input - mean) factor weight + bias; `first` is the place of the first element among the weights.
template <class T>
IPEX_WITHIN void scale_vector(const DecodeNormalization& norm, VectorScale scale, const float* input,
                              float* output, int64_t size, int64_t first = 0) {
  const auto* weight = static_cast<const T*>(norm.weight);
  const auto* bias = static_cast<const T*>(norm.bias);
  along(size, [&](auto i) {
    auto value = (load<float>(input, i) - scale.mean) * scale.factor;
    if (weight) value = value * (load<float>(weight + first, i) + norm.offset);
    if (bias) value = value + load<float>(bias + first, i);
    store(output, i, value);
  });
}

// output = normalized input; they may be the same.
template <class T>
IPEX_WITHIN void normalize_vector(const DecodeNormalization& norm, const float* input, float* output,
                                  int64_t size) {
  if (norm.kind != DecodeNorm::none) {
    scale_vector<T>(norm, scale_of_vector(norm, input, size), input, output, size);
  } else if (input != output) {
    along(size, [&](auto i) { store(output, i, load<float>(input, i)); });
  }
}

IPEX_WITHIN float activate(DecodeActivation activation, float x, float limit) {
  switch (activation) {
    case DecodeActivation::clamped_swish: {
      constexpr float alpha = 1.702f;
      const float clamped = sycl::fmin(x, limit);
      return clamped / (1 + math::exp(-alpha * clamped));
    }
    case DecodeActivation::silu:
      return x / (1 + math::exp(-x));
    case DecodeActivation::gelu:
      return op::gelu<float>{}(x);
    case DecodeActivation::gelu_tanh: {
      constexpr float root = 0.7978845608028654f;  // of 2 / pi
      return 0.5f * x * (1 + math::tanh(root * (x + 0.044715f * x * x * x)));
    }
    case DecodeActivation::relu:
      return x > 0 ? x : 0.0f;
    case DecodeActivation::relu_squared:
      return x > 0 ? x * x : 0.0f;
    default:
      return x;
  }
}

// Attention over parts of the keys, [splits, head size + 2] of a head, put together: each part has its sums
// of weighted values, its largest score and its sum of weights.
IPEX_WITHIN void join_parts(const float* parts, int splits, int size, float* output) {
  float largest = -limits<float>::infinity();
  for (int s = 0; s < splits; ++s) largest = sycl::fmax(largest, parts[s * (size + 2) + size]);
  float total = 0;
  for (int i = 0; i < size; ++i) output[i] = 0;
  for (int s = 0; s < splits; ++s) {
    const float* part = parts + s * (size + 2);
    if (part[size + 1] == 0) continue;
    const float factor = math::exp(part[size] - largest);
    total += factor * part[size + 1];
    along(size, [&](auto i) { store(output, i, load<float>(output, i) + load<float>(part, i) * factor); });
  }
  const float scale = 1 / total;
  along(size, [&](auto i) { store(output, i, load<float>(output, i) * scale); });
}

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
      const int64_t size = params.head_size, parts = params.splits * (size + 2);
      for (int h = 0; h < params.heads; ++h) {
        join_parts(input + (t * int64_t{params.heads} + h) * parts, params.splits, params.head_size,
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
    const ProductSink<T, float> sink{product.output,
                                     product.output_stride,
                                     bias,
                                     gate ? 1.0f : product.scale,
                                     mode,
                                     gate || !tile.gated ? 0.0f : stage.limit};
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
  TileProduct product{vectors, params.tokens, 0, 0, output, stage.output_stride, stage.scale,
                      stage.accumulate != 0};
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

// The experts of a token with the largest scores, and their weights: the softmax of the scores.
IPEX_WITHIN void choose_experts(const DecodeParams& params, const DecodeStage& stage, int token,
                                float* scratch) {
  const float* scores = params.workspace + stage.input + token * int64_t{stage.input_stride};
  float* const words = params.workspace + params.choices + token * int64_t{params.choices_stride};
  for (int e = 0; e < stage.experts; ++e) scratch[e] = scores[e];
  float largest = 0, total = 0;
  for (int i = 0; i < stage.chosen; ++i) {
    int best = 0;
    for (int e = 1; e < stage.experts; ++e) {
      if (scratch[e] > scratch[best]) best = e;
    }
    if (i == 0) {
      largest = scratch[best];
      if (!stage.normalized) {
        for (int e = 0; e < stage.experts; ++e) total += math::exp(scores[e] - largest);
      }
    }
    const float weight = math::exp(scratch[best] - largest);
    if (stage.normalized) total += weight;
    words[i] = static_cast<float>(best);
    words[stage.chosen + i] = weight;
    scratch[best] = -limits<float>::infinity();
  }
  for (int i = 0; i < stage.chosen; ++i) words[stage.chosen + i] /= total;
  if (stage.shared) words[2 * stage.chosen] = 1 / (1 + math::exp(-scores[stage.experts]));
}

// Cosines and sines of a token's position for each pair of features.
IPEX_WITHIN void compute_angles(const DecodeParams& params, int token) {
  const int half = params.rotary / 2;
  const auto position = static_cast<float>(params.positions[token]);
  for (int f = 0; f < params.frequency_count; ++f) {
    const auto& frequencies = params.frequencies[f];
    float* const angles =
        params.workspace + params.angles + (f * int64_t{decode_tokens} + token) * params.rotary;
    for (int i = 0; i < half; ++i) {
      const float angle = position * frequencies.inverse[i];
      angles[i] = math::cos(angle) * frequencies.scale;
      angles[half + i] = math::sin(angle) * frequencies.scale;
    }
  }
}

IPEX_WITHIN void rotate(const DecodeParams& params, const float* angles, float* head) {
  const int half = params.rotary / 2;
  for (int i = 0; i < half; ++i) {
    float& first = head[params.interleaved ? 2 * i : i];
    float& second = head[params.interleaved ? 2 * i + 1 : half + i];
    const float a = first, b = second, cosine = angles[i], sine = angles[half + i];
    first = a * cosine - b * sine;
    second = b * cosine + a * sine;
  }
}

IPEX_WITHIN int segment_of(const DecodeParams& params, int position) {
  int segment = params.segment_count - 1;
  while (segment > 0 && params.begins[segment] > position) --segment;
  return segment;
}

// Piece of work: a token and a head of its queries, keys or values.
template <class T>
IPEX_WITHIN void finish_head(const DecodeParams& params, const DecodeStage& stage, int piece,
                             float* scratch) {
  const int all = params.heads + 2 * params.key_heads, size = params.head_size;
  const int token = piece / all, number = piece - token * all;
  const float* const heads = params.workspace + params.projected + token * int64_t{all} * size;
  const float* head = heads + int64_t{number} * size;
  const bool query = number < params.heads, value = number >= params.heads + params.key_heads;
  const int kind_first = query ? 0 : value ? params.heads + params.key_heads : params.heads;
  if (!value) {
    const auto& norm = query ? stage.norm : stage.key_norm;
    if (norm.kind == DecodeNorm::none) {
      normalize_vector<T>(norm, head, scratch, size);
    } else {
      const int count = query ? params.heads : params.key_heads;
      const auto scale =
          norm.of_all_heads ? scale_of_vector(norm, heads + int64_t{kind_first} * size, int64_t{count} * size)
                            : scale_of_vector(norm, head, size);
      scale_vector<T>(norm, scale, head, scratch, size, int64_t{number - kind_first} * norm.head_step);
    }
    head = scratch;
    if (stage.angles >= 0) {
      rotate(
          params,
          params.workspace + params.angles + (stage.angles * int64_t{decode_tokens} + token) * params.rotary,
          scratch);
    }
  }
  if (query) {
    float* const to = params.workspace + params.queries + (token * int64_t{params.heads} + number) * size;
    along(size, [&](auto i) { store(to, i, load<float>(head, i)); });
    return;
  }
  const int row = token / params.tokens_of_row, key_head = number - kind_first;
  const int position = params.cached + token % params.tokens_of_row;
  const int s = segment_of(params, position);
  const auto& segment = params.segments[stage.layer * params.segment_count + s];
  const int64_t place = position - params.begins[s];
  T* const to = value ? static_cast<T*>(segment.values) + row * segment.value_row +
                            key_head * segment.value_head + place * segment.value_position
                      : static_cast<T*>(segment.keys) + row * segment.key_row + key_head * segment.key_head +
                            place * segment.key_position;
  along(size, [&](auto i) { store(to, i, load<float>(head, i)); });
}

// One head's attention over some of the keys, as online softmax goes along.
struct AttentionSum {
  float largest, total;
  float* values;  // [head size]
};

// Takes in `count` positions from `first` on, whose keys and values are rows of floats, for the heads that
// share them.
template <class T>
IPEX_WITHIN void attend_block(const DecodeParams& params, const DecodeStage& stage, int token, int head_begin,
                              int head_count, int first, int count, const float* keys, const float* values,
                              AttentionSum* sums) {
  const int size = params.head_size;
  const int row = token / params.tokens_of_row;
  const int query_position = params.cached + token % params.tokens_of_row;
  FloatPack seen(0.0f);  // a bias: zero, or minus infinity for what is not seen
  for (int i = 0; i < decode_position_block; ++i) {
    const int position = first + i;
    bool sees = i < count && position <= query_position;
    if (stage.window > 0) sees = sees && position > query_position - stage.window;
    if (params.mask != nullptr && sees) sees = params.mask[row * params.mask_stride + position] != 0;
    if (!sees) seen.lanes[i] = -limits<float>::infinity();
  }
  for (int h = 0; h < head_count; ++h) {
    const int head = head_begin + h;
    const float* query = params.workspace + params.queries + (token * int64_t{params.heads} + head) * size;
    FloatPack products[decode_position_block];
#pragma nounroll
    for (int i = 0; i < decode_position_block; ++i) {
      FloatPack sum(0.0f);
      const float* key = keys + int64_t{i} * size;
      int64_t d = 0;
      for (; d + FloatPack::count <= size; d += FloatPack::count) {
        sum = math::fma(load_pack<FloatPack>(query + d), load_pack<FloatPack>(key + d), sum);
      }
      float rest = 0;
      for (; d < size; ++d) rest += query[d] * key[d];
      sum.lanes[0] += rest;
      products[i] = sum;
    }
    FloatPack scores = lane_totals(products) * FloatPack(params.scale);
    if (params.soft_cap > 0) {
      for (int i = 0; i < decode_position_block; ++i) {
        scores.lanes[i] = params.soft_cap * math::tanh(scores.lanes[i] / params.soft_cap);
      }
    }
    if (stage.slopes != nullptr) {
      for (int i = 0; i < decode_position_block; ++i) {
        scores.lanes[i] += stage.slopes[head] * static_cast<float>(first + i - query_position);
      }
    }
    scores = scores + seen;
    const auto maximum = [](auto a, auto b) { return math::maximum(a, b); };
    auto& state = sums[h];
    const float largest =
        sycl::fmax(state.largest, float(combine_lanes<FloatPack>(scores, maximum).lanes[0]));
    if (largest == -limits<float>::infinity()) continue;
    const FloatPack weights = math::exp(scores - FloatPack(largest));
    const float factor = math::exp(state.largest - largest);
    const auto plus = [](auto a, auto b) { return a + b; };
    state.total = state.total * factor + combine_lanes<FloatPack>(weights, plus).lanes[0];
    state.largest = largest;
    along(size, [&](auto d) {
      auto sum = load<float>(state.values, d) * factor;
#pragma unroll
      for (int i = 0; i < decode_position_block; ++i) {
        sum = sum + load<float>(values + int64_t{i} * size, d) * float(weights.lanes[i]);
      }
      store(state.values, d, sum);
    });
  }
}

// Piece of work: a token, the heads that share keys, and a part of the keys.
template <class T>
IPEX_WITHIN void attend(const DecodeParams& params, const DecodeStage& stage, int piece, float* scratch) {
  const int size = params.head_size, group = params.heads / params.key_heads;
  const int part = piece % params.splits, key_head = piece / params.splits % params.key_heads;
  const int token = piece / (params.splits * params.key_heads);
  const int row = token / params.tokens_of_row;
  const int last = params.cached + token % params.tokens_of_row;
  int begin = part * params.split_length;
  const int end = sycl::min(begin + params.split_length, last + 1);
  if (stage.window > 0) begin = sycl::max(begin, last + 1 - stage.window);
  float* const keys = scratch;
  float* const values = keys + decode_position_block * size;
  // Groups of heads whose state fits: eight at a time.
  constexpr int most = 8;
  for (int h = 0; h < group; h += most) {
    const int count = sycl::min(most, group - h), first_head = key_head * group + h;
    AttentionSum sums[most];
    for (int i = 0; i < count; ++i) {
      float* const output =
          params.workspace + params.partial +
          ((token * int64_t{params.heads} + first_head + i) * params.splits + part) * (size + 2);
      const bool sink = stage.sinks != nullptr && part == 0;
      sums[i] = {sink ? stage.sinks[first_head + i] : -limits<float>::infinity(), sink ? 1.0f : 0.0f, output};
      for (int d = 0; d < size; ++d) output[d] = 0;
    }
    for (int s = 0; s < params.segment_count; ++s) {
      const int from = sycl::max(begin, params.begins[s]), to = sycl::min(end, params.begins[s + 1]);
      const auto& segment = params.segments[stage.layer * params.segment_count + s];
      for (int first = from; first < to; first += decode_position_block) {
        const int positions = sycl::min(decode_position_block, to - first);
        for (int i = 0; i < decode_position_block; ++i) {
          // Rows beyond the last are read as the last, and not seen.
          const int position = first + sycl::min(i, positions - 1);
          const int64_t place = position - params.begins[s];
          const int64_t of = params.row_of ? params.row_of[position * int64_t{params.rows} + row] : row;
          const T* const key = static_cast<const T*>(segment.keys) + of * segment.key_row +
                               key_head * segment.key_head + place * segment.key_position;
          const T* const value = static_cast<const T*>(segment.values) + of * segment.value_row +
                                 key_head * segment.value_head + place * segment.value_position;
          along(size, [&](auto d) {
            store(keys + int64_t{i} * size, d, load<float>(key, d));
            store(values + int64_t{i} * size, d, load<float>(value, d));
          });
        }
        attend_block<T>(params, stage, token, first_head, count, first, positions, keys, values, sums);
      }
    }
    for (int i = 0; i < count; ++i) {
      sums[i].values[size] = sums[i].largest;
      sums[i].values[size + 1] = sums[i].total;
    }
  }
}

// A token's vector, normalized, is added to the hidden state.
template <class T>
IPEX_WITHIN void add_normalized(const DecodeParams& params, const DecodeStage& stage, int token,
                                float* scratch) {
  const float* input = params.workspace + stage.input + token * int64_t{stage.input_stride};
  float* const output = params.workspace + stage.output + token * int64_t{stage.output_stride};
  normalize_vector<T>(stage.norm, input, scratch, stage.depth);
  along(stage.depth,
        [&](auto i) { store(output, i, load<float>(output, i) + load<float>(scratch, i) * stage.scale); });
}

template <class T>
IPEX_WITHIN void finish_token(const DecodeParams& params, const DecodeStage& stage, int token,
                              float* scratch) {
  const float* input = params.workspace + params.hidden + token * int64_t{params.width};
  T* const result = static_cast<T*>(params.result) + token * int64_t{params.width};
  normalize_vector<T>(stage.norm, input, scratch, params.width);
  along(params.width, [&](auto i) { store(result, i, load<float>(scratch, i)); });
}

}  // namespace ipex::kernels
