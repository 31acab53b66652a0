// Functors of two operands. T is the type of the computation: never half or bfloat16.
#pragma once

#include "kernels/core/math.hpp"

namespace ipex::kernels::op {

template <class T>
struct add {
  static constexpr bool arithmetic = true;
  T alpha;
  T operator()(T a, T b) const { return a + alpha * b; }
};

template <class T>
struct sub {
  static constexpr bool arithmetic = true;
  T alpha;
  T operator()(T a, T b) const { return a - alpha * b; }
};

template <class T>
struct mul {
  static constexpr bool arithmetic = true;
  T operator()(T a, T b) const { return a * b; }
};

template <class T>
struct div {
  static constexpr bool arithmetic = true;
  T operator()(T a, T b) const { return a / b; }
};

template <class T>
struct floor_divide {
  T operator()(T a, T b) const { return math::floor_divide(a, b); }
};

template <class T>
struct trunc_divide {
  T operator()(T a, T b) const {
    if constexpr (is_floating_v<T>) {
      return math::trunc(a / b);
    } else {
      return math::safe_divide(a, b);
    }
  }
};

template <class T>
struct fmod {
  T operator()(T a, T b) const { return math::fmod(a, b); }
};

template <class T>
struct remainder {
  T operator()(T a, T b) const { return math::remainder(a, b); }
};

template <class T>
struct pow {
  T operator()(T a, T b) const { return math::pow(a, b); }
};

template <class T>
struct maximum {
  static constexpr bool exact = true;
  T operator()(T a, T b) const { return math::maximum(a, b); }
};

template <class T>
struct minimum {
  static constexpr bool exact = true;
  T operator()(T a, T b) const { return math::minimum(a, b); }
};

// The larger; the other one where one is NaN.
template <class T>
struct fmax {
  static constexpr bool exact = true;
  T operator()(T a, T b) const { return is_nan(a) || b > a ? b : a; }
};

template <class T>
struct fmin {
  static constexpr bool exact = true;
  T operator()(T a, T b) const { return is_nan(a) || b < a ? b : a; }
};

template <class T>
struct atan2 {
  T operator()(T a, T b) const { return sycl::atan2(a, b); }
};

template <class T>
struct hypot {
  T operator()(T a, T b) const { return sycl::hypot(a, b); }
};

template <class T>
struct copysign {
  static constexpr bool exact = true;
  T operator()(T a, T b) const { return sycl::copysign(a, b); }
};

template <class T>
struct nextafter {
  T operator()(T a, T b) const { return sycl::nextafter(a, b); }
};

template <class T>
struct xlogy {
  T operator()(T a, T b) const { return is_nan(b) ? b : a == T(0) ? T(0) : a * math::log(b); }
};

template <class T>
struct xlog1py {
  T operator()(T a, T b) const { return is_nan(b) ? b : a == T(0) ? T(0) : a * math::log1p(b); }
};

// log(e^a + e^b), scaled by the larger; equal infinities are their own result.
template <class T>
struct logaddexp {
  T operator()(T a, T b) const {
    if constexpr (is_complex_v<T>) {
      if (is_nan(a) || is_nan(b)) return T(limits<real_t<T>>::quiet_nan(), limits<real_t<T>>::quiet_nan());
      const bool ascending = a.real < b.real;
      const T smaller = ascending ? a : b, larger = ascending ? b : a;
      if (sycl::isinf(smaller.real) && smaller.real == larger.real) return smaller;
      return larger + math::log1p(math::exp(smaller - larger));
    } else {
      if (sycl::isinf(a) && a == b) return a;
      const T larger = math::maximum(a, b);
      return larger + math::log1p(math::exp(-sycl::fabs(a - b)));
    }
  }
};

template <class T>
struct logaddexp2 {
  T operator()(T a, T b) const {
    if (sycl::isinf(a) && a == b) return a;
    constexpr T log2_e = T(1.44269504088896340735992468100189214);
    const T larger = math::maximum(a, b);
    return larger + math::log1p(math::exp2(-sycl::fabs(a - b))) * log2_e;
  }
};

template <class T>
struct heaviside {
  T operator()(T a, T b) const { return a == T(0) ? b : static_cast<T>(a > T(0)); }
};

template <class T>
struct gcd {
  T operator()(T a, T b) const {
    using U = std::make_unsigned_t<T>;
    U x = a < T(0) ? U(0) - static_cast<U>(a) : static_cast<U>(a);
    U y = b < T(0) ? U(0) - static_cast<U>(b) : static_cast<U>(b);
    while (y != 0) {
      const U rest = x % y;
      x = y;
      y = rest;
    }
    return static_cast<T>(x);
  }
};

template <class T>
struct lcm {
  T operator()(T a, T b) const {
    const T divisor = gcd<T>{}(a, b);
    if (divisor == T(0)) return T(0);
    if constexpr (std::is_unsigned_v<T>) {
      return static_cast<T>(uint64_t{a} / divisor * b);
    } else {
      // Narrow integers are multiplied as int, whose sign counts, and wrap afterwards.
      const auto product = a / divisor * b;
      return static_cast<T>(product < 0 ? -product : product);
    }
  }
};

template <class T>
struct bitwise_and {
  T operator()(T a, T b) const { return a & b; }
};

template <class T>
struct bitwise_or {
  T operator()(T a, T b) const { return a | b; }
};

template <class T>
struct bitwise_xor {
  T operator()(T a, T b) const { return a ^ b; }
};

// Shifts by less than 0 or more than the width empty the number, as in NumPy.
template <class T>
struct left_shift {
  T operator()(T a, T b) const {
    using U = std::make_unsigned_t<T>;
    constexpr U width = sizeof(T) * 8;
    return static_cast<U>(b) >= width ? T(0) : static_cast<T>(static_cast<U>(a) << static_cast<U>(b));
  }
};

template <class T>
struct right_shift {
  T operator()(T a, T b) const {
    using U = std::make_unsigned_t<T>;
    constexpr U width = sizeof(T) * 8;
    if (static_cast<U>(b) >= width) return a < T(0) ? T(-1) : T(0);
    return static_cast<T>(a >> static_cast<U>(b));
  }
};

template <class T>
struct logical_and {
  bool operator()(T a, T b) const { return cast<bool>(a) && cast<bool>(b); }
};

template <class T>
struct logical_or {
  bool operator()(T a, T b) const { return cast<bool>(a) || cast<bool>(b); }
};

template <class T>
struct logical_xor {
  bool operator()(T a, T b) const { return cast<bool>(a) != cast<bool>(b); }
};

#define IPEX_COMPARISON_FUNCTOR(name, operation)              \
  template <class T>                                          \
  struct name {                                               \
    bool operator()(T a, T b) const { return a operation b; } \
  };
IPEX_COMPARISON_FUNCTOR(eq, ==)
IPEX_COMPARISON_FUNCTOR(ne, !=)
IPEX_COMPARISON_FUNCTOR(lt, <)
IPEX_COMPARISON_FUNCTOR(le, <=)
IPEX_COMPARISON_FUNCTOR(gt, >)
IPEX_COMPARISON_FUNCTOR(ge, >=)
#undef IPEX_COMPARISON_FUNCTOR

template <class T>
struct squared_difference {
  T operator()(T a, T b) const { return (a - b) * (a - b); }
};

template <class T>
struct smooth_l1 {
  T beta;
  T operator()(T a, T b) const {
    const T distance = sycl::fabs(a - b);
    return distance < beta ? T(0.5) * distance * distance / beta : distance - T(0.5) * beta;
  }
};

template <class T>
struct huber {
  T delta;
  T operator()(T a, T b) const {
    const T distance = sycl::fabs(a - b);
    return distance <= delta ? T(0.5) * distance * distance : delta * (distance - T(0.5) * delta);
  }
};

template <class T>
struct make_polar {
  complex<T> operator()(T magnitude, T angle) const { return math::polar(magnitude, angle); }
};

template <class T>
struct make_complex {
  complex<T> operator()(T real, T imag) const { return {real, imag}; }
};

}  // namespace ipex::kernels::op
