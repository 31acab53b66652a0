// Attention of queries over keys that lie in blocks anywhere in memory, or one sequence behind the other.
//
// A job is a tile of queries, heads that share keys included, and a part of the keys of its sequence. Keys
// are taken as many at a time as a sub-group has work-items, or a pack has lanes, and weighted with a softmax
// whose largest logit is the one so far (Milakov and Gimelshein, "Online normalizer calculation for
// softmax", 2018).
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/llm/cache_numbers.hpp"
#include "kernels/llm/paged_attention_params.hpp"
#include "kernels/llm/row_sums.hpp"

namespace ipex::kernels {

// Where a vector's elements lie in the cache.
enum class CacheLayout {
  rows,    // one behind the other
  chunks,  // apart
};

template <CacheLayout layout, class T>
inline T& element_of_cache(const CachedVectors& all, T* vector, int64_t i) {
  if constexpr (layout == CacheLayout::rows) {
    return vector[i];
  } else {
    const int64_t chunk = i / all.chunk;
    return vector[chunk * all.chunk_stride + (i - chunk * all.chunk)];
  }
}

// As float.
template <CacheLayout layout, class Numbers>
inline float load_from_cache(const CachedVectors& all, const typename Numbers::Stored* vector, int64_t i) {
  return Numbers::load(&element_of_cache<layout>(all, vector, i), int64_t{0});
}
template <CacheLayout layout, class Numbers>
inline pack_of<float> load_from_cache(const CachedVectors& all, const typename Numbers::Stored* vector,
                                      PackPlace place) {
  if constexpr (layout == CacheLayout::rows) {
    return Numbers::load(vector, place);
  } else {
    pack_of<float> pack;
#pragma unroll
    for (int lane = 0; lane < pack_of<float>::count; ++lane) {
      pack.lanes[lane] = load_from_cache<layout, Numbers>(all, vector, place.first + lane);
    }
    return pack;
  }
}

// Values for keys that follow each other: each work-item of a sub-group has one, or one has a pack of them.
class SubGroupKeys {
 public:
  using V = float;
  using Rows = SubGroupRows<float>;

  SubGroupKeys() : group_(this_sub_group()) {}
  int width() const { return group_.get_local_linear_range(); }
  V numbers() const { return static_cast<float>(static_cast<int>(group_.get_local_linear_id())); }
  // Calls function(key) for this work-item's keys below `count`.
  template <class Function>
  void for_each(int count, Function function) const {
    const int lane = group_.get_local_linear_id();
    if (lane < count) function(lane);
  }
  // In memory a work-item reads what it has written itself, until the sub-group meets.
  void set(float* values, int key, float value) const {
    if (static_cast<int>(group_.get_local_linear_id()) == key) values[key] = value;
  }
  V read(const float* values) const { return values[group_.get_local_linear_id()]; }
  void write(float* values, V own) const { values[group_.get_local_linear_id()] = own; }
  template <class Combine>
  float combine(V values, Combine function) const {
    return combine_over(group_, values, function);
  }
  int64_t memory_slot() const { return group_.get_group_linear_id(); }

 private:
  sycl::sub_group group_;
};

class PackKeys {
 public:
  using V = pack_of<float>;
  using Rows = PackRows<float>;

  int width() const { return V::count; }
  V numbers() const { return V::of(V::Like<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}); }
  template <class Function>
  void for_each(int count, Function function) const {
    for (int key = 0; key < count; ++key) function(key);
  }
  void set(float* values, int key, float value) const { values[key] = value; }
  V read(const float* values) const { return load_pack<V>(values); }
  void write(float* values, V own) const { store_pack(values, own); }
  template <class Combine>
  float combine(V values, Combine function) const {
    return combine_lanes<V>(values, function).lanes[0];
  }
  int64_t memory_slot() const { return 0; }
};

// What a tile keeps while it walks along the keys.
struct AttentionMemory {
  float* query;      // [row, element]
  float* sums;       // [row, element]
  float* weights;    // [row, key]
  int64_t* offsets;  // [key or value, key]

  AttentionMemory(char* memory, int rows, int64_t head_size, int width) {
    offsets = reinterpret_cast<int64_t*>(memory);
    query = reinterpret_cast<float*>(offsets + 2 * width);
    sums = query + rows * head_size;
    weights = sums + rows * head_size;
  }
};

// A row of a tile: a query of a head, and the keys it sees.
struct AttentionRowPlace {
  int64_t token, head;
  int64_t position;  // among the keys
  int64_t first, end;
  bool exists;
};

// A tile of one sequence and key head, and its part of the keys.
struct AttentionTile {
  int64_t sequence, key_head, part;
  int64_t first_row, rows;  // of the queries and heads of this sequence and key head
  int64_t first_query;      // token
  int64_t queries, keys;
  int64_t first_key;  // of the sequence, where no block table finds it

  AttentionTile(const PagedAttentionParams& params, int64_t job, int tile_rows) {
    // Heads before parts: jobs that follow each other read neighbouring memory.
    const int64_t line = job / params.tiles;
    first_row = (job - line * params.tiles) * tile_rows;
    const int64_t all_heads = line / params.key_heads;
    key_head = line - all_heads * params.key_heads;
    sequence = all_heads / params.parts;
    part = all_heads - sequence * params.parts;
    const auto* starts = params.query_starts;
    first_query = starts == nullptr ? sequence : starts[sequence];
    queries = starts == nullptr ? 1 : starts[sequence + 1] - first_query;
    rows = queries * params.sharing;
    first_key = params.key_starts == nullptr ? 0 : params.key_starts[sequence];
    keys = params.key_lengths == nullptr ? params.key_starts[sequence + 1] - first_key
                                         : params.key_lengths[sequence];
  }

  AttentionRowPlace row(const PagedAttentionParams& params, int64_t number) const {
    AttentionRowPlace place{};
    place.exists = number < rows;
    if (!place.exists) return place;
    const int64_t query = number / params.sharing;
    place.token = first_query + query;
    place.head = key_head * params.sharing + (number - query * params.sharing);
    place.position = keys - queries + query;
    const int64_t part_begin = part * params.part_size;
    const int64_t part_end = part + 1 == params.parts ? keys : part_begin + params.part_size;
    place.first = params.window_left < 0 ? int64_t{0} : place.position - params.window_left;
    place.end = params.window_right < 0 ? keys : place.position + params.window_right + 1;
    place.first = sycl::max(place.first, part_begin);
    place.end = sycl::max(place.first, sycl::min(sycl::min(place.end, keys), part_end));
    return place;
  }

  // Where the key and the value of a position begin; a block that does not exist is taken for the first.
  void find(const PagedAttentionParams& params, int64_t position, int64_t& key, int64_t& value) const {
    int64_t block = 0, slot = first_key + position;
    if (params.block_table != nullptr) {
      const int64_t number = position / params.block_size;
      block = params.block_table[sequence * params.block_table_stride + number];
      slot = position - number * params.block_size;
      if (block < 0 || block >= params.blocks) {
        params.fault.raise();
        block = 0;
      }
    }
    key = block * params.key.block + slot * params.key.slot + key_head * params.key.head;
    value = block * params.value.block + slot * params.value.slot + key_head * params.value.head;
  }
};

// tanh, of packs too.
template <class V>
inline V soft_limit(V x, float limit) {
  const V power = math::exp(x * V(-2.0f / limit));
  return V(limit) * (V(2.0f) / (V(1.0f) + power) - V(1.0f));
}

// Of 32 bits, whose conversion is one instruction.
inline float place_as_float(int64_t place) { return static_cast<float>(static_cast<int32_t>(place)); }

template <class V>
inline V attention_logits(const PagedAttentionParams& params, const AttentionRowPlace& row, float slope,
                          V products, V positions) {
  V logits = params.softcap > 0.0f ? soft_limit(products, params.softcap) : products;
  if (slope != 0.0f) logits = logits - V(slope) * math::fabs(V(place_as_float(row.position)) - positions);
  const V unseen(-limits<float>::infinity());
  logits = select(V(place_as_float(row.first)) <= positions, logits, unseen);
  return select(positions < V(place_as_float(row.end)), logits, unseen);
}

template <int tile_rows, CacheLayout layout, class In, class Numbers, class Keys>
inline void attend(const PagedAttentionParams& params, const Keys& keys, const AttentionTile& tile,
                   const AttentionMemory& memory) {
  using V = typename Keys::V;
  using Stored = typename Numbers::Stored;
  const typename Keys::Rows rows;
  const int64_t size = params.head_size;
  const int width = keys.width();
  AttentionRowPlace places[tile_rows];
  float largest[tile_rows], sum[tile_rows], slope[tile_rows];
  int64_t begin = tile.keys, end = 0;
#pragma unroll
  for (int r = 0; r < tile_rows; ++r) {
    places[r] = tile.row(params, tile.first_row + r);
    const auto& place = places[r];
    const bool sink = params.sinks != nullptr && place.exists && tile.part == 0;
    largest[r] = sink ? params.sinks[place.head] : -limits<float>::infinity();
    sum[r] = sink ? 1.0f : 0.0f;
    slope[r] = params.slopes != nullptr && place.exists
                   ? params.slopes[tile.sequence * params.slopes_stride + place.head]
                   : 0.0f;
    if (place.first < place.end) {
      begin = sycl::min(begin, place.first);
      end = sycl::max(end, place.end);
    }
    const In* query = static_cast<const In*>(params.query) + place.token * params.query_strides[0] +
                      place.head * params.query_strides[1];
    const float scale = place.exists ? params.scale : 0.0f;
    rows.for_each(size, [&](auto i) {
      const auto value = load<float>(query, i);
      store(memory.query + r * size, i, value * scale);
      store(memory.sums + r * size, i, decltype(value)(0.0f));
    });
  }
  begin = rows.uniform(begin);
  end = rows.uniform(end);
  for (int64_t first = begin; first < end; first += width) {
    const int count = static_cast<int>(sycl::min(end - first, static_cast<int64_t>(width)));
    rows.meet();
    keys.for_each(count, [&](int key) {
      tile.find(params, first + key, memory.offsets[key], memory.offsets[width + key]);
    });
    rows.meet();
    for (int key = 0; key < count; ++key) {
      const auto* vector = static_cast<const Stored*>(params.key.data) + memory.offsets[key];
      RowSums<tile_rows> products;
      rows.for_each(size, [&](auto i) {
        const auto element = load_from_cache<layout, Numbers>(params.key, vector, i);
#pragma unroll
        for (int r = 0; r < tile_rows; ++r) {
          products.add_product(r, load<float>(memory.query + r * size, i), element);
        }
      });
      float totals[tile_rows];
      total_rows(rows, products.packs, products.singles, totals);
#pragma unroll
      for (int r = 0; r < tile_rows; ++r) keys.set(memory.weights + r * width, key, totals[r]);
    }
    const V positions = V(place_as_float(first)) + keys.numbers();
    float factor[tile_rows];
#pragma unroll
    for (int r = 0; r < tile_rows; ++r) {
      const V logits =
          attention_logits(params, places[r], slope[r], keys.read(memory.weights + r * width), positions);
      const float before = largest[r];
      largest[r] =
          math::maximum(before, keys.combine(logits, [](auto a, auto b) { return math::maximum(a, b); }));
      // A query that has not seen a key yet has no finite logit.
      const float shift = largest[r] == -limits<float>::infinity() ? 0.0f : largest[r];
      factor[r] = math::exp(before - shift);
      const V weights = math::exp(logits - V(shift));
      sum[r] = sum[r] * factor[r] + keys.combine(weights, [](auto a, auto b) { return a + b; });
      keys.write(memory.weights + r * width, weights);
    }
    rows.meet();
    rows.for_each(size, [&](auto i) {
      using S = decltype(load<float>(memory.sums, i));
      S sums[tile_rows];
#pragma unroll
      for (int r = 0; r < tile_rows; ++r) sums[r] = load<float>(memory.sums + r * size, i) * S(factor[r]);
      for (int key = 0; key < count; ++key) {
        const auto* vector = static_cast<const Stored*>(params.value.data) + memory.offsets[width + key];
        const auto value = load_from_cache<layout, Numbers>(params.value, vector, i);
#pragma unroll
        for (int r = 0; r < tile_rows; ++r) {
          add_product(sums[r], S(memory.weights[r * width + key]), value);
        }
      }
#pragma unroll
      for (int r = 0; r < tile_rows; ++r) store(memory.sums + r * size, i, sums[r]);
    });
  }
#pragma unroll
  for (int r = 0; r < tile_rows; ++r) {
    const auto& place = places[r];
    if (!place.exists) continue;
    const float scale = sum[r] == 0.0f ? 0.0f : params.value_scale / sum[r];
    const auto result = [&](auto i) { return load<float>(memory.sums + r * size, i) * scale; };
    if (params.parts == 1) {
      In* output = static_cast<In*>(params.output) + place.token * params.output_strides[0] +
                   place.head * params.output_strides[1];
      rows.for_each(size, [&](auto i) { store(output, i, result(i)); });
    } else {
      const int64_t number =
          (place.token * params.key_heads * params.sharing + place.head) * params.parts + tile.part;
      float* partial = params.partial + number * size;
      rows.for_each(size, [&](auto i) { store(partial, i, result(i)); });
      if (rows.writes()) {
        params.statistics[2 * number] = largest[r];
        params.statistics[2 * number + 1] = sum[r];
      }
    }
  }
}

template <int tile_rows, CacheLayout layout, class In, class Numbers, class Keys>
inline void attend_by(const Keys& keys, const PagedAttentionParams& params, const LocalMemory& local_memory) {
  const int64_t bytes =
      tile_rows * (2 * params.head_size + keys.width()) * sizeof(float) + 2 * keys.width() * sizeof(int64_t);
  auto* memory_bytes = static_cast<char*>(local_pointer<char>(local_memory)) + keys.memory_slot() * bytes;
  const AttentionMemory memory(memory_bytes, tile_rows, params.head_size, keys.width());
  const typename Keys::Rows rows;
  rows.for_jobs(params.batch * params.key_heads * params.tiles * params.parts, [&](int64_t job) {
    const AttentionTile tile(params, job, tile_rows);
    if (tile.first_row < tile.rows) attend<tile_rows, layout, In, Numbers>(params, keys, tile, memory);
    rows.meet();
  });
}

// Cached is In, or a format of eight bits (cache_numbers.hpp).
template <int tile_rows, CacheLayout layout, class In, class Cached>
IPEX_KERNEL void paged_attention(PagedAttentionParams params, LocalMemory memory) {
  attend_by<tile_rows, layout, In, CacheNumbers<Cached>>(SubGroupKeys(), params, memory);
}
template <int tile_rows, CacheLayout layout, class In, class Cached>
IPEX_KERNEL_OF_ONE void paged_attention_by_packs(PagedAttentionParams params, LocalMemory memory) {
  attend_by<tile_rows, layout, In, CacheNumbers<Cached>>(PackKeys(), params, memory);
}

// Joins the parts of each query's keys.
template <class In, class Rows>
inline void join_parts(const Rows& rows, const PagedAttentionParams& params) {
  const int64_t heads = params.key_heads * params.sharing, size = params.head_size;
  rows.for_jobs(params.tokens * heads, [&](int64_t row) {
    const int64_t token = row / heads, head = row - token * heads;
    const float* statistics = params.statistics + 2 * row * params.parts;
    const float* partial = params.partial + row * params.parts * size;
    float largest = -limits<float>::infinity(), sum = 0.0f;
    for (int64_t part = 0; part < params.parts; ++part) {
      largest = math::maximum(largest, statistics[2 * part]);
    }
    const float shift = largest == -limits<float>::infinity() ? 0.0f : largest;
    const auto weight = [&](int64_t part) {
      return math::exp(statistics[2 * part] - shift) * statistics[2 * part + 1];
    };
    for (int64_t part = 0; part < params.parts; ++part) sum += weight(part);
    const float scale = sum == 0.0f ? 0.0f : 1.0f / sum;
    In* output =
        static_cast<In*>(params.output) + token * params.output_strides[0] + head * params.output_strides[1];
    rows.for_each(size, [&](auto i) {
      using S = decltype(load<float>(partial, i));
      S total(0.0f);
      for (int64_t part = 0; part < params.parts; ++part) {
        total += load<float>(partial + part * size, i) * S(weight(part) * scale);
      }
      store(output, i, total);
    });
  });
}

template <class In>
IPEX_KERNEL void join_attention(PagedAttentionParams params) {
  join_parts<In>(SubGroupRows<float>(), params);
}
template <class In>
IPEX_KERNEL_OF_ONE void join_attention_by_packs(PagedAttentionParams params) {
  join_parts<In>(PackRows<float>(), params);
}

// Calls function(vector of the token, vector of the cache, its strides, its scale) for the key and the value
// of each token and head that has a slot.
template <class T, class Stored, class Rows, class Function>
inline void for_each_cached(const Rows& rows, const CacheStoreParams& params, Function function) {
  rows.for_jobs(params.tokens * params.heads, [&](int64_t job) {
    const int64_t token = job / params.heads, head = job - token * params.heads;
    const int64_t slot = params.wide_slots ? static_cast<const int64_t*>(params.slots)[token]
                                           : static_cast<const int32_t*>(params.slots)[token];
    if (slot < 0) return;
    if (slot >= params.slot_count) {
      if (rows.writes()) params.fault.raise();
      return;
    }
    const int64_t block = slot / params.block_size, within = slot - block * params.block_size;
    const auto call = [&](const void* all, const int64_t(&strides)[2], const CachedVectors& cache,
                          float scale) {
      function(
          static_cast<const T*>(all) + token * strides[0] + head * strides[1],
          static_cast<Stored*>(cache.data) + block * cache.block + within * cache.slot + head * cache.head,
          cache, scale);
    };
    call(params.key, params.key_strides, params.key_cache, params.key_scale);
    call(params.value, params.value_strides, params.value_cache, params.value_scale);
  });
}

// T is an integer of an element's size.
template <CacheLayout layout, class T, class Rows>
inline void store_in_cache_by(const Rows& rows, const CacheStoreParams& params) {
  for_each_cached<T, T>(rows, params, [&](const T* from, T* to, const CachedVectors& cache, float) {
    if constexpr (layout == CacheLayout::rows) {
      rows.for_each(params.head_size, [&](auto i) { store(to, i, load<T>(from, i)); });
    } else {
      rows.for_each(params.head_size, [&](auto place) {
        if constexpr (std::is_same_v<decltype(place), PackPlace>) {
          for (int64_t i = place.first; i < place.first + pack_of<T>::count; ++i) {
            element_of_cache<layout>(cache, to, i) = from[i];
          }
        } else {
          element_of_cache<layout>(cache, to, place) = from[place];
        }
      });
    }
  });
}

template <CacheLayout layout, class T>
IPEX_KERNEL void store_in_cache(CacheStoreParams params) {
  store_in_cache_by<layout, T>(SubGroupRows<T>(), params);
}
template <CacheLayout layout, class T>
IPEX_KERNEL_OF_ONE void store_in_cache_by_packs(CacheStoreParams params) {
  store_in_cache_by<layout, T>(PackRows<T>(), params);
}

// As numbers of eight bits, divided by the scale.
template <CacheLayout layout, class In, class Format, class Rows>
inline void quantize_in_cache_by(const Rows& rows, const CacheStoreParams& params) {
  for_each_cached<In, uint8_t>(
      rows, params, [&](const In* from, uint8_t* to, const CachedVectors& cache, float scale) {
        const auto quantize = [&](int64_t i) {
          element_of_cache<layout>(cache, to, i) = CacheNumbers<Format>::code(load<float>(from, i) / scale);
        };
        rows.for_each(params.head_size, [&](auto place) {
          if constexpr (std::is_same_v<decltype(place), PackPlace>) {
            for (int lane = 0; lane < pack_of<float>::count; ++lane) quantize(place.first + lane);
          } else {
            quantize(place);
          }
        });
      });
}

template <CacheLayout layout, class In, class Format>
IPEX_KERNEL void quantize_in_cache(CacheStoreParams params) {
  quantize_in_cache_by<layout, In, Format>(SubGroupRows<float>(), params);
}
template <CacheLayout layout, class In, class Format>
IPEX_KERNEL_OF_ONE void quantize_in_cache_by_packs(CacheStoreParams params) {
  quantize_in_cache_by<layout, In, Format>(PackRows<float>(), params);
}

}  // namespace ipex::kernels
