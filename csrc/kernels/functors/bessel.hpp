// Bessel and Airy functions of real numbers: rational and Chebyshev approximations of S. L. Moshier's Cephes
// library (1989).
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/series.hpp"
#include "kernels/functors/bessel_tables.hpp"

namespace ipex::kernels {
namespace bessel {

template <class T>
inline constexpr T two_over_pi = T(0.636619772367581343075535053490057448);
template <class T>
inline constexpr T sqrt_two_over_pi = T(0.797884560802865355879892119868763737);
template <class T>
inline constexpr T sqrt_one_over_pi = T(0.564189583547756286948079451560772586);
template <class T>
inline constexpr T quarter_pi = T(0.785398163397448309615660845819875721);
template <class T>
inline constexpr T three_quarters_pi = T(2.35619449019234492884698253745962716);

// What J and Y are beyond x = 5: amplitudes of a cosine and a sine of the shifted argument.
template <class T>
struct Wave {
  T cosine, sine, argument, scale;
  T first_kind() const { return scale * (cosine * math::cos(argument) - sine * math::sin(argument)); }
  T second_kind() const { return scale * (cosine * math::sin(argument) + sine * math::cos(argument)); }
};

template <class T>
inline Wave<T> wave_0(T x) {
  const T near = T(5) / x, square = near * near;
  return {rational(square, cosine_0_numerator<T>, cosine_0_denominator<T>),
          near * rational(square, sine_0_numerator<T>, sine_0_denominator<T>), x - quarter_pi<T>,
          sqrt_two_over_pi<T> / math::sqrt(x)};
}

template <class T>
inline Wave<T> wave_1(T x) {
  const T near = T(5) / x, square = near * near;
  return {rational(square, cosine_1_numerator<T>, cosine_1_denominator<T>),
          near * rational(square, sine_1_numerator<T>, sine_1_denominator<T>), x - three_quarters_pi<T>,
          sqrt_two_over_pi<T> / math::sqrt(x)};
}

// Zeros of the functions are factors, so that values near them keep their digits.
template <class T>
inline T j0(T signed_x) {
  const T x = sycl::fabs(signed_x);
  if (x > T(5)) return wave_0(x).first_kind();
  const T square = x * x;
  return (square - T(5.78318596294678452118)) * (square - T(30.4712623436620863991)) *
         rational(square, j0_numerator<T>, j0_denominator<T>);
}

template <class T>
inline T j1(T signed_x) {
  const T x = sycl::fabs(signed_x);
  const T square = x * x;
  const T value = x > T(5) ? wave_1(x).first_kind()
                           : x * (square - T(14.6819706421238932572)) * (square - T(49.2184563216946036703)) *
                                 rational(square, j1_numerator<T>, j1_denominator<T>);
  return signed_x < T(0) ? -value : value;
}

template <class T>
inline T y0(T x) {
  if (x > T(5)) return wave_0(x).second_kind();
  if (x == T(0)) return -limits<T>::infinity();
  if (!(x > T(0))) return limits<T>::quiet_nan();
  return rational(x * x, y0_numerator<T>, y0_denominator<T>) + two_over_pi<T> * math::log(x) * j0(x);
}

template <class T>
inline T y1(T x) {
  if (x > T(5)) return wave_1(x).second_kind();
  if (x == T(0)) return -limits<T>::infinity();
  if (!(x > T(0))) return limits<T>::quiet_nan();
  return x * rational(x * x, y1_numerator<T>, y1_denominator<T>) +
         two_over_pi<T> * (j1(x) * math::log(x) - T(1) / x);
}

// e^-|x| I(x)
template <class T>
inline T i0e(T signed_x) {
  const T x = sycl::fabs(signed_x);
  return x <= T(8) ? chebyshev_series(x / T(2) - T(2), i0_near<T>)
                   : chebyshev_series(T(32) / x - T(2), i0_far<T>) / math::sqrt(x);
}

template <class T>
inline T i1e(T signed_x) {
  const T x = sycl::fabs(signed_x);
  const T value = x <= T(8) ? x * chebyshev_series(x / T(2) - T(2), i1_near<T>)
                            : chebyshev_series(T(32) / x - T(2), i1_far<T>) / math::sqrt(x);
  return signed_x < T(0) ? -value : value;
}

// Half of the smallest numbers would be rounded.
template <class T>
inline T log_of_half(T x) {
  constexpr T ln2 = T(0.693147180559945309417232121458176568);
  return x < T(1) ? math::log(x) - ln2 : math::log(x / T(2));
}

// e^x K(x)
template <class T>
inline T k0e(T x) {
  if (x == T(0)) return limits<T>::infinity();
  if (!(x > T(0))) return limits<T>::quiet_nan();
  if (x > T(2)) return chebyshev_series(T(8) / x - T(2), k0_far<T>) / math::sqrt(x);
  const T growth = math::exp(x);
  return growth * (chebyshev_series(x * x - T(2), k0_near<T>) - log_of_half(x) * i0e(x) * growth);
}

template <class T>
inline T k1e(T x) {
  if (x == T(0)) return limits<T>::infinity();
  if (!(x > T(0))) return limits<T>::quiet_nan();
  if (x > T(2)) return chebyshev_series(T(8) / x - T(2), k1_far<T>) / math::sqrt(x);
  const T growth = math::exp(x);
  return growth * (log_of_half(x) * i1e(x) * growth + chebyshev_series(x * x - T(2), k1_near<T>) / x);
}

// Ai by its Maclaurin series.
template <class T>
inline T airy_near_zero(T x) {
  const T cube = x * x * x;
  T even_term = T(1), odd_term = x, even = even_term, odd = odd_term, k = T(1);
  for (T change = T(1); change > limits<T>::epsilon();) {
    even_term *= cube / ((k + T(1)) * (k + T(2)));
    odd_term *= cube / ((k + T(2)) * (k + T(3)));
    even += even_term;
    odd += odd_term;
    k += T(3);
    change = sycl::fabs(even_term / even);
  }
  return T(0.355028053887817239260) * even - T(0.258819403792806798405) * odd;
}

template <class T>
inline T airy_ai(T x) {
  if (sycl::isinf(x) || is_nan(x)) return limits<T>::quiet_nan();
  const T magnitude = sycl::fabs(x);
  if (magnitude < T(2.09)) return airy_near_zero(x);
  const T square_root = math::sqrt(magnitude), root = math::sqrt(square_root);
  const T power = magnitude * square_root, zeta = T(2) * power / T(3);
  const T near = T(1) / zeta, square = near * near;
  if (x > T(0)) {
    return sqrt_one_over_pi<T> * rational(near, airy_decay_numerator<T>, airy_decay_denominator<T>) /
           (T(2) * root) * math::exp(-zeta);
  }
  const T sine = T(1) + square * rational(square, airy_sine_numerator<T>, airy_sine_denominator<T>);
  const T cosine = near * rational(square, airy_cosine_numerator<T>, airy_cosine_denominator<T>);
  // What rounding took from zeta is much of a period where x is large.
  const T lost_of_root = sycl::fma(-square_root, square_root, magnitude) / (T(2) * square_root);
  const T lost_of_power = sycl::fma(magnitude, square_root, -power) + magnitude * lost_of_root;
  const T lost = (sycl::fma(T(-3), zeta, T(2) * power) + T(2) * lost_of_power) / T(3);
  const T shift_sine = math::sin(quarter_pi<T> + lost), shift_cosine = math::cos(quarter_pi<T> + lost);
  const T zeta_sine = math::sin(zeta), zeta_cosine = math::cos(zeta);
  return sqrt_one_over_pi<T> / root *
         ((zeta_sine * shift_cosine + zeta_cosine * shift_sine) * sine -
          (zeta_cosine * shift_cosine - zeta_sine * shift_sine) * cosine);
}

}  // namespace bessel

namespace op {

#define IPEX_BESSEL_FUNCTOR(name, expression)      \
  template <class T>                               \
  struct name {                                    \
    T operator()(T x) const { return expression; } \
  };
IPEX_BESSEL_FUNCTOR(airy_ai, bessel::airy_ai(x))
IPEX_BESSEL_FUNCTOR(bessel_j0, bessel::j0(x))
IPEX_BESSEL_FUNCTOR(bessel_j1, bessel::j1(x))
IPEX_BESSEL_FUNCTOR(bessel_y0, bessel::y0(x))
IPEX_BESSEL_FUNCTOR(bessel_y1, bessel::y1(x))
IPEX_BESSEL_FUNCTOR(i0, bessel::i0e(x) * math::exp(sycl::fabs(x)))
IPEX_BESSEL_FUNCTOR(i0e, bessel::i0e(x))
IPEX_BESSEL_FUNCTOR(i1, bessel::i1e(x) * math::exp(sycl::fabs(x)))
IPEX_BESSEL_FUNCTOR(i1e, bessel::i1e(x))
IPEX_BESSEL_FUNCTOR(bessel_k0, bessel::k0e(x) * math::exp(-x))
IPEX_BESSEL_FUNCTOR(bessel_k0e, bessel::k0e(x))
IPEX_BESSEL_FUNCTOR(bessel_k1, bessel::k1e(x) * math::exp(-x))
IPEX_BESSEL_FUNCTOR(bessel_k1e, bessel::k1e(x))
#undef IPEX_BESSEL_FUNCTOR

template <class T>
struct spherical_bessel_j0 {
  T operator()(T x) const {
    if (sycl::isinf(x)) return T(0);
    if (sycl::fabs(x) >= T(0.5)) return math::sin(x) / x;
    constexpr T taylor[] = {T(1) / T(6227020800),
                            T(-1) / T(39916800),
                            T(1) / T(362880),
                            T(-1) / T(5040),
                            T(1) / T(120),
                            T(-1) / T(6),
                            T(1)};
    return polynomial(x * x, taylor);
  }
};

}  // namespace op
}  // namespace ipex::kernels
