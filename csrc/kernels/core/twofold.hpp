// Numbers of twice a float's digits, for sums and products of many: without double, which not every device
// has.
#pragma once

#include "kernels/core/pack.hpp"

namespace ipex::kernels {

// high + low, where low is what rounding took from high. An infinity, or what is not a number, is high alone.
template <class T>
struct Twofold {
  T high, low;

  Twofold() = default;
  Twofold(T value) : high(value), low(T(0)) {}
  // rest is smaller than sum, or sum is 0.
  Twofold(T sum, T rest) {
    rest = select(math::fabs(sum) < T(limits<T>::infinity()), rest, T(0));
    const T total = sum + rest;
    high = select(total == sum, sum, total);  // of zeros keeps the sign
    low = rest - (total - sum);
  }

  Twofold operator-() const {
    Twofold result;
    result.high = -high;
    result.low = -low;
    return result;
  }
  friend Twofold operator+(Twofold a, Twofold b) {
    const T sum = a.high + b.high, added = sum - a.high;
    return {sum, ((a.high - (sum - added)) + (b.high - added)) + (a.low + b.low)};
  }
  friend Twofold operator-(Twofold a, Twofold b) { return a + -b; }
  friend Twofold operator*(Twofold a, Twofold b) {
    const T product = a.high * b.high;
    return {product, math::fma(a.high, b.high, -product) + math::fma(a.high, b.low, a.low * b.high)};
  }
  Twofold& operator+=(Twofold b) { return *this = *this + b; }
  Twofold& operator*=(Twofold b) { return *this = *this * b; }
};

// One more factor of a product of many, which may leave low as large as a product's error: `carried` brings
// it into high at the end.
template <class T>
inline void multiply_by(T& product, T factor) {
  product *= factor;
}
template <class T>
inline void multiply_by(Twofold<T>& product, T factor) {
  const T high = product.high * factor;
  product.low = math::fma(product.low, factor, math::fma(product.high, factor, -high));
  product.high = high;
}

template <class T>
inline T carried(T product) {
  return product;
}
template <class T>
inline Twofold<T> carried(Twofold<T> product) {
  return {product.high, product.low};
}

// What sums and products of T are kept in.
template <class T>
struct TwofoldOf {
  using type = T;
};
template <>
struct TwofoldOf<float> {
  using type = Twofold<float>;
};
template <int N>
struct TwofoldOf<Pack<float, N>> {
  using type = Twofold<Pack<float, N>>;
};
template <>
struct TwofoldOf<complex<float>> {
  using type = complex<Twofold<float>>;
};
template <class T>
using twofold_t = typename TwofoldOf<T>::type;

template <class T>
inline twofold_t<T> twofold(T value) {
  if constexpr (is_complex_v<T>) {
    return {value.real, value.imag};
  } else {
    return value;
  }
}

inline void multiply_by(complex<Twofold<float>>& product, complex<float> factor) {
  product *= twofold(factor);
}

template <class T>
inline T rounded(T value) {
  return value;
}
template <class T>
inline T rounded(Twofold<T> value) {
  return value.high;
}
template <class T>
inline complex<T> rounded(complex<Twofold<T>> value) {
  return {value.real.high, value.imag.high};
}

}  // namespace ipex::kernels
