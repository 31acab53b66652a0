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

// Where the vectors of a block of positions are. Latent ones are keys, with the rotated features, which are
// in the place of values, behind them, and values at once.
template <class T>
struct PositionBlock {
  int first, count;
  const T* keys[decode_position_block];
  const T* values[decode_position_block];
};

template <class T>
IPEX_WITHIN void find_positions(const DecodeParams& params, const DecodeSegment& segment, int begin, int row,
                                int key_head, PositionBlock<T>& block) {
  const T* const keys = static_cast<const T*>(segment.keys) + key_head * segment.key_head;
  const T* const values = static_cast<const T*>(segment.values) + key_head * segment.value_head;
  const int64_t key_row = segment.key_row, value_row = segment.value_row;
  const int64_t key_position = segment.key_position, value_position = segment.value_position;
#pragma nounroll
  for (int i = 0; i < decode_position_block; ++i) {
    // Those beyond the last are read as the last, and not seen.
    const int position = block.first + sycl::min(i, block.count - 1);
    const int64_t place = position - begin;
    const int64_t of = params.row_of ? params.row_of[position * int64_t{params.rows} + row] : row;
    block.keys[i] = keys + of * key_row + place * key_position;
    block.values[i] = values + of * value_row + place * value_position;
  }
}

// Zero for the positions of a block that a query sees, or minus infinity.
IPEX_WITHIN FloatPack seen_positions(const DecodeParams& params, const DecodeStage& stage, int row,
                                     int query_position, int first, int count) {
  const int begin = stage.window > 0 ? query_position - stage.window + 1 : 0;
  const int end = sycl::min(first + count, query_position + 1);
  float bias[decode_position_block];
  for (int i = 0; i < decode_position_block; ++i) {
    bias[i] = first + i >= begin && first + i < end ? 0.0f : -limits<float>::infinity();
  }
  if (params.mask != nullptr) {
    const std::int64_t* const mask = params.mask + row * params.mask_stride + first;
    for (int i = 0; i < count; ++i) {
      if (mask[i] == 0) bias[i] = -limits<float>::infinity();
    }
  }
  return load_pack<FloatPack>(bias);
}

// Sums of products along `size` elements of a key with the queries of `heads`, `query_step` apart.
template <int heads, class T>
IPEX_WITHIN void add_products(const float* queries, int query_step, const T* key, int size, FloatPack* packs,
                              float* singles) {
  along(size, [&](auto d) {
    const auto element = load<float>(key, d);
#pragma unroll
    for (int h = 0; h < heads; ++h) {
      const auto query = load<float>(queries + h * query_step, d);
      if constexpr (std::is_same_v<decltype(d), PackPlace>) {
        packs[h] = math::fma(query, element, packs[h]);
      } else {
        singles[h] += query * element;
      }
    }
  });
}

// Takes in a block of positions for `heads` heads that share their keys, whose queries follow each other.
template <int heads, class T>
IPEX_WITHIN void attend_block(const DecodeParams& params, const DecodeStage& stage, const float* queries,
                              int first_head, int query_position, const PositionBlock<T>& block,
                              FloatPack seen, AttentionSum* sums) {
  const int size = params.head_size, rank = params.latent.rank, key_size = rank > 0 ? rank : size;
  FloatPack products[heads][decode_position_block];
#pragma nounroll
  for (int i = 0; i < decode_position_block; ++i) {
    FloatPack packs[heads];
    float singles[heads];
#pragma unroll
    for (int h = 0; h < heads; ++h) {
      packs[h] = FloatPack(0.0f);
      singles[h] = 0;
    }
    add_products<heads>(queries, size, block.keys[i], key_size, packs, singles);
    if (rank > 0) {
      add_products<heads>(queries + rank, size, block.values[i], size - rank, packs, singles);
    }
#pragma unroll
    for (int h = 0; h < heads; ++h) {
      packs[h].lanes[0] += singles[h];
      products[h][i] = packs[h];
    }
  }
  float weights[heads][decode_position_block], factors[heads];
#pragma unroll
  for (int h = 0; h < heads; ++h) {
    FloatPack scores = lane_totals(products[h]) * FloatPack(params.scale);
    if (params.soft_cap > 0) {
      for (int i = 0; i < decode_position_block; ++i) {
        scores.lanes[i] = params.soft_cap * math::tanh(scores.lanes[i] / params.soft_cap);
      }
    }
    if (stage.slopes != nullptr) {
      for (int i = 0; i < decode_position_block; ++i) {
        scores.lanes[i] +=
            stage.slopes[first_head + h] * static_cast<float>(block.first + i - query_position);
      }
    }
    scores = scores + seen;
    const auto maximum = [](auto a, auto b) { return math::maximum(a, b); };
    auto& state = sums[h];
    const float largest =
        sycl::fmax(state.largest, float(combine_lanes<FloatPack>(scores, maximum).lanes[0]));
    // Where nothing has been seen yet, all weights and the sum are zero.
    const float shift = largest == -limits<float>::infinity() ? 0.0f : largest;
    const FloatPack weight = math::exp(scores - FloatPack(shift));
    factors[h] = math::exp(state.largest - shift);
    const auto plus = [](auto a, auto b) { return a + b; };
    state.total = state.total * factors[h] + combine_lanes<FloatPack>(weight, plus).lanes[0];
    state.largest = largest;
    store_pack(weights[h], weight);
  }
  const T* const* const vectors = rank > 0 ? block.keys : block.values;
  along(params.value_size, [&](auto d) {
    using V = decltype(load<float>(vectors[0], d));
    V values[heads];
#pragma unroll
    for (int h = 0; h < heads; ++h) values[h] = load<float>(sums[h].values, d) * V(factors[h]);
#pragma unroll
    for (int i = 0; i < decode_position_block; ++i) {
      const V value = load<float>(vectors[i], d);
#pragma unroll
      for (int h = 0; h < heads; ++h) values[h] = math::fma(value, V(weights[h][i]), values[h]);
    }
#pragma unroll
    for (int h = 0; h < heads; ++h) store(sums[h].values, d, values[h]);
  });
}

template <int heads = 1, class... Arguments>
IPEX_WITHIN void attend_block_of(int count, Arguments&... arguments) {
  if (count == heads) {
    attend_block<heads>(arguments...);
  } else if constexpr (heads < decode_head_block) {
    attend_block_of<heads + 1>(count, arguments...);
  }
}

IPEX_WITHIN int head_blocks(const DecodeParams& params) {
  return (params.heads / params.key_heads + decode_head_block - 1) / decode_head_block;
}

// Piece of work: a token, some of the heads that share keys, and a part of the keys.
template <class T>
IPEX_WITHIN void attend(const DecodeParams& params, const DecodeStage& stage, int piece) {
  const int size = params.head_size, group = params.heads / params.key_heads, blocks = head_blocks(params);
  const int part = piece % params.splits, block = piece / params.splits % blocks;
  const int key_head = piece / (params.splits * blocks) % params.key_heads;
  const int token = piece / (params.splits * blocks * params.key_heads);
  const int row = token / params.tokens_of_row;
  const int last = params.cached + token % params.tokens_of_row;
  int begin = part * params.split_length;
  const int end = sycl::min(begin + params.split_length, last + 1);
  if (stage.window > 0) begin = sycl::max(begin, last + 1 - stage.window);
  const int first_head = key_head * group + block * decode_head_block;
  const int count = sycl::min(decode_head_block, group - block * decode_head_block);
  const float* queries =
      params.workspace + params.queries + (token * int64_t{params.heads} + first_head) * size;
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
      PositionBlock<T> positions;
      positions.first = first;
      positions.count = sycl::min(decode_position_block, to - first);
      find_positions(params, segment, params.begins[s], row, key_head, positions);
      const auto seen = seen_positions(params, stage, row, last, first, positions.count);
      attend_block_of(count, params, stage, queries, first_head, last, positions, seen, sums);
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
