// Attention of a decoder's step: of a token and heads that share keys over a part of the keys.
#pragma once

#include "kernels/llm/decode_vectors.hpp"
#include "kernels/llm/row_sums.hpp"

namespace ipex::kernels {

// One head's attention over some of the keys, as online softmax goes along.
struct AttentionSum {
  float largest, total;
  float* values;  // [value size]
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
    along(params.value_size, [&](auto d) {
      auto sum = load<float>(state.values, d) * factor;
#pragma unroll
      for (int i = 0; i < decode_position_block; ++i) {
        sum = sum + load<float>(values + int64_t{i} * size, d) * float(weights.lanes[i]);
      }
      store(state.values, d, sum);
    });
  }
}

// Keys and values of up to a block of positions as rows of floats, head_size apart. Latent ones are keys,
// with the rotated features behind them, and values at once.
template <class T>
IPEX_WITHIN void load_block(const DecodeParams& params, const DecodeSegment& segment, int begin, int row,
                            int key_head, int first, int positions, float* keys, float* values) {
  const int size = params.head_size, rank = params.latent.rank;
  for (int i = 0; i < decode_position_block; ++i) {
    // Rows beyond the last are read as the last, and not seen.
    const int position = first + sycl::min(i, positions - 1);
    const int64_t place = position - begin;
    const int64_t of = params.row_of ? params.row_of[position * int64_t{params.rows} + row] : row;
    const T* const key = static_cast<const T*>(segment.keys) + of * segment.key_row +
                         key_head * segment.key_head + place * segment.key_position;
    const T* const value = static_cast<const T*>(segment.values) + of * segment.value_row +
                           key_head * segment.value_head + place * segment.value_position;
    float* const to = keys + int64_t{i} * size;
    if (rank > 0) {
      along(rank, [&](auto d) { store(to, d, load<float>(key, d)); });
      along(size - rank, [&](auto d) { store(to + rank, d, load<float>(value, d)); });
    } else {
      along(size, [&](auto d) {
        store(to, d, load<float>(key, d));
        store(values + int64_t{i} * size, d, load<float>(value, d));
      });
    }
  }
}

IPEX_WITHIN int head_blocks(const DecodeParams& params) {
  return (params.heads / params.key_heads + decode_head_block - 1) / decode_head_block;
}

// Piece of work: a token, some of the heads that share keys, and a part of the keys.
template <class T>
IPEX_WITHIN void attend(const DecodeParams& params, const DecodeStage& stage, int piece, float* scratch) {
  const int size = params.head_size, group = params.heads / params.key_heads, blocks = head_blocks(params);
  const int part = piece % params.splits, block = piece / params.splits % blocks;
  const int key_head = piece / (params.splits * blocks) % params.key_heads;
  const int token = piece / (params.splits * blocks * params.key_heads);
  const int row = token / params.tokens_of_row;
  const int last = params.cached + token % params.tokens_of_row;
  int begin = part * params.split_length;
  const int end = sycl::min(begin + params.split_length, last + 1);
  if (stage.window > 0) begin = sycl::max(begin, last + 1 - stage.window);
  float* const keys = scratch;
  float* const values = params.latent.rank > 0 ? keys : keys + decode_position_block * size;
  const int first_head = key_head * group + block * decode_head_block;
  const int count = sycl::min(decode_head_block, group - block * decode_head_block);
  AttentionSum sums[decode_head_block];
  for (int i = 0; i < count; ++i) {
    float* const output =
        params.workspace + params.partial +
        ((token * int64_t{params.heads} + first_head + i) * params.splits + part) * (params.value_size + 2);
    const bool sink = stage.sinks != nullptr && part == 0;
    sums[i] = {sink ? stage.sinks[first_head + i] : -limits<float>::infinity(), sink ? 1.0f : 0.0f, output};
    for (int d = 0; d < params.value_size; ++d) output[d] = 0;
  }
  for (int s = 0; s < params.segment_count; ++s) {
    const int from = sycl::max(begin, params.begins[s]), to = sycl::min(end, params.begins[s + 1]);
    const auto& segment = params.segments[stage.layer * params.segment_count + s];
    for (int first = from; first < to; first += decode_position_block) {
      const int positions = sycl::min(decode_position_block, to - first);
      load_block<T>(params, segment, params.begins[s], row, key_head, first, positions, keys, values);
      attend_block<T>(params, stage, token, first_head, count, first, positions, keys, values, sums);
    }
  }
  for (int i = 0; i < count; ++i) {
    sums[i].values[params.value_size] = sums[i].largest;
    sums[i].values[params.value_size + 1] = sums[i].total;
  }
}

// Attention over parts of the keys, [splits, value size + 2] of a head, put together: each part has its sums
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

}  // namespace ipex::kernels
