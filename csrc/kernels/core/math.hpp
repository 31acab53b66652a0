// Elementary functions for float, double and complex, each defined once: eager, fused and compiled kernels
// call these. Integers reach them only through operators that promote first.
#pragma once

#include <sycl/builtins.hpp>

#include "kernels/core/series.hpp"
#include "kernels/core/types.hpp"

namespace ipex::kernels::math {

#define IPEX_REAL_FUNCTION(name)                       \
  inline float name(float x) { return sycl::name(x); } \
  inline double name(double x) { return sycl::name(x); }
IPEX_REAL_FUNCTION(acos)
IPEX_REAL_FUNCTION(acosh)
IPEX_REAL_FUNCTION(asin)
IPEX_REAL_FUNCTION(asinh)
IPEX_REAL_FUNCTION(atan)
IPEX_REAL_FUNCTION(atanh)
IPEX_REAL_FUNCTION(ceil)
IPEX_REAL_FUNCTION(cos)
IPEX_REAL_FUNCTION(cosh)
IPEX_REAL_FUNCTION(erfc)
IPEX_REAL_FUNCTION(exp)
IPEX_REAL_FUNCTION(exp2)
IPEX_REAL_FUNCTION(expm1)
IPEX_REAL_FUNCTION(fabs)
IPEX_REAL_FUNCTION(floor)
IPEX_REAL_FUNCTION(log)
IPEX_REAL_FUNCTION(log10)
IPEX_REAL_FUNCTION(log1p)
IPEX_REAL_FUNCTION(log2)
IPEX_REAL_FUNCTION(rint)
IPEX_REAL_FUNCTION(sin)
IPEX_REAL_FUNCTION(sinh)
IPEX_REAL_FUNCTION(sqrt)
IPEX_REAL_FUNCTION(tan)
IPEX_REAL_FUNCTION(tanh)
IPEX_REAL_FUNCTION(trunc)
#undef IPEX_REAL_FUNCTION
inline float fma(float x, float y, float z) { return sycl::fma(x, y, z); }
inline double fma(double x, double y, double z) { return sycl::fma(x, y, z); }

// Within 1.6 units in the last place, without branches or calls: x + x P(x^2) for small x, else 1 - 2^-P(|x|)
// with the power of a fraction by another polynomial. All minimise the relative error of erf, below 0.9 and
// up to 4, where it is 1.
inline float erf(float x) {
  constexpr float small[] = {-0.000611129158642143f, 0.005016228184103966f, -0.02678195759654045f,
                             0.11282230168581009f,   -0.3761253356933594f,  0.12837915122509003f};
  constexpr float large[] = {-0.00028597202617675066f, 0.004422581288963556f, -0.032194096595048904f,
                             0.1502043902873993f,      0.9189621210098267f,   1.6270675659179688f,
                             0.0002401208330411464f};
  constexpr float power[] = {0.0013276466634124517f, 0.009675540961325169f, 0.05550713464617729f,
                             0.24022120237350464f,   0.6931469440460205f,   1.0000001192092896f};
  const float magnitude = sycl::fabs(x);
  const float exponent = polynomial(sycl::fmin(magnitude, 4.0f), large);
  const float whole = sycl::rint(exponent);
  const float scale = sycl::bit_cast<float>((127 - static_cast<int32_t>(whole)) << 23);
  const float far = 1.0f - scale * polynomial(whole - exponent, power);
  return magnitude > 0.9f ? sycl::copysign(far, x) : x + x * polynomial(x * x, small);
}
inline double erf(double x) { return sycl::erf(x); }

// Complex functions, from real ones of the parts; branch cuts as in C99 annex G.

template <class T>
inline T abs(complex<T> z) {
  return sycl::hypot(z.real, z.imag);
}
template <class T>
inline T arg(complex<T> z) {
  return sycl::atan2(z.imag, z.real);
}
template <class T>
inline complex<T> polar(T magnitude, T angle) {
  return {magnitude * sycl::cos(angle), magnitude * sycl::sin(angle)};
}
template <class T>
inline complex<T> times_i(complex<T> z) {
  return {-z.imag, z.real};
}
template <class T>
inline complex<T> over_i(complex<T> z) {
  return {z.imag, -z.real};
}

template <class T>
inline complex<T> exp(complex<T> z) {
  const T magnitude = sycl::exp(z.real);
  // inf * 0 would make the imaginary part of a real exponent NaN.
  if (z.imag == T(0)) return {magnitude, z.imag};
  // An infinite real part decides where there is no angle (C99, Annex G).
  if (sycl::isinf(z.real) && !sycl::isfinite(z.imag)) {
    return z.real < T(0) ? complex<T>(T(0), sycl::copysign(T(0), z.imag))
                         : complex<T>(z.real, limits<T>::quiet_nan());
  }
  return polar(magnitude, z.imag);
}
template <class T>
inline complex<T> exp2(complex<T> z) {
  constexpr T ln2 = T(0.693147180559945309417232121458176568);
  return exp(complex<T>(z.real * ln2, z.imag * ln2));
}
// e^z - 1 = expm1(x) cos(y) - 2 sin(y/2)^2 + i e^x sin(y)
template <class T>
inline complex<T> expm1(complex<T> z) {
  const T half_sine = sycl::sin(z.imag / T(2));
  return {sycl::expm1(z.real) * sycl::cos(z.imag) - T(2) * half_sine * half_sine,
          sycl::exp(z.real) * sycl::sin(z.imag)};
}
template <class T>
inline complex<T> log(complex<T> z) {
  return {sycl::log(abs(z)), arg(z)};
}
template <class T>
inline complex<T> log2(complex<T> z) {
  return log(z) * complex<T>(T(1.44269504088896340735992468100189214));
}
template <class T>
inline complex<T> log10(complex<T> z) {
  return log(z) * complex<T>(T(0.434294481903251827651128918916605082));
}
// log|1+z| = log1p(x (2 + x) + y^2) / 2 keeps the digits of a small z.
template <class T>
inline complex<T> log1p(complex<T> z) {
  const T square = z.real * (T(2) + z.real) + z.imag * z.imag;
  const bool small = sycl::fabs(z.real) < T(0.5) && sycl::fabs(z.imag) < T(0.5);
  const T modulus = small ? sycl::log1p(square) / T(2) : sycl::log(sycl::hypot(T(1) + z.real, z.imag));
  return {modulus, sycl::atan2(z.imag, T(1) + z.real)};
}
template <class T>
inline complex<T> sqrt(complex<T> z) {
  const T modulus = abs(z);
  if (modulus == T(0)) return {T(0), z.imag};
  if (sycl::isinf(z.imag)) return {limits<T>::infinity(), z.imag};
  const T root = sycl::sqrt((modulus + sycl::fabs(z.real)) / T(2));
  if (z.real >= T(0)) return {root, z.imag / (T(2) * root)};
  return {sycl::fabs(z.imag) / (T(2) * root), sycl::copysign(root, z.imag)};
}
// OpenCL's own takes half as long again.
template <class T>
inline T rsqrt(T x) {
  return T(1) / sqrt(x);
}
template <class T>
inline complex<T> sinh(complex<T> z) {
  return {sycl::sinh(z.real) * sycl::cos(z.imag), sycl::cosh(z.real) * sycl::sin(z.imag)};
}
template <class T>
inline complex<T> cosh(complex<T> z) {
  return {sycl::cosh(z.real) * sycl::cos(z.imag), sycl::sinh(z.real) * sycl::sin(z.imag)};
}
// tanh(x + iy) = (sinh x cosh x + i sin y cos y) / (sinh^2 x + cos^2 y): near a pole no term cancels another.
// For a large x, where it would overflow, tanh is ±1.
template <class T>
inline complex<T> tanh(complex<T> z) {
  if (sycl::fabs(z.real) > T(20)) {
    const T decay = T(4) * sycl::exp(T(-2) * sycl::fabs(z.real));
    return {sycl::copysign(T(1), z.real), decay * sycl::sin(z.imag) * sycl::cos(z.imag)};
  }
  const T sinh = sycl::sinh(z.real), cos = sycl::cos(z.imag);
  const T denominator = sinh * sinh + cos * cos;
  return {sinh * sycl::cosh(z.real) / denominator, sycl::sin(z.imag) * cos / denominator};
}
template <class T>
inline complex<T> sin(complex<T> z) {
  return over_i(sinh(times_i(z)));
}
template <class T>
inline complex<T> cos(complex<T> z) {
  return cosh(times_i(z));
}
template <class T>
inline complex<T> tan(complex<T> z) {
  return over_i(tanh(times_i(z)));
}
// Inverse functions from square roots of 1 ± z (Kahan, "Branch cuts for complex elementary functions", 1987).
template <class T>
inline complex<T> asin(complex<T> z) {
  const auto plus = sqrt(complex<T>(T(1) + z.real, z.imag));
  const auto minus = sqrt(complex<T>(T(1) - z.real, -z.imag));
  return {sycl::atan2(z.real, plus.real * minus.real - plus.imag * minus.imag),
          sycl::asinh(plus.imag * minus.real - plus.real * minus.imag)};
}
template <class T>
inline complex<T> acos(complex<T> z) {
  const auto plus = sqrt(complex<T>(T(1) + z.real, z.imag));
  const auto minus = sqrt(complex<T>(T(1) - z.real, -z.imag));
  return {T(2) * sycl::atan2(minus.real, plus.real),
          sycl::asinh(plus.real * minus.imag - plus.imag * minus.real)};
}
template <class T>
inline complex<T> asinh(complex<T> z) {
  return over_i(asin(times_i(z)));
}
template <class T>
inline complex<T> acosh(complex<T> z) {
  const auto plus = sqrt(complex<T>(z.real + T(1), z.imag));
  const auto minus = sqrt(complex<T>(z.real - T(1), z.imag));
  return {sycl::asinh(minus.real * plus.real + minus.imag * plus.imag),
          T(2) * sycl::atan2(minus.imag, plus.real)};
}
// atanh z = (log1p(4x / ((1-x)^2 + y^2)) / 4, atan2(2y, (1-x)(1+x) - y^2) / 2); the real part of the positive
// x, because log1p near -1 has no digits.
template <class T>
inline complex<T> atanh(complex<T> z) {
  constexpr T half_pi = T(1.57079632679489661923132169163975144);
  if (sycl::isinf(z.real) || sycl::isinf(z.imag))
    return {sycl::copysign(T(0), z.real), sycl::copysign(half_pi, z.imag)};
  const T x = sycl::fabs(z.real);
  const T distance = (T(1) - x) * (T(1) - x) + z.imag * z.imag;
  return {sycl::copysign(sycl::log1p(T(4) * x / distance) / T(4), z.real),
          sycl::atan2(T(2) * z.imag, (T(1) - x) * (T(1) + x) - z.imag * z.imag) / T(2)};
}
template <class T>
inline complex<T> atan(complex<T> z) {
  return over_i(atanh(times_i(z)));
}

template <class T>
inline T reciprocal(T x) {
  return T(1) / x;
}

// In floating point 1/(1+e^-x) needs no case for the sign: where e^-x overflows the quotient is 0.
template <class T>
inline T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}

template <class T>
inline T pow(T base, T exponent) {
  if constexpr (is_complex_v<T>) {
    using R = real_t<T>;
    if (exponent == T(R(0))) return T(R(1));
    if (base == T(R(0))) {
      return exponent.real > R(0) ? T(R(0)) : T(limits<R>::quiet_nan(), limits<R>::quiet_nan());
    }
    return exp(exponent * log(base));
  } else if constexpr (is_floating_v<T>) {
    return sycl::pow(base, exponent);
  } else {
    // Integers: by squaring; a negative exponent leaves only 1 and -1 different from 0.
    if constexpr (std::is_signed_v<T>) {
      if (exponent < 0) return base == T(1) ? T(1) : base == T(-1) ? T(exponent % 2 ? -1 : 1) : T(0);
    }
    T result = 1;
    while (exponent) {
      if (exponent & 1) result *= base;
      exponent /= 2;
      base *= base;
    }
    return result;
  }
}

// Integer division that cannot trap: x / 0 is 0, and the smallest value by -1 wraps.
template <class T>
inline T safe_divide(T a, T b) {
  if (b == T(0)) return T(0);
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return static_cast<T>(-static_cast<std::make_unsigned_t<T>>(a));
  }
  return static_cast<T>(a / b);
}

// C's remainder: the sign of a.
template <class T>
inline T fmod(T a, T b) {
  if constexpr (is_floating_v<T>) {
    return sycl::fmod(a, b);
  } else {
    if (b == T(0)) return T(0);
    if constexpr (std::is_signed_v<T>) {
      if (b == T(-1)) return T(0);
    }
    return static_cast<T>(a % b);
  }
}

// Python's remainder: the sign of b.
template <class T>
inline T remainder(T a, T b) {
  const T rest = fmod(a, b);
  const bool opposite = rest != T(0) && (b < T(0)) != (rest < T(0));
  return opposite ? static_cast<T>(rest + b) : rest;
}

// Python's floor division, exact where rounding a / b is not.
template <class T>
inline T floor_divide(T a, T b) {
  if constexpr (is_floating_v<T>) {
    if (b == T(0)) return a / b;
    const T rest = sycl::fmod(a, b);
    T quotient = (a - rest) / b;
    if (rest != T(0) && (b < T(0)) != (rest < T(0))) quotient -= T(1);
    if (quotient == T(0)) return sycl::copysign(T(0), a / b);
    const T floored = sycl::floor(quotient);
    return quotient - floored > T(0.5) ? floored + T(1) : floored;
  } else {
    const T quotient = safe_divide(a, b);
    const bool inexact = b != T(0) && fmod(a, b) != T(0);
    return inexact && (a < T(0)) != (b < T(0)) ? static_cast<T>(quotient - 1) : quotient;
  }
}

// The larger; NaN if either is.
template <class T>
inline T maximum(T a, T b) {
  return a > b || is_nan(a) ? a : b;
}
template <class T>
inline T minimum(T a, T b) {
  return a < b || is_nan(a) ? a : b;
}

}  // namespace ipex::kernels::math
