// What a cache of keys and values keeps of each number: the number itself, or one of eight bits.
#pragma once

#include "kernels/core/rows.hpp"
#include "kernels/llm/quantized_formats.hpp"

namespace ipex::kernels {

// Numbers of T as they are. `Place` is an index or a PackPlace.
template <class T>
struct CacheNumbers {
  using Stored = T;
  template <class Place>
  static auto load(const T* from, Place place) {
    return kernels::load<float>(from, place);
  }
};

// Numbers of eight bits, of which `Mantissa` are the mantissa's; exponents have `Bias`. What is larger than
// `largest` is stored as that, as a cache's writers on other devices do.
template <class Format, int Mantissa, int Bias, int Largest>
struct Float8CacheNumbers {
  using Stored = uint8_t;
  static constexpr float largest = Largest;
  static constexpr uint8_t not_a_number = 0x7f;

  static float load(const uint8_t* from, int64_t place) {
    const uint8_t code = from[place];
    return (code & 0x7f) == not_a_number ? limits<float>::quiet_nan() : Format::number(code);
  }
  static pack_of<float> load(const uint8_t* from, PackPlace place) {
    const auto numbers = Format::decode(from + place.first);
    if constexpr (Bias == 15) {
      return numbers;  // half's exponents, and its codes for what is not a number
    } else {
      const auto valid = math::fabs(numbers).lanes <= pack_of<float>(largest).lanes;
      return select(valid, numbers, pack_of<float>(limits<float>::quiet_nan()));
    }
  }

  // Rounded to the nearest, ties to even.
  static uint8_t code(float x) {
    const auto bits = sycl::bit_cast<uint32_t>(x);
    const auto sign = static_cast<uint8_t>(bits >> 24 & 0x80);
    if (x != x) return sign | not_a_number;
    const float size = sycl::fmin(sycl::fabs(x), largest);
    constexpr float smallest_normal = 1.0f / (1 << (Bias - 1));
    // A subnormal's code is a multiple of the smallest one, and the smallest normal number's follows them.
    if (size < smallest_normal) {
      return sign | static_cast<uint8_t>(sycl::rint(size * ((1 << (Bias - 1)) << Mantissa)));
    }
    constexpr int dropped = 23 - Mantissa;
    auto rounded = sycl::bit_cast<uint32_t>(size);
    rounded += (1u << (dropped - 1)) - 1 + (rounded >> dropped & 1);
    return sign | static_cast<uint8_t>((rounded >> dropped) - ((127 - Bias) << Mantissa));
  }
};

template <>
struct CacheNumbers<weights::e4m3> : Float8CacheNumbers<weights::e4m3, 3, 7, 448> {};
template <>
struct CacheNumbers<weights::e5m2> : Float8CacheNumbers<weights::e5m2, 2, 15, 57344> {};

}  // namespace ipex::kernels
