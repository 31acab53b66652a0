// A decoder's step for a few tokens, as a program of stages that one launch runs: what the host hands over.
// Offsets and strides of the workspace are in floats.
#pragma once

#include <cstdint>

#include "kernels/llm/quantized_linear_params.hpp"

namespace ipex::kernels {

constexpr int decode_tokens = 8;     // at most, in one step
constexpr int decode_segments = 64;  // of the key and value cache, at most
constexpr int decode_head_size = 1024;
constexpr int decode_line = 16;            // 32-bit words of a cache line: counters do not share one
constexpr int decode_position_block = 16;  // keys that are looked at together
constexpr int decode_head_block = 4;       // heads that look at them together

enum class DecodeKind : std::int32_t {
  angles,         // cosines and sines of the tokens' positions
  product,        // rows of weights by the tokens' vectors
  choose,         // experts of a token, by the router's scores
  inner_experts,  // a product of a token's vector with rows of each of its experts
  outer_experts,  // of what those made with rows of the same experts, added up
  heads,          // normalization and rotation of queries and keys; keys and values into the cache
  attention,      // of one token and some of the heads that share keys, over a part of the keys
  latent_heads,   // the same as heads where the cache has what keys and values are made of
  latent_values,  // heads' values, of what attention over the cache made
  normalize,      // a vector, added to the hidden state
  finish,         // the last normalization, into the result
};
enum class DecodeNorm : std::int32_t { none, root_mean_square, layer };
enum class DecodeActivation : std::int32_t { none, silu, gelu, gelu_tanh, relu, relu_squared, clamped_swish };
// Where a product's vectors come from.
enum class DecodeSource : std::int32_t { vectors, attention };

struct DecodeNormalization {
  DecodeNorm kind;
  float epsilon;
  float offset;  // added to the weight
  const void* weight;
  const void* bias;
  // Of heads: statistics are those of all heads together; elements from a head's weights to the next one's.
  std::int32_t of_all_heads, head_step;
};

// Rows of a matrix of weights that follow each other: a tile of a product, worked on by one work-item.
struct DecodeRows {
  const void* numbers;  // none where the rows are codes
  const void* bias;
  std::int64_t step;         // from a row to the next one, in elements
  std::int64_t expert_step;  // from an expert's rows to those of the next one
  std::int32_t bias_step;    // the same of their biases
  std::int32_t matrix;       // of codes, in DecodeParams::matrices
  std::int32_t first;        // row of that matrix
};
struct DecodeTile {
  DecodeRows values, gate;  // the activation of the gate's rows multiplies the others
  std::int32_t gated;
  std::int32_t rows;
  std::int32_t output;  // where the first one's result goes, within a token's vector
};

struct DecodeStage {
  DecodeKind kind;
  std::int32_t tiles;  // as many pieces of work, shared by the work-groups
  // Product.
  const DecodeTile* rows;
  std::int64_t input, output;
  std::int32_t input_stride, output_stride;  // from a token to the next
  std::int32_t depth;
  DecodeSource source;
  DecodeNormalization norm;  // of the input; of heads: of a query
  DecodeNormalization key_norm;
  DecodeActivation activation;
  std::int32_t accumulate;  // adds to what is there
  float scale;              // of the result
  float limit;              // of what the activation multiplies, if it is not 0, and 1 is added; of its input
  // Experts.
  std::int32_t experts, chosen;        // all of them; for each token
  std::int32_t normalized;             // weights of the chosen ones add up to 1, not those of all
  std::int32_t shared;                 // the scores have one more, of the expert that all tokens share
  std::int32_t weighted;               // the activation is multiplied by the shared expert's weight
  std::int32_t sigmoid;                // of scores, not their softmax
  std::int32_t groups, chosen_groups;  // of experts; those of the others are not chosen
  const float* choice_bias;            // added to the scores for the choice alone
  // Vectors for rows of codes; no spans where all rows are numbers.
  ActivationsParams activations;
  // Heads and attention.
  std::int32_t layer;
  std::int32_t angles;  // which frequencies rotate; none if negative
  std::int32_t window;  // so many keys are seen; all if 0
  const float* slopes;  // of a bias by distance, for each head
  const float* sinks;   // of each head, a score without a value
  const void* expand;   // [heads, plain + value, rank]: latent keys and values to a head's
};

// Where the cache has a vector of `rank` features for all heads (and, as values, the rotated features that
// their keys share): heads of queries are `plain` features and the rotated ones. 0: it has keys and values.
struct DecodeLatent {
  std::int32_t rank, plain, value;
};

// Keys and values of some positions, in one layer: addresses, and strides in elements.
struct DecodeSegment {
  void* keys;
  void* values;
  std::int64_t key_row, key_head, key_position;
  std::int64_t value_row, value_head, value_position;
};

struct DecodeFrequencies {
  const float* inverse;  // [rotary / 2]
  float scale;           // of cosine and sine
};

struct DecodeParams {
  const DecodeStage* stages;
  std::int32_t stage_count;
  std::uint32_t* counters;  // two sets of two cache lines for each stage
  std::int32_t parity;      // which set counts in this step; the other is set to zero
  float* workspace;
  std::int64_t scratch, scratch_stride;  // of each work-group
  const QuantizedWeight* matrices;
  const void* input;  // [tokens, hidden]
  void* result;
  std::int64_t hidden;  // the residual stream, [tokens, width]
  std::int32_t width;
  // Heads.
  std::int32_t heads, key_heads, head_size;
  std::int32_t value_size;  // of a head of values; head_size unless they are latent
  DecodeLatent latent;
  std::int32_t rotary;       // features that are rotated, the first ones
  std::int32_t interleaved;  // pairs are neighbours, not halves
  float scale, soft_cap;     // of scores
  std::int64_t projected;    // queries, keys and values [tokens, (heads + 2 key_heads) head_size]
  std::int64_t latents;      // [tokens, rank + rotary]
  std::int64_t queries;      // normalized and rotated [tokens, heads, head_size]
  std::int64_t angles;       // [frequencies][tokens][rotary]: cosines, then sines
  DecodeFrequencies frequencies[2];
  std::int32_t frequency_count;
  std::int64_t choices;  // of experts [tokens]: their numbers, their weights, the shared one's weight
  std::int32_t choices_stride;
  std::int64_t partial;  // attention over parts of the keys: [tokens, heads, splits, value_size + 2]
  // Tokens: those of a row follow each other.
  std::int32_t tokens, tokens_of_row, cached;  // cached: positions before the first token
  std::int32_t splits, split_length;
  const std::int64_t* positions;  // [tokens]
  const std::int64_t* mask;       // [rows, mask_stride], 0 where a position is not seen; or none
  std::int64_t mask_stride;
  const std::int32_t* row_of;  // [positions, rows]: the row that has a row's position; or none
  std::int32_t rows;
  const DecodeSegment* segments;  // [layers, segment_count]
  std::int32_t segment_count;
  std::int32_t begins[decode_segments + 1];  // the position that a segment begins with
};

}  // namespace ipex::kernels
