// Sorting rows. Short ones in work-group memory, by a bitonic network; long ones by a radix sort, least
// significant digit first, in which every work-item owns a consecutive part of a row and counters of its own,
// so that equal keys keep their order without atomics.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/order.hpp"
#include "kernels/core/sub_group.hpp"
#include "kernels/sort_params.hpp"

namespace ipex::kernels {

// Sorts each `segment` of `tile` entries in work-group memory; both are powers of two. Ends with a barrier.
template <class Entry>
inline void bitonic_sort(sycl::nd_item<1> item, local<Entry>* entries, int tile, int segment) {
  const int width = static_cast<int>(item.get_local_range(0));
  const int first = static_cast<int>(item.get_local_id(0));
  for (int size = 2; size <= segment; size *= 2) {
    for (int stride = size / 2; stride > 0; stride /= 2) {
      sycl::group_barrier(item.get_group());
      for (int pair = first; pair < tile / 2; pair += width) {
        const int low = 2 * pair - (pair & (stride - 1));
        const int high = low + stride;
        const bool ascending = (low & size & (segment - 1)) == 0;
        const Entry a = entries[low], b = entries[high];
        const bool swap = (b < a) == ascending;
        entries[low] = swap ? b : a;
        entries[high] = swap ? a : b;
      }
    }
  }
  sycl::group_barrier(item.get_group());
}

// Each group sorts the rows that fit into a tile.
template <class T>
IPEX_KERNEL void sort_rows(SortParams params, LocalMemory memory) {
  using Entry = sort_entry_t<T>;
  auto* entries = local_pointer<Entry>(memory);
  const auto item = this_item();
  const int width = static_cast<int>(item.get_local_range(0));
  const int first = static_cast<int>(item.get_local_id(0));
  const int segment = params.segment;
  const int tile = sycl::max(segment, width);
  const std::int64_t first_row = item.get_group(0) * (tile / segment);
  const auto* input = static_cast<const T*>(params.input);
  for (int i = first; i < tile; i += width) {
    const std::int64_t row = first_row + i / segment;
    const int column = i & (segment - 1);
    const bool real = row < params.rows && column < params.length;
    entries[i] =
        real ? sort_entry(input[row * params.length + column], column, params.descending) : Entry::last();
  }
  bitonic_sort<Entry>(item, entries, tile, segment);
  auto* values = static_cast<T*>(params.values);
  for (int i = first; i < tile; i += width) {
    const std::int64_t row = first_row + i / segment;
    const int column = i & (segment - 1);
    if (row >= params.rows || column >= params.length) continue;
    const auto index = entry_index(Entry(entries[i]));
    values[row * params.length + column] = input[row * params.length + index];
    params.indices[row * params.length + column] = index;
  }
}

// Each group finds the first `count` of a part of a row. It collects what comes before the count-th entry
// known so far, and sorts only when its memory is full: on most data that is a few times, however long the
// part.
template <class T>
IPEX_KERNEL void top_of_rows(TopParams params, LocalMemory memory) {
  using Entry = sort_entry_t<T>;
  auto* entries = local_pointer<Entry>(memory);
  auto* filled = reinterpret_cast<local<int>*>(entries + params.tile);
  const auto item = this_item();
  const int width = static_cast<int>(item.get_local_range(0));
  const int local_id = static_cast<int>(item.get_local_id(0));
  const std::int64_t row = item.get_group(0) / params.parts;
  const std::int64_t part = item.get_group(0) % params.parts;
  const std::int64_t first = part * params.part;
  const std::int64_t last = part + 1 == params.parts ? params.length : first + params.part;
  const auto* input = static_cast<const T*>(params.input) + row * params.length;
  if (local_id == 0) *filled = 0;
  Entry bound = Entry::last();
  const int block = params.tile - params.count;
  std::int64_t start = first;
  while (start < last) {
    sycl::group_barrier(item.get_group());
    const int kept = *filled;
    sycl::group_barrier(item.get_group());
    const std::int64_t stop = sycl::min(start + sycl::min(params.tile - kept, block), last);
    for (std::int64_t i = start + local_id; i < stop; i += width) {
      const auto entry = sort_entry(input[i], static_cast<std::uint32_t>(i), params.descending);
      if (entry < bound) {
        sycl::atomic_ref<int, sycl::memory_order::relaxed, sycl::memory_scope::work_group,
                         sycl::access::address_space::local_space>
            count(*filled);
        entries[count.fetch_add(1)] = entry;
      }
    }
    start = stop;
    sycl::group_barrier(item.get_group());
    const int found = *filled;
    if (params.tile - found < block / 2 || start == last) {
      for (int i = found + local_id; i < params.tile; i += width) entries[i] = Entry::last();
      bitonic_sort<Entry>(item, entries, params.tile, params.tile);
      bound = entries[params.count - 1];
      if (local_id == 0) *filled = sycl::min(found, params.count);
    }
  }
  sycl::group_barrier(item.get_group());
  for (int i = local_id; i < params.count; i += width) {
    const std::int64_t to = item.get_group(0) * params.count + i;
    const auto index = entry_index(Entry(entries[i]));
    static_cast<T*>(params.values)[to] = input[index];
    params.indices[to] =
        params.input_indices != nullptr ? params.input_indices[row * params.length + index] : index;
  }
}

// The same for no more elements than a sub-group has work-items: work-item j of one holds the j-th, and an
// element that comes before the last of them is inserted. On most data that is soon a rare event.
template <class T>
IPEX_KERNEL void top_few_of_rows(TopParams params) {
  using Key = sort_key_t<T>;
  const auto group = this_sub_group();
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  const int last_place = params.count - 1;
  const auto [start, step] = all_sub_groups();
  for (std::int64_t job = start; job < params.rows * params.parts; job += step) {
    const std::int64_t row = job / params.parts;
    const std::int64_t part = job % params.parts;
    const std::int64_t first = part * params.part;
    const std::int64_t last = uniform(group, part + 1 == params.parts ? params.length : first + params.part);
    const auto* input = static_cast<const T*>(params.input) + row * params.length;
    Key held_key = Key(~Key{0}), bound = held_key;
    std::int64_t held = -1;
    bool full = false;
    for (std::int64_t i = first; i < last; i += width) {
      const bool real = i + lane < last;
      const Key key = real ? sort_entry_key(input[i + lane], params.descending) : Key(~Key{0});
      bool candidate = real && (key < bound || !full);
      while (sycl::any_of_group(group, candidate)) {
        const int chosen = sycl::reduce_over_group(group, candidate ? lane : width, sycl::minimum<int>());
        const Key new_key = sycl::select_from_group(group, key, chosen);
        // Equal elements keep their order, as they come by ascending index.
        const bool moves = held < 0 || new_key < held_key;
        const bool left_moves = sycl::shift_group_right(group, static_cast<int>(moves), 1) && lane > 0;
        const Key left_key = sycl::shift_group_right(group, held_key, 1);
        const std::int64_t left = sycl::shift_group_right(group, held, 1);
        if (moves) {
          held_key = left_moves ? left_key : new_key;
          held = left_moves ? left : i + chosen;
        }
        bound = sycl::select_from_group(group, held_key, last_place);
        full = sycl::select_from_group(group, held, last_place) >= 0;
        candidate = candidate && lane != chosen && (key < bound || !full);
      }
    }
    if (lane < params.count) {
      const std::int64_t to = job * params.count + lane;
      static_cast<T*>(params.values)[to] = input[held];
      params.indices[to] =
          params.input_indices != nullptr ? params.input_indices[row * params.length + held] : held;
    }
  }
}

// The radix sort's entries for a row's values.
template <class T>
IPEX_KERNEL void radix_entries(RadixParams params) {
  const std::int64_t position = this_item().get_global_id(0);
  if (position >= params.rows * params.length) return;
  const auto index = static_cast<std::uint32_t>(position % params.length);
  static_cast<sort_entry_t<T>*>(params.output)[position] =
      sort_entry(static_cast<const T*>(params.input)[position], index, params.descending);
}

template <class Entry, class Visit>
inline void for_each_radix(const RadixParams& params, Visit visit) {
  const std::int64_t id = this_item().get_global_id(0);
  const std::int64_t row = id / params.parts;
  const std::int64_t part = id % params.parts;
  const std::int64_t first = part * params.part;
  const std::int64_t last = sycl::min(first + params.part, params.length);
  const auto* entries = static_cast<const Entry*>(params.input) + row * params.length;
  for (std::int64_t i = first; i < last; ++i) {
    const Entry entry = entries[i];
    visit(row, entry, static_cast<int>(entry_key(entry) >> params.shift) & (radix_bins - 1));
  }
}

// A work-item's counters in work-group memory: counters[digit * radix_group].
inline local<std::int32_t>* radix_counters(const LocalMemory& memory) {
  return local_pointer<std::int32_t>(memory) + this_item().get_local_id(0);
}

// params.counters of a row: slot 1 + digit * parts + part.
inline std::int64_t radix_slot(const RadixParams& params, int digit) {
  const std::int64_t id = this_item().get_global_id(0);
  return (id / params.parts) * (1 + radix_bins * params.parts) + digit * params.parts + id % params.parts;
}

template <class Key>
IPEX_KERNEL void radix_count(RadixParams params, LocalMemory memory) {
  auto* counters = radix_counters(memory);
  if (static_cast<std::int64_t>(this_item().get_global_id(0)) >= params.rows * params.parts) return;
  for (int digit = 0; digit < radix_bins; ++digit) counters[digit * radix_group] = 0;
  for_each_radix<SortEntry<Key>>(
      params, [&](std::int64_t, const SortEntry<Key>&, int digit) { ++counters[digit * radix_group]; });
  for (int digit = 0; digit < radix_bins; ++digit)
    params.counters[radix_slot(params, digit) + 1] = counters[digit * radix_group];
}

template <class Key>
IPEX_KERNEL void radix_scatter(RadixParams params, LocalMemory memory) {
  auto* counters = radix_counters(memory);
  if (static_cast<std::int64_t>(this_item().get_global_id(0)) >= params.rows * params.parts) return;
  for (int digit = 0; digit < radix_bins; ++digit)
    counters[digit * radix_group] = params.counters[radix_slot(params, digit)];
  auto* output = static_cast<SortEntry<Key>*>(params.output);
  for_each_radix<SortEntry<Key>>(params, [&](std::int64_t row, const SortEntry<Key>& entry, int digit) {
    output[row * params.length + counters[digit * radix_group]++] = entry;
  });
}

template <class T>
IPEX_KERNEL void radix_values(RadixParams params) {
  const std::int64_t position = this_item().get_global_id(0);
  if (position >= params.rows * params.length) return;
  const auto index = entry_index(static_cast<const sort_entry_t<T>*>(params.input)[position]);
  const std::int64_t row = position / params.length;
  static_cast<T*>(params.output)[position] =
      static_cast<const T*>(params.original)[row * params.length + index];
  params.indices[position] = index;
}

}  // namespace ipex::kernels
