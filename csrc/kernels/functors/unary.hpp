// Functors of one operand. T is the type of the computation: never half or bfloat16.
#pragma once

#include "kernels/core/math.hpp"

namespace ipex::kernels::op {

#define IPEX_MATH_FUNCTOR(name)                       \
  template <class T>                                  \
  struct name {                                       \
    T operator()(T x) const { return math::name(x); } \
  };
IPEX_MATH_FUNCTOR(acos)
IPEX_MATH_FUNCTOR(acosh)
IPEX_MATH_FUNCTOR(asin)
IPEX_MATH_FUNCTOR(asinh)
IPEX_MATH_FUNCTOR(atan)
IPEX_MATH_FUNCTOR(atanh)
IPEX_MATH_FUNCTOR(cos)
IPEX_MATH_FUNCTOR(cosh)
IPEX_MATH_FUNCTOR(erf)
IPEX_MATH_FUNCTOR(erfc)
IPEX_MATH_FUNCTOR(exp)
IPEX_MATH_FUNCTOR(exp2)
IPEX_MATH_FUNCTOR(expm1)
IPEX_MATH_FUNCTOR(log)
IPEX_MATH_FUNCTOR(log10)
IPEX_MATH_FUNCTOR(log1p)
IPEX_MATH_FUNCTOR(log2)
IPEX_MATH_FUNCTOR(reciprocal)
IPEX_MATH_FUNCTOR(rsqrt)
IPEX_MATH_FUNCTOR(sigmoid)
IPEX_MATH_FUNCTOR(sin)
IPEX_MATH_FUNCTOR(sinh)
IPEX_MATH_FUNCTOR(sqrt)
IPEX_MATH_FUNCTOR(tan)
IPEX_MATH_FUNCTOR(tanh)
#undef IPEX_MATH_FUNCTOR

// Rounding leaves integers as they are.
#define IPEX_ROUNDING_FUNCTOR(name, function) \
  template <class T>                          \
  struct name {                               \
    T operator()(T x) const {                 \
      if constexpr (is_floating_v<T>) {       \
        return math::function(x);             \
      } else {                                \
        return x;                             \
      }                                       \
    }                                         \
  };
IPEX_ROUNDING_FUNCTOR(ceil, ceil)
IPEX_ROUNDING_FUNCTOR(floor, floor)
IPEX_ROUNDING_FUNCTOR(round, rint)
IPEX_ROUNDING_FUNCTOR(trunc, trunc)
#undef IPEX_ROUNDING_FUNCTOR

// For copies: gives what it gets, whatever its type.
template <class T>
struct identity {
  template <class X>
  X operator()(X x) const {
    return x;
  }
};

template <class T>
struct abs {
  static constexpr bool exact = true;
  real_t<T> operator()(T x) const {
    if constexpr (is_complex_v<T>) {
      return math::abs(x);
    } else if constexpr (is_floating_v<T>) {
      return sycl::fabs(x);
    } else {
      return x < T(0) ? static_cast<T>(-x) : x;
    }
  }
};

template <class T>
struct angle {
  real_t<T> operator()(T x) const {
    if constexpr (is_complex_v<T>) {
      return math::arg(x);
    } else {
      return is_nan(x) ? x : x < T(0) ? T(3.14159265358979323846264338327950288) : T(0);
    }
  }
};

template <class T>
struct neg {
  static constexpr bool exact = true;
  T operator()(T x) const { return -x; }
};

template <class T>
struct conj {
  T operator()(T x) const {
    if constexpr (is_complex_v<T>) {
      return {x.real, -x.imag};
    } else {
      return x;
    }
  }
};

template <class T>
struct square {
  static constexpr bool arithmetic = true;
  T operator()(T x) const { return x * x; }
};

template <class T>
struct cube {
  T operator()(T x) const { return x * x * x; }
};

template <class T>
struct reciprocal_square {
  T operator()(T x) const { return math::reciprocal(x * x); }
};

template <class T>
struct frac {
  T operator()(T x) const { return x - math::trunc(x); }
};

template <class T>
struct round_decimals {
  T scale;     // 10^|decimals|
  T negative;  // 1 where decimals < 0
  T operator()(T x) const {
    return negative != T(0) ? math::rint(x / scale) * scale : math::rint(x * scale) / scale;
  }
};

template <class T>
struct sign {
  T operator()(T x) const {
    if constexpr (is_floating_v<T>) {
      return T((x > T(0)) - (x < T(0)));
    } else {
      return static_cast<T>((x > T(0)) - (x < T(0)));
    }
  }
};

// The sign of a real number, z / |z| of a complex one.
template <class T>
struct sgn {
  T operator()(T x) const {
    if constexpr (is_complex_v<T>) {
      const auto modulus = math::abs(x);
      return modulus == 0 ? T(0) : T(x.real / modulus, x.imag / modulus);
    } else {
      return sign<T>{}(x);
    }
  }
};

template <class T>
struct signbit {
  bool operator()(T x) const {
    if constexpr (is_floating_v<T>) {
      return sycl::signbit(x);
    } else {
      return x < T(0);
    }
  }
};

template <class T>
struct bitwise_not {
  T operator()(T x) const {
    if constexpr (std::is_same_v<T, bool>) {
      return !x;
    } else {
      return ~x;
    }
  }
};

template <class T>
struct logical_not {
  bool operator()(T x) const { return !cast<bool>(x); }
};

template <class T>
struct sinc {
  T operator()(T x) const {
    constexpr auto pi = real_t<T>(3.14159265358979323846264338327950288);
    return x == T(0) ? T(1) : math::sin(x * T(pi)) / (x * T(pi));
  }
};

template <class T>
struct lgamma {
  T operator()(T x) const { return sycl::lgamma(x); }
};

template <class T>
struct isposinf {
  bool operator()(T x) const { return x == limits<T>::infinity(); }
};

template <class T>
struct isneginf {
  bool operator()(T x) const { return x == -limits<T>::infinity(); }
};

template <class T>
struct nan_to_num {
  T nan, positive_infinity, negative_infinity;
  T operator()(T x) const {
    if constexpr (is_complex_v<T>) {
      const nan_to_num<real_t<T>> part{nan.real, positive_infinity.real, negative_infinity.real};
      return {part(x.real), part(x.imag)};
    } else {
      if (is_nan(x)) return nan;
      return x == limits<T>::infinity()    ? positive_infinity
             : x == -limits<T>::infinity() ? negative_infinity
                                           : x;
    }
  }
};

// Clamps propagate NaN; a high bound below the low one wins. These bounds are no NaN.
template <class T>
struct clamp {
  T low, high;
  T operator()(T x) const {
    const T raised = x < low ? low : x;
    return raised > high ? high : raised;
  }
};
template <class T>
struct clamp_min {
  T low;
  T operator()(T x) const { return math::maximum(x, low); }
};
template <class T>
struct clamp_max {
  T high;
  T operator()(T x) const { return math::minimum(x, high); }
};

template <class T>
struct pow_scalar {
  T exponent;
  T operator()(T x) const { return math::pow(x, exponent); }
};

// Inverse of the error function: Giles, "Approximating the erfinv function" (2010), then Newton steps. His
// polynomials reach as far as float does; behind them erfc(y) = e^(-y^2) / (y sqrt(pi)) gives the first
// guess.
template <class T>
struct erfinv {
  T operator()(T x) const {
    const T magnitude = sycl::fabs(x);
    if (!(magnitude <= T(1))) return limits<T>::quiet_nan();
    if (magnitude == T(1)) return sycl::copysign(limits<T>::infinity(), x);
    T w = -sycl::log((T(1) - x) * (T(1) + x));
    T p;
    if (w < T(5)) {
      w -= T(2.5);
      p = T(2.81022636e-08);
      p = T(3.43273939e-07) + p * w;
      p = T(-3.5233877e-06) + p * w;
      p = T(-4.39150654e-06) + p * w;
      p = T(0.00021858087) + p * w;
      p = T(-0.00125372503) + p * w;
      p = T(-0.00417768164) + p * w;
      p = T(0.246640727) + p * w;
      p = T(1.50140941) + p * w;
    } else {
      w = sycl::sqrt(w) - T(3);
      p = T(-0.000200214257);
      p = T(0.000100950558) + p * w;
      p = T(0.00134934322) + p * w;
      p = T(-0.00367342844) + p * w;
      p = T(0.00573950773) + p * w;
      p = T(-0.0076224613) + p * w;
      p = T(0.00943887047) + p * w;
      p = T(1.00167406) + p * w;
      p = T(2.83297682) + p * w;
    }
    T y = p * x;
    constexpr T two_over_sqrt_pi = T(1.12837916709551257389615890312154517);
    if constexpr (std::is_same_v<T, double>) {
      if (magnitude > 1 - 1e-6) {
        const T square = -sycl::log((T(1) - magnitude) * (T(2) / two_over_sqrt_pi));
        y = sycl::copysign(sycl::sqrt(square - T(0.5) * sycl::log(square)), x);
      }
    }
    constexpr int steps = std::is_same_v<T, double> ? 4 : 2;
    for (int step = 0; step < steps; ++step) {
      const T tail = (T(1) - magnitude) - sycl::erfc(sycl::fabs(y));
      const T error = magnitude < T(0.5) ? math::erf(y) - x : x < T(0) ? -tail : tail;
      y -= error / (two_over_sqrt_pi * sycl::exp(-y * y));
    }
    return y;
  }
};

}  // namespace ipex::kernels::op
