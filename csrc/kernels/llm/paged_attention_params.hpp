// What the host hands to the kernels of paged_attention.hpp.
#pragma once

#include <cstdint>

#include "kernels/core/fault.hpp"

namespace ipex::kernels {

// Keys or values of all sequences. Strides are in elements.
struct CachedVectors {
  void* data;
  std::int64_t block;  // from a block of positions to the next
  std::int64_t slot;   // from a position to the next
  std::int64_t head;
  // Where elements do not follow each other: those of `chunk` do, and from a chunk to the next it is
  // `chunk_stride`.
  std::int64_t chunk;
  std::int64_t chunk_stride;
};

// Queries of a batch of sequences, and the keys that each sequence has. The last query stands at the last
// key.
struct PagedAttentionParams {
  const void* query;
  std::int64_t query_strides[2];  // token, head
  void* output;
  std::int64_t output_strides[2];
  CachedVectors key, value;
  const std::int32_t* block_table;  // of each sequence, its blocks; null: its keys follow one another
  std::int64_t block_table_stride;
  std::int64_t block_size, blocks;
  const std::int32_t* query_starts;  // [batch + 1], tokens; null: one query for each sequence
  const std::int32_t* key_starts;    // [batch + 1], without a block table
  const std::int32_t* key_lengths;   // [batch]; null: from the starts
  const float* slopes;               // ALiBi, for each head; or null
  std::int64_t slopes_stride;        // from a sequence to the next
  const float* sinks;                // for each head a logit without a value; or null
  std::int64_t batch, key_heads, sharing, head_size;
  std::int64_t tiles;                      // for each sequence and key head
  std::int64_t parts, part_size;           // of keys
  float* partial;                          // [token, head, part, element]
  float* statistics;                       // [token, head, part, 2]: largest logit, sum of weights
  std::int64_t tokens;                     // of all queries
  std::int64_t window_left, window_right;  // keys seen before and behind the query; negative: all
  float scale, softcap;                    // scale: of cached keys, too; softcap 0: none
  float value_scale;                       // of cached values
  Fault fault;
};

// Keys and values of tokens on their way into the cache.
struct CacheStoreParams {
  const void* key;
  const void* value;
  std::int64_t key_strides[2];  // token, head
  std::int64_t value_strides[2];
  CachedVectors key_cache, value_cache;
  const void* slots;  // position in the cache for each token, negative: none
  std::int64_t tokens, heads, head_size, block_size, slot_count;
  float key_scale, value_scale;  // what numbers of eight bits stand for, by this
  Fault fault;
  bool wide_slots;  // int64, else int32
};

}  // namespace ipex::kernels
