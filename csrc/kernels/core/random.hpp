// Random numbers that depend on (seed, offset, index) alone: every device and every launch shape gives the
// same ones.
#pragma once

#include "kernels/core/types.hpp"
#include "kernels/random_params.hpp"

namespace ipex::kernels {

struct RandomBlock {
  static constexpr int words = 4;
  uint32_t word[words];

  uint64_t wide(int index) const { return uint64_t{word[2 * index + 1]} << 32 | word[2 * index]; }
};

// Philox 4x32 with 10 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// 2011).
inline RandomBlock philox(RandomBlock counter, uint64_t key) {
  constexpr uint64_t multiplier_0 = 0xD2511F53u;
  constexpr uint64_t multiplier_1 = 0xCD9E8D57u;
  constexpr uint32_t weyl_0 = 0x9E3779B9u;
  constexpr uint32_t weyl_1 = 0xBB67AE85u;
  uint32_t key_0 = static_cast<uint32_t>(key);
  uint32_t key_1 = static_cast<uint32_t>(key >> 32);
  uint32_t a = counter.word[0], b = counter.word[1], c = counter.word[2], d = counter.word[3];
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint64_t product_0 = multiplier_0 * a;
    const uint64_t product_1 = multiplier_1 * c;
    a = static_cast<uint32_t>(product_1 >> 32) ^ b ^ key_0;
    b = static_cast<uint32_t>(product_1);
    c = static_cast<uint32_t>(product_0 >> 32) ^ d ^ key_1;
    d = static_cast<uint32_t>(product_0);
    key_0 += weyl_0;
    key_1 += weyl_1;
  }
  return {{a, b, c, d}};
}

// Block `index` of a call. The generator's offset counts single numbers, four to a block; a call that needs
// `draw` > 0 must have reserved 4 * (draw + 1) of them.
inline RandomBlock random_block(PhiloxState state, uint64_t index, uint64_t draw = 0) {
  const uint64_t call = state.offset / RandomBlock::words + draw;
  return philox({{static_cast<uint32_t>(call), static_cast<uint32_t>(call >> 32),
                  static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32)}},
                state.seed);
}

// The first element that takes a number of block `index`; the others follow at random_stride.
inline int64_t random_first_element(int64_t index, int count) {
  return index / random_stride * random_stride * count + index % random_stride;
}

// How many numbers of T a block holds.
template <class T>
inline constexpr int random_count = std::is_same_v<T, double> ? 2 : 4;

template <class T>
inline constexpr int random_digits = std::numeric_limits<T>::digits;
template <>
inline constexpr int random_digits<half> = 11;
template <>
inline constexpr int random_digits<bfloat16> = 8;

// Number `index` of a block, uniform in [0, 1), with the digits of T: rounding to T never reaches 1.
template <class T>
inline opmath_t<T> random_unit(const RandomBlock& block, int index) {
  if constexpr (std::is_same_v<T, double>) {
    return static_cast<double>(block.wide(index) >> 11) * 0x1p-53;
  } else {
    constexpr int digits = random_digits<T>;
    return static_cast<float>(block.word[index] >> (32 - digits)) * (1.0f / static_cast<float>(1u << digits));
  }
}

// Uniform in (0, 1), both ends excluded; T is float or double.
template <class T>
inline T random_open_unit(const RandomBlock& block, int index) {
  if constexpr (std::is_same_v<T, double>) {
    return (static_cast<double>(block.wide(index) >> 12) + 0.5) * 0x1p-52;
  } else {
    return (static_cast<float>(block.word[index] >> 9) + 0.5f) * 0x1p-23f;
  }
}

// Two independent standard normal numbers (Box and Muller, 1958); T is float or double.
template <class T>
inline void random_normal_pair(T radius_unit, T angle_unit, T& first, T& second) {
  const T radius = sycl::sqrt(T(-2) * sycl::log(radius_unit));
  first = radius * sycl::cospi(T(2) * angle_unit);
  second = radius * sycl::sinpi(T(2) * angle_unit);
}

}  // namespace ipex::kernels
