// Inclusive scans along one dimension.
//
// An operator has a State, made from an element, combined associatively (the left one comes first), stored as
// a result. Where lines are many, each belongs to one work-item or one work-group; where they are few, a
// first launch finds the total of each chunk of a line, a second one what precedes it, and a third one scans
// the chunks.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/types.hpp"
#include "kernels/scan_params.hpp"

namespace ipex::kernels {
namespace op {

template <class T>
struct Accumulating {
  using State = opmath_t<T>;
  static State make(T value, std::int64_t) { return static_cast<State>(value); }
  static void store(const ScanParams& params, std::int64_t position, State state) {
    static_cast<T*>(params.output)[position] = cast<T>(state);
  }
};

template <class T>
struct cumsum : Accumulating<T> {
  using State = opmath_t<T>;
  static State identity() { return State(0); }
  static State combine(State a, State b) { return a + b; }
};

template <class T>
struct cumprod : Accumulating<T> {
  using State = opmath_t<T>;
  static State identity() { return State(1); }
  static State combine(State a, State b) { return a * b; }
};

template <class T>
struct logcumsumexp : Accumulating<T> {
  using State = opmath_t<T>;
  static State identity() { return -limits<State>::infinity(); }
  static State combine(State a, State b) {
    const State largest = math::maximum(a, b), smallest = math::minimum(a, b);
    // Equal infinities have no difference; a NaN stays.
    if (largest == smallest && sycl::isinf(largest)) return largest;
    return largest + math::log1p(math::exp(smallest - largest));
  }
};

template <class T>
struct Chosen {
  T value;
  std::int64_t index;
};

// The last of equal elements is chosen, and the last NaN if there is one.
template <class T, bool Largest>
struct Choosing {
  using State = Chosen<T>;
  static State identity() { return {Largest ? limits<T>::lower_bound() : limits<T>::upper_bound(), 0}; }
  static State make(T value, std::int64_t index) { return {value, index}; }
  static State combine(State a, State b) {
    const bool better = Largest ? b.value >= a.value : b.value <= a.value;
    return is_nan(b.value) || (!is_nan(a.value) && better) ? b : a;
  }
  static void store(const ScanParams& params, std::int64_t position, State state) {
    static_cast<T*>(params.output)[position] = state.value;
    params.indices[position] = state.index;
  }
};
template <class T>
struct cummax : Choosing<T, true> {};
template <class T>
struct cummin : Choosing<T, false> {};

}  // namespace op

// What precedes the chunk of a line.
template <class O>
inline typename O::State scan_start(const ScanParams& params, std::int64_t line_chunk) {
  if (params.totals == nullptr) return O::identity();
  return static_cast<const typename O::State*>(params.totals)[line_chunk];
}

// One work-item for each chunk of a line; neighbours take neighbouring lines.
template <template <class> class Op, class T, bool Totals>
IPEX_KERNEL void scan_lines(ScanParams params) {
  using O = Op<T>;
  std::int64_t rest = this_item().get_global_id(0);
  const std::int64_t inner = rest % params.inner;
  rest /= params.inner;
  const std::int64_t chunk = rest % params.chunks;
  const std::int64_t outer = rest / params.chunks;
  if (outer >= params.outer) return;
  const std::int64_t line_chunk = (outer * params.inner + inner) * params.chunks + chunk;
  const std::int64_t first = chunk * params.chunk;
  const std::int64_t last = sycl::min(first + params.chunk, params.length);
  const auto* input = static_cast<const T*>(params.input);
  auto state = Totals ? O::identity() : scan_start<O>(params, line_chunk);
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t position = (outer * params.length + i) * params.inner + inner;
    state = O::combine(state, O::make(input[position], i));
    if constexpr (!Totals) O::store(params, position, state);
  }
  if constexpr (Totals) static_cast<typename O::State*>(params.totals)[line_chunk] = state;
}

// One work-group for each chunk of a row (inner = 1). It moves tiles through work-group memory, so that
// neighbouring work-items touch neighbouring elements while each scans consecutive ones.
template <template <class> class Op, class T, bool Totals>
IPEX_KERNEL void scan_rows(ScanParams params, LocalMemory memory) {
  using O = Op<T>;
  using State = typename O::State;
  auto* tile = local_pointer<State>(memory);
  auto* sums = tile + scan_tile;
  const auto item = this_item();
  const int local = static_cast<int>(item.get_local_id(0));
  const std::int64_t group = item.get_group(0);
  const std::int64_t outer = group / params.chunks;
  const std::int64_t chunk = group % params.chunks;
  const std::int64_t first = chunk * params.chunk;
  const std::int64_t last = sycl::min(first + params.chunk, params.length);
  const auto* input = static_cast<const T*>(params.input) + outer * params.length;
  State carry = Totals ? O::identity() : scan_start<O>(params, group);
  for (std::int64_t start = first; start < last; start += scan_tile) {
    for (int k = 0; k < scan_items; ++k) {
      const int within = k * scan_group + local;
      const std::int64_t i = start + within;
      tile[within] = i < last ? O::make(input[i], i) : O::identity();
    }
    sycl::group_barrier(item.get_group());
    State sum = tile[local * scan_items];
    for (int k = 1; k < scan_items; ++k) {
      sum = O::combine(sum, tile[local * scan_items + k]);
      tile[local * scan_items + k] = sum;
    }
    sums[local] = sum;
    for (int distance = 1; distance < scan_group; distance *= 2) {
      sycl::group_barrier(item.get_group());
      const State before = local >= distance ? sums[local - distance] : O::identity();
      const State here = sums[local];
      sycl::group_barrier(item.get_group());
      if (local >= distance) sums[local] = O::combine(before, here);
    }
    sycl::group_barrier(item.get_group());
    if constexpr (!Totals) {
      for (int k = 0; k < scan_items; ++k) {
        const int within = k * scan_group + local;
        const std::int64_t i = start + within;
        const int owner = within / scan_items;
        State state = owner > 0 ? O::combine(carry, sums[owner - 1]) : carry;
        state = O::combine(state, tile[within]);
        if (i < last) O::store(params, outer * params.length + i, state);
      }
    }
    carry = O::combine(carry, sums[scan_group - 1]);
    sycl::group_barrier(item.get_group());
  }
  if constexpr (Totals) {
    if (local == 0) static_cast<State*>(params.totals)[group] = carry;
  }
}

// Turns the totals of each line's chunks into what precedes them.
template <template <class> class Op, class T>
IPEX_KERNEL void scan_totals(ScanParams params) {
  using O = Op<T>;
  const std::int64_t line = this_item().get_global_id(0);
  if (line >= params.outer * params.inner) return;
  auto* totals = static_cast<typename O::State*>(params.totals) + line * params.chunks;
  auto state = O::identity();
  for (std::int64_t chunk = 0; chunk < params.chunks; ++chunk) {
    const auto total = totals[chunk];
    totals[chunk] = state;
    state = O::combine(state, total);
  }
}

}  // namespace ipex::kernels
