// Functions of the normal distribution and of information theory.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/series.hpp"

namespace ipex::kernels {
namespace gaussian {

// e^(x^2) erfc(x): W. J. Cody, "Rational Chebyshev approximations for the error function" (1969).
template <class T>
inline constexpr T erfcx_middle_numerator[] = {
    2.15311535474403846343e-8, 5.64188496988670089180e-1, 8.88314979438837594118e0,
    6.61191906371416294775e1,  2.98635138197400131132e2,  8.81952221241769090411e2,
    1.71204761263407058314e3,  2.05107837782607146532e3,  1.23033935479799725272e3};
template <class T>
inline constexpr T erfcx_middle_denominator[] = {1.0,
                                                 1.57449261107098347253e1,
                                                 1.17693950891312499305e2,
                                                 5.37181101862009857509e2,
                                                 1.62138957456669018874e3,
                                                 3.29079923573345962678e3,
                                                 4.36261909014324715820e3,
                                                 3.43936767414372163696e3,
                                                 1.23033935480374942043e3};
template <class T>
inline constexpr T erfcx_far_numerator[] = {1.63153871373020978498e-2, 3.05326634961232344035e-1,
                                            3.60344899949804439429e-1, 1.25781726111229246204e-1,
                                            1.60837851487422766278e-2, 6.58749161529837803157e-4};
template <class T>
inline constexpr T erfcx_far_denominator[] = {1.0,
                                              2.56852019228982242072e0,
                                              1.87295284992346047209e0,
                                              5.27905102951428412248e-1,
                                              6.05183413124413191178e-2,
                                              2.33520497626869185443e-3};

template <class T>
inline T erfcx(T x) {
  if (!(sycl::fabs(x) > T(0.46875))) return math::exp(x * x) * math::erfc(x);
  const T y = sycl::fabs(x);
  T value;
  if (y <= T(4)) {
    value = rational(y, erfcx_middle_numerator<T>, erfcx_middle_denominator<T>);
  } else {
    constexpr T sqrt_one_over_pi = T(0.564189583547756286948079451560772586);
    const T square = T(1) / y / y;
    value =
        (sqrt_one_over_pi - square * rational(square, erfcx_far_numerator<T>, erfcx_far_denominator<T>)) / y;
  }
  return x < T(0) ? T(2) * math::exp(x * x) - value : value;
}

// The inverse of the normal distribution: rational approximations of S. L. Moshier's Cephes library (1989).
template <class T>
inline constexpr T quantile_middle_numerator[] = {-59.96335010141079, 98.00107541859997, -56.67628574690703,
                                                  13.931260938727968, -1.2391658386738125};
template <class T>
inline constexpr T quantile_middle_denominator[] = {1.0,
                                                    1.9544885833814176,
                                                    4.676279128988815,
                                                    86.36024213908905,
                                                    -225.46268785411937,
                                                    200.26021238006066,
                                                    -82.03722561683334,
                                                    15.90562251262117,
                                                    -1.1833162112133};
template <class T>
inline constexpr T quantile_tail_numerator[] = {
    4.0554489230596245, 31.525109459989388,  57.16281922464213,    44.08050738932008,     14.684956192885803,
    2.1866330685079025, -0.1402560791713545, -0.03504246268278482, -0.0008574567851546854};
template <class T>
inline constexpr T quantile_tail_denominator[] = {1.0,
                                                  15.779988325646675,
                                                  45.39076351288792,
                                                  41.3172038254672,
                                                  15.04253856929075,
                                                  2.504649462083094,
                                                  -0.14218292285478779,
                                                  -0.03808064076915783,
                                                  -0.0009332594808954574};
template <class T>
inline constexpr T quantile_far_numerator[] = {
    3.2377489177694603,     6.915228890689842,      3.9388102529247444,
    1.3330346081580755,     0.20148538954917908,    0.012371663481782003,
    0.00030158155350823543, 2.6580697468673755e-06, 6.239745391849833e-09};
template <class T>
inline constexpr T quantile_far_denominator[] = {1.0,
                                                 6.02427039364742,
                                                 3.6798356385616087,
                                                 1.3770209948908132,
                                                 0.21623699359449663,
                                                 0.013420400608854318,
                                                 0.00032801446468212774,
                                                 2.8924786474538068e-06,
                                                 6.790194080099813e-09};

template <class T>
inline T quantile(T p) {
  constexpr T tail = T(0.13533528323661269189);  // e^-2
  if (!(p >= T(0) && p <= T(1))) return limits<T>::quiet_nan();
  if (p == T(0)) return -limits<T>::infinity();
  if (p == T(1)) return limits<T>::infinity();
  const bool is_upper = p > T(1) - tail;
  const T y = is_upper ? T(1) - p : p;
  if (y > tail) {
    constexpr T sqrt_two_pi = T(2.50662827463100050242);
    const T centred = y - T(0.5), square = centred * centred;
    const T ratio = rational(square, quantile_middle_numerator<T>, quantile_middle_denominator<T>);
    return sqrt_two_pi * (centred + centred * square * ratio);
  }
  const T x = math::sqrt(T(-2) * math::log(y)), z = T(1) / x;
  const T ratio = x < T(8) ? rational(z, quantile_tail_numerator<T>, quantile_tail_denominator<T>)
                           : rational(z, quantile_far_numerator<T>, quantile_far_denominator<T>);
  const T value = x - math::log(x) / x - z * ratio;
  return is_upper ? value : -value;
}

}  // namespace gaussian

namespace op {

template <class T>
struct erfcx {
  T operator()(T x) const { return gaussian::erfcx(x); }
};

template <class T>
struct ndtri {
  T operator()(T p) const { return gaussian::quantile(p); }
};

// The logarithm of the normal distribution; far left of 0 the distribution itself would vanish.
template <class T>
struct log_ndtr {
  T operator()(T x) const {
    const T scaled = x * T(0.707106781186547524400844362104849039);
    if (x < T(-1)) return math::log(gaussian::erfcx(-scaled) / T(2)) - scaled * scaled;
    return math::log1p(-math::erfc(scaled) / T(2));
  }
};

template <class T>
struct entr {
  T operator()(T x) const {
    if (is_nan(x)) return x;
    return x > T(0) ? -x * math::log(x) : x == T(0) ? T(0) : -limits<T>::infinity();
  }
};

}  // namespace op
}  // namespace ipex::kernels
