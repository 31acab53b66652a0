// Orthogonal polynomials of any degree, by their recurrences of three terms (DLMF 18.9).
#pragma once

#include "kernels/core/math.hpp"

namespace ipex::kernels {
namespace orthogonal {

// The degree that a floating operand means: its integer part; nothing is of negative or no degree.
template <class T>
inline int64_t degree(T n) {
  return n > T(-1) && n < T(9e18) ? static_cast<int64_t>(n) : -1;
}

// The polynomial of degree n, from those of degree 0 and 1 and next(k, p_k, p_k-1). A result that is no
// number stays so.
template <class T, class Next>
inline T recur(int64_t n, T zeroth, T first, Next next) {
  if (n < 0) return T(0);
  if (n == 0) return zeroth;
  T before = zeroth, value = first;
  for (int64_t k = 1; k < n && !is_nan(value); ++k) {
    const T following = next(T(k), value, before);
    before = value;
    value = following;
  }
  return value;
}

// The four kinds differ by the polynomial of degree 1, and by their trigonometric form inside (-1, 1), which
// is exact enough and as fast for any degree. At 1 and -1 they are integers.
enum class Kind { first, second, third, fourth };

template <Kind kind, class T>
inline T chebyshev(T x, int64_t n) {
  const T degree = static_cast<T>(n), twice = T(2) * x;
  if (n > 8 && sycl::fabs(x) <= T(1)) {
    constexpr bool grows_right = kind == Kind::second || kind == Kind::fourth;
    constexpr bool grows_left = kind == Kind::second || kind == Kind::third;
    const T growth = kind == Kind::second ? degree + T(1) : T(2) * degree + T(1);
    const T parity = n % 2 == 0 ? T(1) : T(-1);
    if (x == T(1)) return grows_right ? growth : T(1);
    if (x == T(-1)) return parity * (grows_left ? growth : T(1));
    const T angle = math::acos(x), half = angle / T(2);
    if constexpr (kind == Kind::first) return math::cos(degree * angle);
    if constexpr (kind == Kind::second) return math::sin((degree + T(1)) * angle) / math::sin(angle);
    if constexpr (kind == Kind::third) return math::cos((degree + T(0.5)) * angle) / math::cos(half);
    return math::sin((degree + T(0.5)) * angle) / math::sin(half);
  }
  const T first = kind == Kind::first    ? x
                  : kind == Kind::second ? twice
                  : kind == Kind::third  ? twice - T(1)
                                         : twice + T(1);
  return recur(n, T(1), first, [=](T, T value, T before) { return twice * value - before; });
}

// Hermite polynomials overflow beyond these degrees.
template <class T>
inline constexpr int64_t hermite_limit = sizeof(T) == 4 ? 128 : 512;

}  // namespace orthogonal

namespace op {

#define IPEX_CHEBYSHEV_FUNCTOR(name, kind)                                          \
  template <class T>                                                                \
  struct chebyshev_##name {                                                         \
    T operator()(T x, T n) const {                                                  \
      using namespace orthogonal;                                                   \
      return chebyshev<Kind::kind>(x, degree(n));                                   \
    }                                                                               \
  };                                                                                \
  template <class T>                                                                \
  struct shifted_chebyshev_##name {                                                 \
    T operator()(T x, T n) const { return chebyshev_##name<T>{}(x + x - T(1), n); } \
  };
IPEX_CHEBYSHEV_FUNCTOR(t, first)
IPEX_CHEBYSHEV_FUNCTOR(u, second)
IPEX_CHEBYSHEV_FUNCTOR(v, third)
IPEX_CHEBYSHEV_FUNCTOR(w, fourth)
#undef IPEX_CHEBYSHEV_FUNCTOR

// The physicists' Hermite polynomials.
template <class T>
struct hermite_h {
  T operator()(T x, T n) const {
    const int64_t degree = orthogonal::degree(n);
    if (degree > orthogonal::hermite_limit<T>) return limits<T>::quiet_nan();
    return orthogonal::recur(degree, T(1), x + x,
                             [=](T k, T value, T before) { return (x + x) * value - (k + k) * before; });
  }
};

// The statisticians' ones.
template <class T>
struct hermite_he {
  T operator()(T x, T n) const {
    const int64_t degree = orthogonal::degree(n);
    if (degree > orthogonal::hermite_limit<T>) return limits<T>::quiet_nan();
    return orthogonal::recur(degree, T(1), x, [=](T k, T value, T before) { return x * value - k * before; });
  }
};

template <class T>
struct laguerre {
  T operator()(T x, T n) const {
    const int64_t degree = orthogonal::degree(n);
    if (x == T(0)) return degree < 0 ? T(0) : T(1);
    return orthogonal::recur(degree, T(1), T(1) - x, [=](T k, T value, T before) {
      return ((k + k + (T(1) - x)) * value - k * before) / (k + T(1));
    });
  }
};

template <class T>
struct legendre {
  T operator()(T x, T n) const {
    const int64_t degree = orthogonal::degree(n);
    if (sycl::fabs(x) == T(1)) return degree < 0 ? T(0) : x > T(0) || degree % 2 == 0 ? T(1) : T(-1);
    return orthogonal::recur(degree, T(1), x, [=](T k, T value, T before) {
      return ((k + k + T(1)) * x * value - k * before) / (k + T(1));
    });
  }
};

}  // namespace op
}  // namespace ipex::kernels
