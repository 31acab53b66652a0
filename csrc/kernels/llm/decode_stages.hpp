// The other stages of a decoder's step, each tile by one work-item with packs.
#pragma once

#include "kernels/llm/decode_vectors.hpp"

namespace ipex::kernels {

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

// The places of a token's keys and values in the cache, of a head.
template <class T>
struct CachePlace {
  T* key;
  T* value;

  IPEX_WITHIN CachePlace(const DecodeParams& params, const DecodeStage& stage, int token, int key_head) {
    const int row = token / params.tokens_of_row;
    const int position = params.cached + token % params.tokens_of_row;
    int s = params.segment_count - 1;
    while (s > 0 && params.begins[s] > position) --s;
    const auto& segment = params.segments[stage.layer * params.segment_count + s];
    const int64_t place = position - params.begins[s];
    key = static_cast<T*>(segment.keys) + row * segment.key_row + key_head * segment.key_head +
          place * segment.key_position;
    value = static_cast<T*>(segment.values) + row * segment.value_row + key_head * segment.value_head +
            place * segment.value_position;
  }
};

IPEX_WITHIN const float* angles_of(const DecodeParams& params, const DecodeStage& stage, int token) {
  return params.workspace + params.angles + (stage.angles * int64_t{decode_tokens} + token) * params.rotary;
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
      rotate(params, angles_of(params, stage, token), scratch);
    }
  }
  if (query) {
    float* const to = params.workspace + params.queries + (token * int64_t{params.heads} + number) * size;
    along(size, [&](auto i) { store(to, i, load<float>(head, i)); });
    return;
  }
  const CachePlace<T> place(params, stage, token, number - kind_first);
  T* const to = value ? place.value : place.key;
  along(size, [&](auto i) { store(to, i, load<float>(head, i)); });
}

// Rotated features in halves, whichever pairs they were.
IPEX_WITHIN void rotate_to_halves(const DecodeParams& params, const float* angles, const float* head,
                                  float* output) {
  const int half = params.rotary / 2;
  for (int i = 0; i < half; ++i) {
    const float a = head[params.interleaved ? 2 * i : i];
    const float b = head[params.interleaved ? 2 * i + 1 : half + i];
    output[i] = a * angles[i] - b * angles[half + i];
    output[half + i] = b * angles[i] + a * angles[half + i];
  }
}

// Piece of work: a token and a head of its queries, or its latent vector. Queries become such as meet latent
// vectors: the weights that would make keys of these are multiplied by the query instead.
template <class T>
IPEX_WITHIN void finish_latent(const DecodeParams& params, const DecodeStage& stage, int piece,
                               float* scratch) {
  const auto& latent = params.latent;
  const int token = piece / (params.heads + 1), head = piece % (params.heads + 1);
  const float* const angles = angles_of(params, stage, token);
  if (head == params.heads) {
    const float* const vector =
        params.workspace + params.latents + token * int64_t{latent.rank + params.rotary};
    const CachePlace<T> place(params, stage, token, 0);
    normalize_vector<T>(stage.norm, vector, scratch, latent.rank);
    along(latent.rank, [&](auto i) { store(place.key, i, load<float>(scratch, i)); });
    rotate_to_halves(params, angles, vector + latent.rank, scratch);
    along(params.rotary, [&](auto i) { store(place.value, i, load<float>(scratch, i)); });
    return;
  }
  const int size = latent.plain + params.rotary;
  const float* const query =
      params.workspace + params.projected + (token * int64_t{params.heads} + head) * size;
  float* const output =
      params.workspace + params.queries + (token * int64_t{params.heads} + head) * params.head_size;
  const T* const rows =
      static_cast<const T*>(stage.expand) + head * int64_t{latent.plain + latent.value} * latent.rank;
  along(latent.rank, [&](auto d) {
    auto sum = load<float>(rows, d) * query[0];
    for (int i = 1; i < latent.plain; ++i) {
      sum = sum + load<float>(rows + int64_t{i} * latent.rank, d) * query[i];
    }
    store(output, d, sum);
  });
  rotate_to_halves(params, angles, query + latent.plain, output + latent.rank);
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
