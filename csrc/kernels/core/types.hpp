#pragma once

// The types kernels compute with, and conversions between them with PyTorch's meaning.

#include <cstdint>
#include <limits>
#include <sycl/bit_cast.hpp>
#include <sycl/builtins.hpp>
#include <sycl/half_type.hpp>
#include <type_traits>

namespace ipex::kernels {

using std::int16_t;
using std::int32_t;
using std::int64_t;
using std::int8_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

using half = sycl::half;

// Storage only: arithmetic happens in float. Our own, because sycl's calls a device library that kernels
// loaded through OpenCL are not linked with.
struct bfloat16 {
  uint16_t bits;

  bfloat16() = default;
  bfloat16(float value) : bits(round_to_nearest_even(value)) {}
  operator float() const { return sycl::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

  static constexpr bfloat16 from_bits(uint16_t bits) { return bfloat16(bits, BitsTag{}); }
  // Of a value that bfloat16 holds.
  static bfloat16 from_exact(float value) {
    return from_bits(static_cast<uint16_t>(sycl::bit_cast<uint32_t>(value) >> 16));
  }
  // Of a value that arithmetic gave. A NaN is then a quiet one, whose upper half is one of bfloat16: the
  // lower is cut off, as rounding might carry into the sign.
  static bfloat16 from_arithmetic(float value) {
    const auto word = sycl::bit_cast<uint32_t>(value);
    return from_bits(static_cast<uint16_t>((sycl::isnan(value) ? word : rounded(word)) >> 16));
  }

 private:
  struct BitsTag {};
  constexpr bfloat16(uint16_t value, BitsTag) : bits(value) {}

  // A word whose upper half is the nearest bfloat16, of two the even one.
  static uint32_t rounded(uint32_t word) { return word + ((word & 0x10000u) != 0 ? 0x8000u : 0x7fffu); }

  static uint16_t round_to_nearest_even(float value) {
    const uint32_t upper = rounded(sycl::bit_cast<uint32_t>(value)) >> 16;
    return static_cast<uint16_t>(sycl::isnan(value) ? 0x7fc0u : upper);
  }
};
static_assert(sizeof(bfloat16) == 2 && std::is_trivially_copyable_v<bfloat16>);

template <class T>
struct alignas(2 * sizeof(T)) complex {
  T real;
  T imag;

  complex() = default;
  constexpr complex(T real_part, T imag_part = T(0)) : real(real_part), imag(imag_part) {}

  constexpr complex& operator+=(complex b) { return *this = *this + b; }
  constexpr complex& operator-=(complex b) { return *this = *this - b; }
  constexpr complex& operator*=(complex b) { return *this = *this * b; }
  constexpr complex& operator/=(complex b) { return *this = *this / b; }

  friend constexpr complex operator+(complex a) { return a; }
  friend constexpr complex operator-(complex a) { return {-a.real, -a.imag}; }
  friend constexpr complex operator+(complex a, complex b) { return {a.real + b.real, a.imag + b.imag}; }
  friend constexpr complex operator-(complex a, complex b) { return {a.real - b.real, a.imag - b.imag}; }
  friend constexpr complex operator*(complex a, complex b) {
    return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
  }
  // Scaled by the larger part of b, so that |b|^2 neither overflows nor vanishes.
  friend constexpr complex operator/(complex a, complex b) {
    const T abs_real = b.real < 0 ? -b.real : b.real;
    const T abs_imag = b.imag < 0 ? -b.imag : b.imag;
    if (abs_real >= abs_imag) {
      if (abs_real == T(0) && abs_imag == T(0)) return {a.real / T(0), a.imag / T(0)};  // of either sign
      const T ratio = b.imag / b.real;
      const T scale = T(1) / (b.real + b.imag * ratio);
      return {(a.real + a.imag * ratio) * scale, (a.imag - a.real * ratio) * scale};
    }
    const T ratio = b.real / b.imag;
    const T scale = T(1) / (b.real * ratio + b.imag);
    return {(a.real * ratio + a.imag) * scale, (a.imag * ratio - a.real) * scale};
  }
  friend constexpr bool operator==(complex a, complex b) { return a.real == b.real && a.imag == b.imag; }
  friend constexpr bool operator!=(complex a, complex b) { return !(a == b); }
};
static_assert(sizeof(complex<float>) == 8 && std::is_trivially_copyable_v<complex<float>>);

template <class T>
inline constexpr bool is_complex_v = false;
template <class T>
inline constexpr bool is_complex_v<complex<T>> = true;

template <class T>
inline constexpr bool is_reduced_floating_v = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;

template <class T>
inline constexpr bool is_floating_v = std::is_floating_point_v<T> || is_reduced_floating_v<T>;

// bool included, as std::is_integral.
template <class T>
inline constexpr bool is_integral_v = std::is_integral_v<T>;

// The type to compute T in: float for half and bfloat16, T itself otherwise.
template <class T>
using opmath_t = std::conditional_t<is_reduced_floating_v<T>, float, T>;

template <class T>
struct RealType {
  using type = T;
};
template <class T>
struct RealType<complex<T>> {
  using type = T;
};
// The type of T's parts: float for complex<float>, T itself for a real T.
template <class T>
using real_t = typename RealType<T>::type;

// A 64-bit integer, rounded once: the processor's own conversion, but faster than what the CPU's compiler
// calls.
template <class T>
inline float to_float(T value) {
  // With 48 bits both halves are exact, and the sum is rounded. More are cut to as many first, odd where
  // something is cut off, so that no sum is taken for a tie.
  constexpr int cut = 16;
  const bool fits = static_cast<T>(value >> 46) == T(0) || static_cast<T>(value >> 46) == static_cast<T>(-1);
  const T odd = (value & T((1 << cut) - 1)) != T(0) ? T(1) : T(0);
  const T most = fits ? value : static_cast<T>(value >> cut | odd);
  const auto upper = static_cast<float>(static_cast<int32_t>(most >> 24));
  const auto lower = static_cast<float>(static_cast<int32_t>(most & T(0xffffff)));
  return sycl::fma(upper, 0x1p24f, lower) * (fits ? 1.0f : static_cast<float>(1 << cut));
}

// PyTorch's conversions: to bool is "!= 0", floating to integral truncates, complex to real drops the
// imaginary part.
template <class To, class From>
inline To cast(From from) {
  if constexpr (std::is_same_v<To, From>) {
    return from;
  } else if constexpr (is_complex_v<From>) {
    if constexpr (is_complex_v<To>) {
      return To(cast<real_t<To>>(from.real), cast<real_t<To>>(from.imag));
    } else if constexpr (std::is_same_v<To, bool>) {
      return from.real != 0 || from.imag != 0;
    } else {
      return cast<To>(from.real);
    }
  } else if constexpr (is_complex_v<To>) {
    return To(cast<real_t<To>>(from));
  } else if constexpr (is_reduced_floating_v<From>) {
    return cast<To>(static_cast<float>(from));
  } else if constexpr (std::is_same_v<To, bool>) {
    return from != From(0);
  } else if constexpr (is_reduced_floating_v<To>) {
    return To(cast<float>(from));
  } else if constexpr (std::is_same_v<To, float> && std::is_integral_v<From> && sizeof(From) == 8) {
    return to_float(from);
  } else if constexpr (std::is_floating_point_v<From> && std::is_unsigned_v<To>) {
    // Negative numbers wrap as on the CPU, where C++ alone leaves them undefined.
    if constexpr (sizeof(To) == 8) {
      return from < From(0) ? static_cast<To>(static_cast<int64_t>(from)) : static_cast<To>(from);
    } else {
      return static_cast<To>(static_cast<int64_t>(from));
    }
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && sizeof(To) < 4) {
    return static_cast<To>(static_cast<int32_t>(from));
  } else {
    return static_cast<To>(from);
  }
}

// lowest and max are finite; lower and upper bound every value: infinities where T has them.
template <class T>
struct limits {
  static constexpr T lowest() { return std::numeric_limits<T>::lowest(); }
  static constexpr T max() { return std::numeric_limits<T>::max(); }
  static constexpr T smallest_normal() { return std::numeric_limits<T>::min(); }
  static constexpr T epsilon() { return std::numeric_limits<T>::epsilon(); }
  static constexpr T infinity() { return std::numeric_limits<T>::infinity(); }
  static constexpr T quiet_nan() { return std::numeric_limits<T>::quiet_NaN(); }
  static constexpr T lower_bound() { return is_floating_v<T> ? T(-infinity()) : lowest(); }
  static constexpr T upper_bound() { return is_floating_v<T> ? infinity() : max(); }
};

template <>
struct limits<bfloat16> {
  static constexpr bfloat16 lowest() { return bfloat16::from_bits(0xff7f); }
  static constexpr bfloat16 max() { return bfloat16::from_bits(0x7f7f); }
  static constexpr bfloat16 smallest_normal() { return bfloat16::from_bits(0x0080); }
  static constexpr bfloat16 epsilon() { return bfloat16::from_bits(0x3c00); }
  static constexpr bfloat16 infinity() { return bfloat16::from_bits(0x7f80); }
  static constexpr bfloat16 quiet_nan() { return bfloat16::from_bits(0x7fc0); }
  static constexpr bfloat16 lower_bound() { return bfloat16::from_bits(0xff80); }
  static constexpr bfloat16 upper_bound() { return infinity(); }
};

// NaN test that survives every optimisation of comparisons.
template <class T>
inline bool is_nan(T value) {
  if constexpr (is_complex_v<T>) {
    return is_nan(value.real) || is_nan(value.imag);
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return (value.bits & 0x7fff) > 0x7f80;
  } else if constexpr (is_floating_v<T>) {
    return sycl::isnan(value);
  } else {
    return false;
  }
}

}  // namespace ipex::kernels
