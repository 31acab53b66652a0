// The gamma function's relatives: digamma, polygamma, Hurwitz zeta and the incomplete gamma functions.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/series.hpp"

namespace ipex::kernels {
namespace gamma {

template <class T>
inline constexpr T pi = T(3.14159265358979323846264338327950288);
template <class T>
inline constexpr T precision = limits<T>::epsilon() / T(2);

// Logarithm plus an asymptotic series beyond 10 (Abramowitz and Stegun, 6.3.18), reached by recurrence;
// reflection for negative numbers.
template <class T>
inline T digamma(T x) {
  if (x == T(0)) return sycl::copysign(limits<T>::infinity(), -x);
  T result = T(0);
  if (x < T(0)) {
    if (x == math::trunc(x)) return limits<T>::quiet_nan();
    // The tangent of what is left of an integer: x times pi would lose its digits.
    result = -pi<T> / math::tan(pi<T> * (x - math::rint(x)));
    x = T(1) - x;
  }
  for (int step = 0; step < 10 && x < T(10); ++step) {
    result -= T(1) / x;
    x += T(1);
  }
  constexpr T bernoulli[] = {T(1) / T(12),  T(-691) / T(32760), T(1) / T(132), T(-1) / T(240),
                             T(1) / T(252), T(-1) / T(120),     T(1) / T(12)};
  const T square = T(1) / (x * x);
  return result + math::log(x) - T(0.5) / x - square * polynomial(square, bernoulli);
}

// The same for its derivative (Abramowitz and Stegun, 6.4.12).
template <class T>
inline T trigamma(T x) {
  T result = T(0), sign = T(1);
  if (x < T(0.5)) {
    const T sine = math::sin(pi<T> * (x - math::rint(x)));
    result = -(pi<T> * pi<T>) / (sine * sine);
    sign = T(-1);
    x = T(1) - x;
  }
  for (int step = 0; step < 10 && x < T(10); ++step) {
    result += T(1) / (x * x);
    x += T(1);
  }
  constexpr T bernoulli[] = {T(7) / T(6),  T(-691) / T(2730), T(5) / T(66), T(-1) / T(30),
                             T(1) / T(42), T(-1) / T(30),     T(1) / T(6)};
  const T square = T(1) / (x * x);
  return sign * (result + (T(1) + T(0.5) / x + square * polynomial(square, bernoulli)) / x);
}

// The sum of (q + k)^-s: its first terms, then the formula of Euler and Maclaurin, whose coefficients are
// (2 k)! / B_2k.
template <class T>
inline T zeta(T s, T q) {
  if (s == T(1)) return limits<T>::infinity();
  if (!(s > T(1))) return limits<T>::quiet_nan();
  if (q <= T(0)) {
    if (q == math::floor(q)) return limits<T>::infinity();
    if (s != math::floor(s)) return limits<T>::quiet_nan();
  }
  T sum = math::pow(q, -s), a = q, term = T(0);
  for (int k = 0; k < 9 || a <= T(9); ++k) {
    a += T(1);
    term = math::pow(a, -s);
    // Of infinite terms, whose signs may differ, the one whose argument is nearer to zero is the larger.
    if (sycl::isinf(sum) && sycl::isinf(term)) return a < T(0.5) ? term : sum;
    sum += term;
    // All the rest is about term * a / (s - 1).
    if (a > T(0) && term * sycl::fmax(T(1), a / (s - T(1))) < precision<T> * sycl::fabs(sum)) return sum;
  }
  sum += math::pow(a, T(1) - s) / (s - T(1)) - term / T(2);  // also where the term itself vanishes
  constexpr T coefficients[] = {T(12),
                                T(-720),
                                T(30240),
                                T(-1209600),
                                T(47900160),
                                T(-1.8924375803183791606e9),
                                T(7.47242496e10),
                                T(-2.950130727918164224e12),
                                T(1.1646782814350067249e14),
                                T(-4.5979787224074726105e15),
                                T(1.8152105401943546773e17),
                                T(-7.1661652561756670113e18)};
  T factor = T(1), k = T(0);
#pragma unroll
  for (int i = 0; i < 12; ++i) {
    factor *= s + k;
    term /= a;
    const T change = factor * term / coefficients[i];
    if (is_nan(change)) return sum;  // of a factor that overflowed and a term that vanished
    sum += change;
    if (sycl::fabs(change) < precision<T> * sycl::fabs(sum)) return sum;
    factor *= s + k + T(1);
    term /= a;
    k += T(2);
  }
  return sum;
}

// Lanczos' sum for g = 6.0246..., scaled by e^g, ascending for arguments above 1 (Boost, "lanczos13m53").
template <class T>
inline constexpr T lanczos_numerator[] = {
    56906521.91347156388090791033559122686859,   103794043.1163445451906271053616070238554,
    86363131.28813859145546927288977868422342,   43338889.32467613834773723740590533316085,
    14605578.08768506808414169982791359218571,   3481712.15498064590882071018964774556468,
    601859.6171681098786670226533699352302507,   75999.29304014542649875303443598909137092,
    6955.999602515376140356310115515198987526,   449.9445569063168119446858607650988409623,
    19.51992788247617482847860966235652136208,   0.5098416655656676188125178644804694509993,
    0.006061842346248906525783753964555936883222};
template <class T>
inline constexpr T lanczos_denominator[] = {0.,        39916800., 120543840., 150917976., 105258076.,
                                            45995730., 13339535., 2637558.,   357423.,    32670.,
                                            1925.,     66.,       1.};

template <class T>
inline T lanczos_sum(T x) {
  if (x > T(1)) return rational(T(1) / x, lanczos_numerator<T>, lanczos_denominator<T>);
  T above = T(0), below = T(0);
#pragma unroll
  for (int k = 12; k >= 0; --k) {
    above = above * x + lanczos_numerator<T>[k];
    below = below * x + lanczos_denominator<T>[k];
  }
  return above / below;
}

// x^a e^-x / gamma(a), without large numbers that cancel.
template <class T>
inline T incomplete_factor(T a, T x) {
  constexpr T g = T(6.024680040776729583740234375);
  if (sycl::fabs(a - x) > T(0.4) * a) return math::exp(a * math::log(x) - x - sycl::lgamma(a));
  const T base = a + g - T(0.5);
  const T scale = math::sqrt(base / T(2.71828182845904523536)) / lanczos_sum(a);
  if (a < T(200) && x < T(200)) return scale * math::exp(a - x) * math::pow(x / base, a);
  const T relative = (x - a - g + T(0.5)) / base;
  return scale * math::exp(a * (math::log1p(relative) - relative) + x * (T(0.5) - g) / base);
}

constexpr int most_terms = 2000;

// P(a, x) by its series (DLMF 8.11.4).
template <class T>
inline T lower_series(T a, T x) {
  T r = a, term = T(1), sum = T(1);
  for (int k = 0; k < most_terms && term > precision<T> * sum; ++k) {
    r += T(1);
    term *= x / r;
    sum += term;
  }
  return sum * incomplete_factor(a, x) / a;
}

// Q(a, x) of a small x, where 1 - P would cancel (DLMF 8.7.3).
template <class T>
inline T upper_series(T a, T x) {
  T factor = T(1), sum = T(0);
  for (int n = 1; n < most_terms; ++n) {
    factor *= -x / T(n);
    const T term = factor / (a + T(n));
    sum += term;
    if (sycl::fabs(term) <= precision<T> * sycl::fabs(sum)) break;
  }
  const T log_x = math::log(x);
  return -math::expm1(a * log_x - sycl::lgamma(T(1) + a)) - math::exp(a * log_x - sycl::lgamma(a)) * sum;
}

// Q(a, x) by a continued fraction (DLMF 8.9.2), its numerators and denominators scaled against overflow.
template <class T>
inline T upper_fraction(T a, T x) {
  const T factor = incomplete_factor(a, x);
  if (factor == T(0)) return T(0);  // where the fraction may overflow
  constexpr T large = T(1) / limits<T>::epsilon();
  T y = T(1) - a, z = x + y + T(1);
  T p_before = T(1), q_before = x, p = x + T(1), q = z * x, value = p / q;
  for (int k = 1; k <= most_terms; ++k) {
    y += T(1);
    z += T(2);
    const T p_next = p * z - p_before * y * T(k), q_next = q * z - q_before * y * T(k);
    p_before = p;
    q_before = q;
    p = p_next;
    q = q_next;
    if (q != T(0)) {
      const T next = p / q;
      const bool settled = sycl::fabs(value - next) <= precision<T> * sycl::fabs(next);
      value = next;
      if (settled) break;
    }
    if (sycl::fabs(p) > large) {
      p_before /= large;
      q_before /= large;
      p /= large;
      q /= large;
    }
  }
  return value * factor;
}

// N. M. Temme's uniform expansion for a large a and an x nearby (1979; DLMF 8.12): powers of 1 / a, each a
// series in the distance eta.
template <class T>
inline constexpr T temme[11][16] = {
    {-2.551419399494625e-11, 9.14769958223679e-10, -4.382036018453353e-09, 1.0261809784240309e-08,
     6.707853543401498e-09, -1.7665952736826078e-07, 8.296711340953087e-07, -1.85406221071516e-06,
     -2.1854485106799924e-06, 3.919263178522438e-05, -0.0001787551440329218, 0.0003527336860670194,
     0.0011574074074074073, -0.014814814814814815, 0.08333333333333333, -0.3333333333333333},
    {4.162792991842583e-10, -1.0091543710600413e-09, -1.7543241719747647e-11, 1.1951628599778148e-08,
     -5.752545603517705e-08, 1.378633446915721e-07, 4.647127802807434e-09, -1.6120900894563446e-06,
     7.64916091608111e-06, -1.8098550334489977e-05, -4.018775720164609e-07, 0.00020576131687242798,
     -0.0009902263374485596, 0.0026455026455026454, -0.003472222222222222, -0.001851851851851852},
    {9.428356159014678e-13, -1.3670488396617112e-09, 6.228974084922022e-09, -1.409252991086752e-08,
     -2.0477098421990866e-10, 1.4280614206064242e-07, -6.298992138380055e-07, 1.3721957309062932e-06,
     3.423578734096138e-08, -1.2760635188618728e-05, 5.2923448829120125e-05, -0.00010736653226365161,
     2.0093878600823047e-06, 0.0007716049382716049, -0.0026813271604938273, 0.004133597883597883},
    {-9.460496661855133e-10, 2.0620131815488797e-09, 2.3928620439808118e-12, -1.9111168485973655e-08,
     8.099464905388083e-08, -1.6958404091930278e-07, -2.7861080291528143e-11, 1.4230900732435883e-06,
     -5.6749528269915965e-06, 1.1082654115347302e-05, -2.396505113867297e-07, -7.561801671883977e-05,
     0.00026772063206283885, -0.0004691894943952557, 0.00022947209362139917, 0.0006494341563786008},
    {-2.3024517174528067e-13, 3.4463580499464896e-09, -1.4189739437803219e-08, 2.8865829742708783e-08,
     2.956794137544049e-11, -2.292934834000805e-07, 8.907507532205309e-07, -1.6954149536558305e-06,
     2.507497226237533e-10, 1.1375726970678419e-05, -3.968365047179435e-05, 6.641498215465122e-05,
     -1.4638452578843418e-06, -0.0002990724803031902, 0.0007840392217200666, -0.0008618882909167117},
    {3.162417628774568e-09, -6.306194500013523e-09, -1.7989466721743514e-14, 4.8240967037894184e-08,
     -1.8447187191171344e-07, 3.4652846491085265e-07, -3.252473551298454e-10, -2.291481176508095e-06,
     8.018470256334202e-06, -1.3594048189768693e-05, 1.419062920643967e-07, 6.797780477937208e-05,
     -0.00019932570516188847, 0.0002772753244959392, -6.972813758365858e-05, -0.00033679855336635813},
    {8.649648858010293e-14, -1.2545415020710382e-08, 4.7435958880408125e-08, -8.828600746330484e-08,
     2.338630673826657e-13, 5.788792863149004e-07, -2.0291327396058603e-06, 3.465155368803609e-06,
     -3.0796134506033047e-09, -1.8329116582843375e-05, 5.61168275310625e-05, -8.153969367561969e-05,
     7.902353232660328e-07, 0.0002708782096718045, -0.0005921664373536939, 0.0005313079364639922},
    {-1.4578352908731272e-08, 2.695423606288966e-08, -1.297447328701544e-12, -1.7562973359060463e-07,
     6.166714376110408e-07, -1.0595367014026043e-06, 4.93875893393627e-10, 5.7876949497350525e-06,
     -1.8263488805711332e-05, 2.7744451511563645e-05, -1.2741009095484485e-07, -0.00010976582244684731,
     0.0002812695154763237, -0.00033493161081142234, 5.171790908260592e-05, 0.00034436760689237765},
    {6.597703826733e-16, 6.220228804018927e-08, -2.1867506700122867e-07, 3.773587741611098e-07,
     -1.7213731432817144e-11, -2.1075476666258803e-06, 6.783342904865167e-06, -1.0595271125805195e-05,
     4.557909867922708e-09, 4.629953263691304e-05, -0.00012783517679769218, 0.00016644846642067547,
     -6.969091458420552e-07, -0.000438297098541721, 0.0008394987206720873, -0.0006526239185953094},
    {8.862466778790695e-08, -1.534469519070206e-07, 3.6886101871706966e-12, 8.708234177864641e-07,
     -2.8427815022504407e-06, 4.5284535953805374e-06, -8.858589014125599e-10, -2.1073920183404862e-05,
     6.105192082501531e-05, -8.479507117068503e-05, 1.819700838046515e-07, 0.00027750107634328704,
     -0.0006401475260262758, 0.0006782308837667328, -7.204895416020011e-05, -0.0005967612901927463},
    {-1.756787766632329e-13, -4.029569309210103e-07, 1.329369701097492e-06, -2.148256587345626e-06,
     4.8435226265680926e-11, 1.044986828530338e-05, -3.127053674781734e-05, 4.5284402370562144e-05,
     -8.1301893922785e-09, -0.000168588537679108, 0.00042735056665392886, -0.0005087450129309319,
     9.9324041226423e-07, 0.0011089369134596636, -0.0019144384985654776, 0.0013324454494800656}};

template <class T>
inline T uniform_expansion(T a, T x, T sign) {
  const T sigma = (x - a) / a;
  const T squared = T(-2) * (math::log1p(sigma) - sigma);
  const T eta = sycl::copysign(math::sqrt(sycl::fmax(squared, T(0))), sigma);
  T sum = T(0);
#pragma unroll
  for (int k = 10; k >= 0; --k) sum = sum / a + polynomial(eta, temme<T>[k]);
  return T(0.5) * math::erfc(sign * eta * math::sqrt(a / T(2))) +
         sign * math::exp(T(-0.5) * a * eta * eta) * sum / math::sqrt(T(2) * pi<T> * a);
}

// P(a, x), or Q(a, x) = 1 - P: whichever is small is computed, so that both keep their digits.
template <class T>
inline T incomplete(T a, T x, bool upper) {
  if (!(x >= T(0) && a >= T(0)) || (a == T(0) && x == T(0)) || (sycl::isinf(a) && sycl::isinf(x))) {
    return limits<T>::quiet_nan();
  }
  if (x == T(0) || sycl::isinf(a)) return upper ? T(1) : T(0);
  if (a == T(0) || sycl::isinf(x)) return upper ? T(0) : T(1);
  if (!upper && a < limits<T>::smallest_normal()) return T(1);  // the series would lose digits
  const T distance = sycl::fabs(x - a) / a;
  if ((a > T(20) && a < T(200) && distance < T(0.3)) || (a >= T(200) && distance < T(4.5) / math::sqrt(a))) {
    return uniform_expansion(a, x, upper ? T(1) : T(-1));
  }
  const bool lower_is_small = x > T(1.1) ? x < a : x <= T(0.5) ? T(-0.4) / math::log(x) < a : x * T(1.1) < a;
  if (lower_is_small) {
    const T lower = lower_series(a, x);
    return upper ? T(1) - lower : lower;
  }
  if (!upper && !(x > T(1) && x > a)) return lower_series(a, x);
  const T value = x > T(1.1) ? upper_fraction(a, x) : upper_series(a, x);
  return upper ? value : T(1) - value;
}

}  // namespace gamma

namespace op {

template <class T>
struct digamma {
  T operator()(T x) const { return gamma::digamma(x); }
};

template <class T>
struct polygamma {
  T n;
  T operator()(T x) const {
    if (n == T(0)) return gamma::digamma(x);
    if (n == T(1)) return gamma::trigamma(x);
    const T sign = math::fmod(n, T(2)) == T(0) ? T(-1) : T(1);
    return sign * math::exp(sycl::lgamma(n + T(1))) * gamma::zeta(n + T(1), x);
  }
};

template <class T>
struct zeta {
  T operator()(T s, T q) const { return gamma::zeta(s, q); }
};

template <class T>
struct igamma {
  T operator()(T a, T x) const { return gamma::incomplete(a, x, false); }
};

template <class T>
struct igammac {
  T operator()(T a, T x) const { return gamma::incomplete(a, x, true); }
};

}  // namespace op
}  // namespace ipex::kernels
