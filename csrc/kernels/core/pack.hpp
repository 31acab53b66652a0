// Packs of values that one work-item computes with as if they were one: what CPUs run kernels of rows by.
// Functors take packs in place of numbers where they use `select` instead of ?: and functions of `math`.
#pragma once

#include <array>

#include "kernels/core/math.hpp"

namespace ipex::kernels {

template <class T, int N>
struct Pack {
  using Value = T;
  static constexpr int count = N;
  template <class U>
  using Like = U __attribute__((ext_vector_type(N)));

  Like<T> lanes;

  Pack() = default;
  Pack(T value) : lanes(value) {}
  static Pack of(Like<T> lanes) {
    Pack pack;
    pack.lanes = lanes;
    return pack;
  }

  Pack operator-() const { return of(-lanes); }
  friend Pack operator+(Pack a, Pack b) { return of(a.lanes + b.lanes); }
  friend Pack operator-(Pack a, Pack b) { return of(a.lanes - b.lanes); }
  friend Pack operator*(Pack a, Pack b) { return of(a.lanes * b.lanes); }
  friend Pack operator/(Pack a, Pack b) { return of(a.lanes / b.lanes); }
  Pack& operator+=(Pack b) { return *this = *this + b; }
  Pack& operator*=(Pack b) { return *this = *this * b; }

  // Comparisons are lanes of all ones where they hold.
  friend auto operator==(Pack a, Pack b) { return a.lanes == b.lanes; }
  friend auto operator<(Pack a, Pack b) { return a.lanes < b.lanes; }
  friend auto operator<=(Pack a, Pack b) { return a.lanes <= b.lanes; }
};

// The pack that kernels use: 16 values, the most that SPIR-V vectors have, or 64 bytes.
template <class T>
using pack_of = Pack<T, sizeof(T) == 8 ? 8 : 16>;

template <class T>
inline constexpr bool is_pack_v = false;
template <class T, int N>
inline constexpr bool is_pack_v<Pack<T, N>> = true;

// An integer for each number of T, or of a pack's lanes: as wide, so that it is chosen by the same condition.
template <class T>
struct IntegerLike {
  using type = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
};
template <class T, int N>
struct IntegerLike<Pack<T, N>> {
  using type = Pack<typename IntegerLike<T>::type, N>;
};
template <class T>
using integer_like_t = typename IntegerLike<T>::type;

template <class T>
inline T select(bool condition, T yes, T no) {
  return condition ? yes : no;
}
// The condition's lanes may be of another size.
template <class Mask, class T, int N>
inline Pack<T, N> select(Mask condition, Pack<T, N> yes, Pack<T, N> no) {
  using Lane = std::conditional_t<sizeof(T) == 1, int8_t,
                                  std::conditional_t<sizeof(T) == 2, int16_t, integer_like_t<T>>>;
  const auto lanes = __builtin_convertvector(condition, typename Pack<T, N>::template Like<Lane>);
  return Pack<T, N>::of(lanes ? yes.lanes : no.lanes);
}

template <class T, int N>
struct limits<Pack<T, N>> : limits<T> {};

template <class T, int N>
inline auto is_nan(Pack<T, N> pack) {
  return pack.lanes != pack.lanes;
}

namespace math {

#define IPEX_PACK_FUNCTION(name)                        \
  template <class T, int N>                             \
  inline Pack<T, N> name(Pack<T, N> x) {                \
    return Pack<T, N>::of(__spirv_ocl_##name(x.lanes)); \
  }
IPEX_PACK_FUNCTION(exp)
IPEX_PACK_FUNCTION(fabs)
IPEX_PACK_FUNCTION(sqrt)
#undef IPEX_PACK_FUNCTION

template <class T, int N>
inline Pack<T, N> fma(Pack<T, N> x, Pack<T, N> y, Pack<T, N> z) {
  return Pack<T, N>::of(__spirv_ocl_fma(x.lanes, y.lanes, z.lanes));
}

template <class T, int N>
inline Pack<T, N> maximum(Pack<T, N> a, Pack<T, N> b) {
  return select(is_nan(a) || b < a, a, b);
}
template <class T, int N>
inline Pack<T, N> minimum(Pack<T, N> a, Pack<T, N> b) {
  return select(is_nan(a) || a < b, a, b);
}

}  // namespace math

// N elements that follow each other.
template <class P, class In>
inline P load_pack(const In* from) {
  if constexpr (std::is_same_v<In, bfloat16>) {
    using Words = typename P::template Like<uint32_t>;
    using Floats = typename P::template Like<float>;
    const Words words = load_pack<Pack<uint32_t, P::count>>(&from->bits).lanes << 16;
    return P::of(__builtin_convertvector(__builtin_bit_cast(Floats, words), decltype(P::lanes)));
  } else {
    using Element = std::conditional_t<std::is_same_v<In, half>, _Float16, In>;
    typedef Element Unaligned __attribute__((ext_vector_type(P::count), aligned(alignof(In))));
    return P::of(__builtin_convertvector(*reinterpret_cast<const Unaligned*>(from), decltype(P::lanes)));
  }
}

template <class Out, class T, int N>
inline void store_pack(Out* to, Pack<T, N> pack) {
  if constexpr (std::is_same_v<Out, bfloat16>) {
    // As bfloat16's constructor rounds.
    using Words = typename Pack<T, N>::template Like<uint32_t>;
    const auto floats = __builtin_convertvector(pack.lanes, typename Pack<T, N>::template Like<float>);
    const auto words = __builtin_bit_cast(Words, floats);
    const Words rounded = (words + ((words & 0x10000u) != 0u ? Words(0x8000u) : Words(0x7fffu))) >> 16;
    store_pack(&to->bits, Pack<uint32_t, N>::of(floats != floats ? Words(0x7fc0u) : rounded));
  } else {
    using Element = std::conditional_t<std::is_same_v<Out, half>, _Float16, Out>;
    typedef Element Unaligned __attribute__((ext_vector_type(N), aligned(alignof(Out))));
    *reinterpret_cast<Unaligned*>(to) = __builtin_convertvector(pack.lanes, Unaligned);
  }
}

template <class T, int N, int... I>
inline Pack<T, N> exchange_lanes(Pack<T, N> pack, int mask, std::integer_sequence<int, I...>) {
  const auto by = [&](auto distance) {
    return Pack<T, N>::of(
        __builtin_shufflevector(pack.lanes, pack.lanes, (I ^ decltype(distance)::value)...));
  };
  switch (mask) {
    case 1:
      return by(std::integral_constant<int, 1>{});
    case 2:
      return by(std::integral_constant<int, 2>{});
    case 4:
      return by(std::integral_constant<int, 4>{});
    default:
      return by(std::integral_constant<int, 8>{});
  }
}

// A struct of packs as an array of them.
template <class P, class Values>
inline auto packs_of(const Values& values) {
  static_assert(sizeof(Values) % sizeof(P) == 0);
  return sycl::bit_cast<std::array<P, sizeof(Values) / sizeof(P)>>(values);
}

// Lane `lane` of a struct of packs, as the same struct of numbers.
template <class Numbers, class P, class Values>
inline Numbers lane_of(const Values& values, int lane) {
  const auto packs = packs_of<P>(values);
  std::array<typename P::Value, packs.size()> numbers;
#pragma unroll
  for (std::size_t k = 0; k < packs.size(); ++k) numbers[k] = packs[k].lanes[lane];
  return sycl::bit_cast<Numbers>(numbers);
}

// The combination of all lanes of a struct of packs, in each of them. The tree is fixed.
template <class P, class Values, class Combine>
inline Values combine_lanes(Values values, Combine combine) {
#pragma unroll
  for (int mask = P::count / 2; mask > 0; mask /= 2) {
    auto packs = packs_of<P>(values);
#pragma unroll
    for (auto& pack : packs) {
      pack = exchange_lanes(pack, mask, std::make_integer_sequence<int, P::count>{});
    }
    values = combine(values, sycl::bit_cast<Values>(packs));
  }
  return values;
}

}  // namespace ipex::kernels
