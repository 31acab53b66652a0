// What the host hands to the kernels of attention.hpp.
#pragma once

#include "kernels/random_params.hpp"

namespace ipex::kernels {

// Rows of products q·k, [batches, heads, rows, columns]: a part of the [batch, head, query, key] of a call.
// Heads that share a key head follow one another; row r belongs to query first_query + r * query_step of head
// (key head) * sharing + first_sharing + r * sharing_step.
struct AttentionParams {
  void* scores;     // q·k; overwritten
  void* gradients;  // backward: gradients of the weights in, of q·k out, where the types allow it in place
  void* weights;    // of each key; may be scores, whose row they then overwrite from its beginning
  std::int64_t weight_step;  // from one row of weights to the next
  void* score_gradients;
  float* logsumexp;  // [batch, head, query]
  const void* mask;
  std::int64_t mask_strides[3];  // of batch, head and query
  std::int64_t batches, heads, rows, columns;
  std::int64_t first_batch, first_head, first_sharing, first_query;
  std::int64_t sharing_step, query_step;
  std::int64_t sharing;                   // query heads for each key head
  std::int64_t all_heads, queries, keys;  // of the call: key heads, queries, keys
  std::uint64_t keep_below;               // dropout: what a random word must be below for its weight to stay
  PhiloxState random;
  float keep_scale;
  float scale;
  bool causal;
};

}  // namespace ipex::kernels
