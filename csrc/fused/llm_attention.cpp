// Attention over sequences of different lengths, whose keys are packed or in blocks of a cache, torch_ipex::.
// Lengths stay on the device: the host only knows bounds of them.
#include <ATen/ceil_div.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>

#include "aten/fault.h"
#include "aten/kernel_table.h"
#include "aten/reduce/reduce.h"
#include "fused/llm_checks.h"
#include "kernels/llm/paged_attention_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using kernels::CachedVectors;
using kernels::PagedAttentionParams;
using OptionalTensor = std::optional<Tensor>;

// What a call has beside queries and keys.
struct Options {
  const char* name;
  OptionalTensor slopes, sinks;
  std::int64_t most_queries, most_keys;  // of a sequence
  double scale;
  std::int64_t window_left, window_right;
  bool causal;
  double softcap;
};

// Keys and values as the kernels find them.
struct Cache {
  CachedVectors key, value;
  std::int64_t heads, head_size;
  std::int64_t block_size, blocks;
  bool chunks;
  const char* format = nullptr;  // of numbers of eight bits; else the query's dtype
  double key_scale = 1, value_scale = 1;

  const char* layout() const { return chunks ? "CacheLayout::chunks" : "CacheLayout::rows"; }
};

// What a call says of the numbers in a cache.
struct CacheFormat {
  c10::string_view dtype = "auto";
  double key_scale = 1, value_scale = 1;
};

CachedVectors rows_of(const Tensor& tensor, std::int64_t block, std::int64_t slot, std::int64_t head) {
  return {const_cast<void*>(tensor.const_data_ptr()), block, slot, head, 1, 1};
}

void check_dense(const char* name, const char* what, const Tensor& tensor) {
  TORCH_CHECK(tensor.size(-1) <= 1 || tensor.stride(-1) == 1, name, ": expected ", what,
              " whose elements of a head follow each other, but got strides ", tensor.strides());
}

// Keys [tokens, heads, head_size] of all sequences.
Cache packed(const char* name, const Tensor& key, const Tensor& value) {
  TORCH_CHECK(key.dim() == 3 && key.sizes() == value.sizes(), name,
              ": expected key and value of shape [tokens, heads, head_size], but got ", key.sizes(), " and ",
              value.sizes());
  check_dense(name, "keys", key);
  check_dense(name, "values", value);
  return {rows_of(key, 0, key.stride(0), key.stride(1)),
          rows_of(value, 0, value.stride(0), value.stride(1)),
          key.size(1),
          key.size(2),
          1,
          1,
          false};
}

// Caches [blocks, block_size, heads, head_size]; or [blocks, heads, head_size / x, block_size, x] of keys and
// [blocks, heads, head_size, block_size] of values.
Cache cached(const char* name, const Tensor& key, const Tensor& value) {
  if (key.dim() == 4) {
    TORCH_CHECK(key.sizes() == value.sizes(), name,
                ": expected caches of shape [blocks, block_size, heads, head_size], but got ", key.sizes(),
                " and ", value.sizes());
    check_dense(name, "the cache of keys", key);
    check_dense(name, "the cache of values", value);
    return {rows_of(key, key.stride(0), key.stride(1), key.stride(2)),
            rows_of(value, value.stride(0), value.stride(1), value.stride(2)),
            key.size(2),
            key.size(3),
            key.size(1),
            key.size(0),
            false};
  }
  TORCH_CHECK(key.dim() == 5 && value.dim() == 4 && key.size(0) == value.size(0) &&
                  key.size(1) == value.size(1) && key.size(2) * key.size(4) == value.size(2) &&
                  key.size(3) == value.size(3),
              name,
              ": expected a cache of keys of shape [blocks, heads, head_size / x, block_size, x] and one of "
              "values of shape [blocks, heads, head_size, block_size], but got ",
              key.sizes(), " and ", value.sizes());
  check_dense(name, "the cache of keys", key);
  auto keys = rows_of(key, key.stride(0), key.stride(3), key.stride(1));
  keys.chunk = key.size(4);
  keys.chunk_stride = key.stride(2);
  auto values = rows_of(value, value.stride(0), value.stride(3), value.stride(1));
  values.chunk_stride = value.stride(2);
  return {keys, values, value.size(1), value.size(2), value.size(3), value.size(0), true};
}

// Caches of the dtype of `tensor`; or of eight bits, as `numbers` or the caches' own dtype says.
Cache cached(const char* name, const Tensor& key, const Tensor& value, const Tensor& tensor,
             const CacheFormat& numbers) {
  auto cache = cached(name, key, value);
  check_device(name, "key_cache", key, tensor);
  check_like(name, "value_cache", value, key);
  const auto dtype = key.scalar_type();
  const bool bytes = dtype == at::kByte;
  const bool automatic = numbers.dtype == "auto";
  const bool e4m3 = numbers.dtype == "fp8" || numbers.dtype == "fp8_e4m3", e5m2 = numbers.dtype == "fp8_e5m2";
  TORCH_CHECK(automatic || e4m3 || e5m2, name,
              ": expected kv_cache_dtype auto, fp8, fp8_e4m3 or fp8_e5m2, but got ", numbers.dtype);
  if ((automatic || e4m3) && (dtype == at::kFloat8_e4m3fn || (e4m3 && bytes))) {
    cache.format = "weights::e4m3";
  } else if ((automatic || e5m2) && (dtype == at::kFloat8_e5m2 || (e5m2 && bytes))) {
    cache.format = "weights::e5m2";
  } else {
    TORCH_CHECK(automatic, name, ": expected caches of ", e4m3 ? "float8_e4m3fn" : "float8_e5m2",
                " or uint8 for kv_cache_dtype ", numbers.dtype, ", but got ", dtype);
    TORCH_CHECK(!bytes, name, ": caches of uint8 need kv_cache_dtype fp8_e4m3 or fp8_e5m2");
    check_like(name, "key_cache", key, tensor);
  }
  for (const double scale : {numbers.key_scale, numbers.value_scale}) {
    TORCH_CHECK(
        cache.format == nullptr ? scale == 1 : scale > 0 && std::isfinite(scale), name, ": expected ",
        cache.format == nullptr ? "scales of 1 for caches of numbers as they are" : "finite scales above 0",
        ", but got k_scale ", numbers.key_scale, " and v_scale ", numbers.value_scale);
  }
  cache.key_scale = numbers.key_scale;
  cache.value_scale = numbers.value_scale;
  return cache;
}

Tensor int32(const char* name, const char* what, const Tensor& given, const Tensor& query,
             std::int64_t size) {
  check_device(name, what, given, query);
  TORCH_CHECK(given.dim() == 1 && (size < 0 || given.size(0) == size), name, ": expected ", what, " of ",
              size < 0 ? std::string("one dimension") : std::to_string(size) + " integers",
              ", but got shape ", given.sizes());
  TORCH_CHECK(c10::isIntegralType(given.scalar_type(), false), name, ": expected ", what,
              " of integers, but got ", given.scalar_type());
  return given.to(at::kInt).contiguous();
}

// For each head, of dtype float32.
Tensor by_head(const char* name, const char* what, const OptionalTensor& given, const Tensor& query,
               std::int64_t batch) {
  if (!given || !given->defined()) return {};
  const auto heads = query.size(1);
  check_device(name, what, *given, query);
  TORCH_CHECK(given->sizes() == at::IntArrayRef({heads}) || given->sizes() == at::IntArrayRef({batch, heads}),
              name, ": expected ", what, " for ", heads, " heads, but got shape ", given->sizes());
  return given->to(at::kFloat).contiguous();
}

// The largest tile of queries and heads that share keys that is worth it.
int tile_rows_of(std::int64_t rows, bool chunks) {
  if (rows <= 1) return 1;
  return rows <= 4 && !chunks ? 4 : 8;
}

// Local memory of a sub-group, or of a work-item that takes packs (AttentionMemory of the kernel).
std::size_t tile_bytes(int rows, std::int64_t head_size, int width) {
  return rows * (2 * head_size + width) * sizeof(float) + 2 * width * sizeof(std::int64_t);
}

constexpr std::size_t most_local_bytes = 60 << 10;

struct Tiles {
  int rows;
  Range range;
  std::size_t local_bytes;
};

Tiles tiles_for(const char* name, std::int64_t rows, std::int64_t head_size, bool chunks) {
  const auto& limits = runtime::device_limits();
  Tiles tiles{tile_rows_of(rows, chunks), {0, 1}, 0};
  if (walks_alone()) {
    tiles.local_bytes = tile_bytes(tiles.rows, head_size, 16);
    return tiles;
  }
  // Sub-groups have at least 8 work-items.
  tiles.range.group_size = limits.is_cpu ? 16 : limits.max_sub_group_size;
  const auto bytes = [&] {
    return tile_bytes(tiles.rows, head_size, limits.max_sub_group_size) *
           static_cast<std::size_t>(tiles.range.group_size / 8);
  };
  while (bytes() > most_local_bytes && tiles.rows > 1) tiles.rows = tiles.rows == 8 && !chunks ? 4 : 1;
  tiles.local_bytes = bytes();
  TORCH_CHECK(tiles.local_bytes <= most_local_bytes, name, ": heads of ", head_size,
              " elements are too large for this device");
  return tiles;
}

// Into how many parts the keys are cut so that the device has enough to do. On a CPU parts are also as short
// as lets the keys of all heads stay in a cache, where one head's jobs have the next one's lines fetched;
// only where each part is one tile's, so that what is joined is little.
std::int64_t parts_for(std::int64_t tiles, std::int64_t batch, std::int64_t most_keys, const Cache& cache,
                       std::size_t element_size) {
  constexpr std::int64_t most_parts = 64, cached_bytes = 1 << 20;
  const auto& limits = runtime::device_limits();
  const std::int64_t wanted = std::int64_t{limits.compute_units} * (limits.is_cpu ? 4 : 16);
  std::int64_t parts = at::ceil_div(wanted, std::max<std::int64_t>(1, tiles * batch * cache.heads));
  std::int64_t smallest_part = 256;
  if (walks_alone() && tiles == 1) {
    const auto bytes = 2 * cache.heads * cache.head_size * static_cast<std::int64_t>(element_size);
    smallest_part = std::clamp<std::int64_t>(cached_bytes / bytes, 64, 512);
    parts = at::ceil_div(most_keys, smallest_part);
  }
  return std::clamp<std::int64_t>(parts, 1,
                                  std::clamp<std::int64_t>(most_keys / smallest_part, 1, most_parts));
}

void check_call(const Options& options, const Tensor& query, const Tensor& out, const Cache& cache) {
  const auto* name = options.name;
  check_dtype_of_model(name, query);
  TORCH_CHECK(query.dim() == 3, name, ": expected queries of shape [tokens, heads, head_size], but got ",
              query.sizes());
  check_like(name, "out", out, query);
  check_shape(name, "out", out, query.sizes());
  check_dense(name, "queries", query);
  check_dense(name, "out", out);
  TORCH_CHECK(query.size(2) == cache.head_size && cache.heads > 0 && query.size(1) % cache.heads == 0, name,
              ": expected heads of ", cache.head_size, " elements, a multiple of ", cache.heads,
              " in number, but got queries of shape ", query.sizes());
  TORCH_CHECK(options.most_queries >= 0 && options.most_keys >= 0, name,
              ": expected lengths of at least 0, but got ", options.most_queries, " and ", options.most_keys);
}

// `params` says where queries and keys begin and how long they are.
void attend(const Options& options, const Tensor& query, const Tensor& out, const Cache& cache,
            PagedAttentionParams& params) {
  if (query.numel() == 0) return;
  const auto* name = options.name;
  const auto slopes = by_head(name, "alibi_slopes", options.slopes, query, params.batch);
  const auto sinks = by_head(name, "sink", options.sinks, query, -1);
  params.query = query.const_data_ptr();
  params.output = out.mutable_data_ptr();
  for (int d = 0; d < 2; ++d) {
    params.query_strides[d] = query.stride(d);
    params.output_strides[d] = out.stride(d);
  }
  params.key = cache.key;
  params.value = cache.value;
  params.block_size = cache.block_size;
  params.blocks = cache.blocks;
  params.slopes = static_cast<const float*>(data_or_null(slopes));
  params.slopes_stride = slopes.defined() && slopes.dim() == 2 ? slopes.size(1) : 0;
  params.sinks = static_cast<const float*>(data_or_null(sinks));
  params.key_heads = cache.heads;
  params.sharing = query.size(1) / cache.heads;
  params.head_size = cache.head_size;
  params.tokens = query.size(0);
  params.window_left = options.window_left;
  params.window_right = options.causal ? 0 : options.window_right;
  params.scale = static_cast<float>(options.scale * cache.key_scale);
  params.value_scale = static_cast<float>(cache.value_scale);
  params.softcap = options.softcap > 0 ? static_cast<float>(options.softcap) : 0.0f;
  params.fault = fault_for(name);

  const auto rows = options.most_queries * params.sharing;
  auto tiles = tiles_for(name, rows, cache.head_size, cache.chunks);
  params.tiles = at::ceil_div<std::int64_t>(rows, tiles.rows);
  auto jobs = params.batch * params.key_heads * params.tiles;
  params.parts = parts_for(params.tiles, params.batch, options.most_keys, cache,
                           cache.format == nullptr ? query.element_size() : 1);
  params.part_size = at::ceil_div(std::max<std::int64_t>(options.most_keys, 1), params.parts);
  jobs *= params.parts;
  Tensor partial, statistics;
  if (params.parts > 1) {
    const auto wide = query.options().dtype(at::kFloat);
    partial = at::empty({params.tokens, query.size(1), params.parts, cache.head_size}, wide);
    statistics = at::empty({params.tokens, query.size(1), params.parts, 2}, wide);
    params.partial = partial.mutable_data_ptr<float>();
    params.statistics = statistics.mutable_data_ptr<float>();
  }
  const auto* type = type_name(query.scalar_type());
  auto [kernel, range] = row_kernel("paged_attention", jobs);
  range.group_size = tiles.range.group_size;
  launch("llm/paged_attention",
         instantiation(kernel, std::to_string(tiles.rows), cache.layout(), type,
                       cache.format == nullptr ? type : cache.format),
         range, params, tiles.local_bytes);
  if (params.parts > 1) {
    const auto [join, join_range] = row_kernel("join_attention", params.tokens * query.size(1));
    launch("llm/paged_attention", instantiation(join, type), join_range, params);
  }
}

// Lengths of the queries' and keys' sequences: `starts` are [batch + 1] numbers of tokens.
struct Lengths {
  Tensor query_starts, key_starts, key_lengths, blocks;

  void set(PagedAttentionParams& params) const {
    params.query_starts = static_cast<const std::int32_t*>(data_or_null(query_starts));
    params.key_starts = static_cast<const std::int32_t*>(data_or_null(key_starts));
    params.key_lengths = static_cast<const std::int32_t*>(data_or_null(key_lengths));
    params.block_table = static_cast<const std::int32_t*>(data_or_null(blocks));
    params.block_table_stride = blocks.defined() ? blocks.size(1) : 0;
  }
};

Tensor block_table(const char* name, const Tensor& given, const Tensor& query, std::int64_t batch) {
  check_device(name, "block tables", given, query);
  TORCH_CHECK(given.dim() == 2 && given.size(0) == batch && c10::isIntegralType(given.scalar_type(), false),
              name, ": expected block tables of integers, [", batch, ", blocks of a sequence], but got ",
              given.scalar_type(), " of shape ", given.sizes());
  return given.to(at::kInt).contiguous();
}

void check_inference(const char* name, double dropout, bool return_softmax) {
  TORCH_CHECK(dropout == 0, name, ": expected no dropout, but got ", dropout);
  TORCH_CHECK(!return_softmax, name, ": the softmax is never stored, so it is not returned");
}

Tensor varlen(const Options& options, const Tensor& query, const Tensor& key, const Tensor& value,
              const Tensor& out, const Tensor& query_starts, const Tensor& key_starts,
              const OptionalTensor& key_lengths, const OptionalTensor& blocks, bool zero_tensors,
              const CacheFormat& numbers = {}) {
  const auto* name = options.name;
  if (!blocks) {
    check_like(name, "key", key, query);
    check_like(name, "value", value, query);
  }
  const auto cache = blocks ? cached(name, key, value, query, numbers) : packed(name, key, value);
  check_call(options, query, out, cache);
  Lengths lengths;
  lengths.query_starts = int32(name, "cu_seqlens_q", query_starts, query, -1);
  const auto batch = lengths.query_starts.size(0) - 1;
  TORCH_CHECK(batch >= 0, name, ": expected cu_seqlens_q of at least one integer");
  lengths.key_starts = int32(name, "cu_seqlens_k", key_starts, query, batch + 1);
  if (key_lengths && key_lengths->defined()) {
    lengths.key_lengths = int32(name, "seqused_k", *key_lengths, query, batch);
  } else if (blocks) {
    lengths.key_lengths = lengths.key_starts.diff();
  }
  if (blocks) {
    lengths.blocks = block_table(name, *blocks, query, batch);
    lengths.key_starts = Tensor();
  }
  if (zero_tensors) out.zero_();
  PagedAttentionParams params{};
  params.batch = batch;
  lengths.set(params);
  attend(options, query, out, cache, params);
  return out;
}

Tensor varlen_fwd(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& out,
                  const Tensor& cu_seqlens_q, const Tensor& cu_seqlens_k, const OptionalTensor& seqused_k,
                  const OptionalTensor& alibi_slopes, std::int64_t max_seqlen_q, std::int64_t max_seqlen_k,
                  double p_dropout, double softmax_scale, bool zero_tensors, std::int64_t window_size_left,
                  std::int64_t window_size_right, bool is_causal, bool return_softmax,
                  const std::optional<at::Generator>&, double softcap, const OptionalTensor& sink) {
  check_inference("varlen_fwd", p_dropout, return_softmax);
  return varlen({"varlen_fwd", alibi_slopes, sink, max_seqlen_q, max_seqlen_k, softmax_scale,
                 window_size_left, window_size_right, is_causal, softcap},
                query, key, value, out, cu_seqlens_q, cu_seqlens_k, seqused_k, std::nullopt, zero_tensors);
}

Tensor chunked_prefill(const Tensor& query, const Tensor& key_cache, const Tensor& value_cache,
                       const Tensor& out, const Tensor& cu_seqlens_q, const Tensor& cu_seqlens_k,
                       const OptionalTensor& seqused_k, const Tensor& blocks,
                       const OptionalTensor& alibi_slopes, std::int64_t max_seqlen_q,
                       std::int64_t max_seqlen_k, double p_dropout, double softmax_scale, bool zero_tensors,
                       std::int64_t window_size_left, std::int64_t window_size_right, bool is_causal,
                       bool return_softmax, const std::optional<at::Generator>&, double softcap,
                       const OptionalTensor& sink, c10::string_view kv_cache_dtype, double k_scale,
                       double v_scale) {
  check_inference("chunked_prefill", p_dropout, return_softmax);
  return varlen({"chunked_prefill", alibi_slopes, sink, max_seqlen_q, max_seqlen_k, softmax_scale,
                 window_size_left, window_size_right, is_causal, softcap},
                query, key_cache, value_cache, out, cu_seqlens_q, cu_seqlens_k, seqused_k, blocks,
                zero_tensors, {kv_cache_dtype, k_scale, v_scale});
}

// One query for each sequence.
void paged_attention(const Tensor& out, const Tensor& query, const Tensor& key_cache,
                     const Tensor& value_cache, const Tensor& block_tables, const Tensor& context_lens,
                     std::int64_t num_queries_per_tokens, double scale, std::int64_t block_size,
                     std::int64_t max_context_len, const OptionalTensor& alibi_slopes, double softcap,
                     std::int64_t window_size, c10::string_view kv_cache_dtype, double k_scale,
                     double v_scale) {
  constexpr auto* name = "paged_attention";
  const auto cache = cached(name, key_cache, value_cache, query, {kv_cache_dtype, k_scale, v_scale});
  const Options options{
      name, alibi_slopes, {},     1, max_context_len, scale, window_size > 0 ? window_size - 1 : -1,
      -1,   false,        softcap};
  check_call(options, query, out, cache);
  TORCH_CHECK(block_size == cache.block_size, name, ": expected block_size ", cache.block_size,
              " of the caches, but got ", block_size);
  TORCH_CHECK(num_queries_per_tokens * cache.heads == query.size(1), name, ": expected ",
              query.size(1) / cache.heads, " query heads for each key head, but got ",
              num_queries_per_tokens);
  Lengths lengths;
  lengths.key_lengths = int32(name, "context_lens", context_lens, query, query.size(0));
  lengths.blocks = block_table(name, block_tables, query, query.size(0));
  PagedAttentionParams params{};
  params.batch = query.size(0);
  lengths.set(params);
  attend(options, query, out, cache, params);
}

void store_in_cache(const char* name, const Tensor& key, const Tensor& value, const Tensor& key_cache,
                    const Tensor& value_cache, const Tensor& slots, const CacheFormat& numbers) {
  check_dtype_of_model(name, key);
  check_like(name, "value", value, key);
  check_device(name, "slot_mapping", slots, key);
  const auto cache = cached(name, key_cache, value_cache, key, numbers);
  TORCH_CHECK(key.dim() == 3 && key.sizes() == value.sizes() && key.size(1) == cache.heads &&
                  key.size(2) == cache.head_size,
              name, ": expected key and value of shape [tokens, ", cache.heads, ", ", cache.head_size,
              "], but got ", key.sizes(), " and ", value.sizes());
  TORCH_CHECK(slots.dim() == 1 && slots.size(0) <= key.size(0) &&
                  (slots.scalar_type() == at::kLong || slots.scalar_type() == at::kInt),
              name, ": expected slot_mapping of int64 or int32 for at most ", key.size(0),
              " tokens, but got ", slots.scalar_type(), " of shape ", slots.sizes());
  check_dense(name, "keys", key);
  check_dense(name, "values", value);
  const auto positions = slots.contiguous();
  kernels::CacheStoreParams params{};
  params.key = key.const_data_ptr();
  params.value = value.const_data_ptr();
  for (int d = 0; d < 2; ++d) {
    params.key_strides[d] = key.stride(d);
    params.value_strides[d] = value.stride(d);
  }
  params.key_cache = cache.key;
  params.value_cache = cache.value;
  params.slots = positions.const_data_ptr();
  params.wide_slots = positions.scalar_type() == at::kLong;
  params.tokens = positions.size(0);
  params.heads = cache.heads;
  params.head_size = cache.head_size;
  params.block_size = cache.block_size;
  params.slot_count = cache.blocks * cache.block_size;
  params.fault = fault_for("reshape_and_cache");
  params.key_scale = static_cast<float>(cache.key_scale);
  params.value_scale = static_cast<float>(cache.value_scale);
  const auto [kernel, range] = row_kernel(cache.format == nullptr ? "store_in_cache" : "quantize_in_cache",
                                          params.tokens * params.heads);
  const auto instance =
      cache.format == nullptr
          ? instantiation(kernel, cache.layout(), key.element_size() == 4 ? "uint32_t" : "uint16_t")
          : instantiation(kernel, cache.layout(), type_name(key.scalar_type()), cache.format);
  launch("llm/paged_attention", instance, range, params, 0,
         params.tokens * key.stride(0) * key.element_size());
}

void reshape_and_cache(const Tensor& key, const Tensor& value, const Tensor& key_cache,
                       const Tensor& value_cache, const Tensor& slot_mapping, c10::string_view kv_cache_dtype,
                       double k_scale, double v_scale) {
  TORCH_CHECK(key_cache.dim() == 5,
              "reshape_and_cache: expected a cache of keys of shape [blocks, heads, head_size / x, "
              "block_size, x], but got ",
              key_cache.sizes(), "; reshape_and_cache_flash takes [blocks, block_size, heads, head_size]");
  store_in_cache("reshape_and_cache", key, value, key_cache, value_cache, slot_mapping,
                 {kv_cache_dtype, k_scale, v_scale});
}

void reshape_and_cache_flash(const Tensor& key, const Tensor& value, const Tensor& key_cache,
                             const Tensor& value_cache, const Tensor& slot_mapping,
                             c10::string_view kv_cache_dtype, double k_scale, double v_scale) {
  TORCH_CHECK(key_cache.dim() == 4,
              "reshape_and_cache_flash: expected caches of shape [blocks, block_size, heads, head_size], but "
              "got ",
              key_cache.sizes());
  store_in_cache("reshape_and_cache_flash", key, value, key_cache, value_cache, slot_mapping,
                 {kv_cache_dtype, k_scale, v_scale});
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_FRAGMENT(torch_ipex, m) {
  const std::string lengths = "Tensor(a!) out, Tensor cu_seqlens_q, Tensor cu_seqlens_k, Tensor? seqused_k, ";
  const std::string rest =
      "Tensor? alibi_slopes, int max_seqlen_q, int max_seqlen_k, float p_dropout, float softmax_scale, bool "
      "zero_tensors, int window_size_left, int window_size_right, bool is_causal, bool return_softmax, "
      "Generator? gen, float softcap=-1.0, Tensor? sink=None";
  const std::string numbers = ", str kv_cache_dtype=\"auto\", float k_scale=1.0, float v_scale=1.0)";
  ipex::aten::define(
      m, "varlen_fwd(Tensor query, Tensor key, Tensor value, " + lengths + rest + ") -> Tensor(a!)");
  ipex::aten::define(m, "chunked_prefill(Tensor query, Tensor key_cache, Tensor value_cache, " + lengths +
                            "Tensor block_table, " + rest + numbers + " -> Tensor(a!)");
  for (const std::string version : {"1", "2"}) {
    ipex::aten::define(
        m, "paged_attention_v" + version +
               "(Tensor(a!) out, Tensor query, Tensor key_cache, Tensor value_cache, Tensor block_tables, "
               "Tensor context_lens, int num_queries_per_tokens, float scale, int block_size, "
               "int max_context_len, Tensor? alibi_slopes=None, float softcap=-1.0, int window_size=-1" +
               numbers + " -> ()");
  }
  for (const std::string suffix : {"", "_flash"}) {
    ipex::aten::define(m, "reshape_and_cache" + suffix +
                              "(Tensor key, Tensor value, Tensor(a!) key_cache, Tensor(b!) value_cache, "
                              "Tensor slot_mapping" +
                              numbers + " -> ()");
  }
}

TORCH_LIBRARY_IMPL(torch_ipex, XPU, m) {
  m.impl("varlen_fwd", ipex::aten::varlen_fwd);
  m.impl("chunked_prefill", ipex::aten::chunked_prefill);
  m.impl("paged_attention_v1", ipex::aten::paged_attention);
  m.impl("paged_attention_v2", ipex::aten::paged_attention);
  m.impl("reshape_and_cache", ipex::aten::reshape_and_cache);
  m.impl("reshape_and_cache_flash", ipex::aten::reshape_and_cache_flash);
}
