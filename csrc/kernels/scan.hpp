// Inclusive scans along one dimension.
//
// An operator has a State, made from an element, combined associatively (the left one comes first), stored as
// a result. A few neighbours are combined as Local, which is widened to a State: mostly the same. Where lines
// are many, each belongs to one work-item or one work-group; where they are few, a first launch finds the
// total of each chunk of a line, a second one what precedes it, and a third one scans the chunks.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/sub_group.hpp"
#include "kernels/core/twofold.hpp"
#include "kernels/core/types.hpp"
#include "kernels/scan_params.hpp"

namespace ipex::kernels {
namespace op {

template <class S>
struct OneState {
  using State = S;
  using Local = S;
  static S widened(S state) { return state; }
};

template <class T>
struct Accumulating : OneState<twofold_t<opmath_t<T>>> {
  using State = twofold_t<opmath_t<T>>;
  static State make(T value, std::int64_t) { return twofold(static_cast<opmath_t<T>>(value)); }
  static void store(const ScanParams& params, std::int64_t position, State state) {
    static_cast<T*>(params.output)[position] = cast<T>(rounded(state));
  }
};

template <class T>
struct cumsum : Accumulating<T> {
  using Local = opmath_t<T>;
  static Local identity() { return Local(0); }
  static Local make(T value, std::int64_t) { return static_cast<Local>(value); }
  static auto widened(Local sum) { return twofold(sum); }
  template <class S>
  static S combine(S a, S b) {
    return a + b;
  }
};

template <class T>
struct cumprod : Accumulating<T> {
  using typename Accumulating<T>::State;
  static State identity() { return State(1); }
  static State combine(State a, State b) { return a * b; }
};

template <class T>
struct logcumsumexp : Accumulating<T> {
  using typename Accumulating<T>::State;
  using C = opmath_t<T>;
  static State identity() { return State(-limits<C>::infinity()); }
  static State combine(State a, State b) {
    const bool ordered = is_nan(rounded(a)) || rounded(a) >= rounded(b);
    const State largest = ordered ? a : b, smallest = ordered ? b : a;
    const State sum = largest + twofold(math::log1p(math::exp(rounded(smallest - largest))));
    // Equal infinities have no difference.
    const bool infinite = rounded(largest) == rounded(smallest) && sycl::isinf(rounded(largest));
    return infinite ? largest : sum;
  }
};
template <class T>
struct logcumsumexp<complex<T>> : OneState<complex<T>> {
  using State = complex<T>;
  static State make(State value, std::int64_t) { return value; }
  static void store(const ScanParams& params, std::int64_t position, State state) {
    static_cast<State*>(params.output)[position] = state;
  }
  static State identity() { return State(-limits<T>::infinity()); }
  static State combine(State a, State b) {
    if (is_nan(a) || is_nan(b)) return State(limits<T>::quiet_nan(), limits<T>::quiet_nan());
    const bool ordered = b.real < a.real;
    const State largest = ordered ? a : b, smallest = ordered ? b : a;
    if (largest.real == smallest.real && sycl::isinf(largest.real)) {
      // No difference; the angle of nothing does not matter.
      return largest.real < T(0) ? largest : math::log(math::exp(largest) + math::exp(smallest));
    }
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
struct Choosing : OneState<Chosen<T>> {
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
  if (params.totals == nullptr) return O::widened(O::identity());
  return static_cast<const typename O::State*>(params.totals)[line_chunk];
}

// One work-item for each chunk of a line; neighbours take neighbouring lines.
template <template <class> class Op, class T, bool Totals>
IPEX_KERNEL void scan_lines(ScanParams params) {
  using O = Op<T>;
  static_assert(sizeof(typename O::State) <= scan_state_bytes);
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
  auto state = Totals ? O::widened(O::identity()) : scan_start<O>(params, line_chunk);
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t position = (outer * params.length + i) * params.inner + inner;
    state = O::combine(state, O::widened(O::make(input[position], i)));
    if constexpr (!Totals) O::store(params, position, state);
  }
  if constexpr (Totals) static_cast<typename O::State*>(params.totals)[line_chunk] = state;
}

// The value of the work-item `distance` before this one; T is any plain type of whole 32-bit words.
template <class T>
inline T from_before(const sycl::sub_group& group, T value, int distance) {
  return by_words(value, [&](std::uint32_t word) { return sycl::shift_group_right(group, word, distance); });
}

// One sub-group for each chunk of a row (inner = 1): its work-items take neighbouring elements.
template <template <class> class Op, class T, bool Totals>
IPEX_KERNEL void scan_rows(ScanParams params) {
  using O = Op<T>;
  const auto group = this_sub_group();
  const int lane = group.get_local_linear_id();
  const int width = uniform(group, static_cast<int>(group.get_local_linear_range()));
  const auto [start, step] = all_sub_groups();
  for (std::int64_t job = start; job < params.outer * params.chunks; job += step) {
    const std::int64_t outer = job / params.chunks;
    const std::int64_t begin = job % params.chunks * params.chunk;
    const std::int64_t end = uniform(group, sycl::min(begin + params.chunk, params.length));
    const auto* input = static_cast<const T*>(params.input) + outer * params.length;
    auto carry = Totals ? O::widened(O::identity()) : scan_start<O>(params, job);
    // `whole` is a type: one function called twice would not become part of the loop, nor a vector.
    const auto scan = [&](std::int64_t i, auto whole) {
      const bool real = whole || i + lane < end;
      auto local = real ? O::make(input[i + lane], i + lane) : O::identity();
      for (int distance = 1; distance < width; distance *= 2) {
        const auto combined = O::combine(from_before(group, local, distance), local);
        local = lane >= distance ? combined : local;  // all lanes combine: as one vector
      }
      const auto state = O::combine(carry, O::widened(local));
      if constexpr (!Totals) {
        if (real) O::store(params, outer * params.length + i + lane, state);
      }
      carry =
          by_words(state, [&](std::uint32_t word) { return sycl::group_broadcast(group, word, width - 1); });
    };
    std::int64_t i = begin;
    for (; i + width <= end; i += width) scan(i, std::true_type{});
    if (i < end) scan(i, std::false_type{});
    if constexpr (Totals) {
      if (lane == 0) static_cast<typename O::State*>(params.totals)[job] = carry;
    }
  }
}

// Turns the totals of each line's chunks into what precedes them.
template <template <class> class Op, class T>
IPEX_KERNEL void scan_totals(ScanParams params) {
  using O = Op<T>;
  const std::int64_t line = this_item().get_global_id(0);
  if (line >= params.outer * params.inner) return;
  auto* totals = static_cast<typename O::State*>(params.totals) + line * params.chunks;
  auto state = O::widened(O::identity());
  for (std::int64_t chunk = 0; chunk < params.chunks; ++chunk) {
    const auto total = totals[chunk];
    totals[chunk] = state;
    state = O::combine(state, total);
  }
}

}  // namespace ipex::kernels
