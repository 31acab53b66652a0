// Sums of polynomials with coefficients from a table, highest degree first. Unrolled: the coefficients become
// part of the code.
#pragma once

#include "kernels/core/types.hpp"

namespace ipex::kernels {

template <class T, int Count>
inline T polynomial(T x, const T (&coefficients)[Count]) {
  T sum = coefficients[0];
#pragma unroll
  for (int k = 1; k < Count; ++k) sum = sum * x + coefficients[k];
  return sum;
}

// A quotient of two.
template <class T, int Above, int Below>
inline T rational(T x, const T (&numerator)[Above], const T (&denominator)[Below]) {
  return polynomial(x, numerator) / polynomial(x, denominator);
}

// Chebyshev polynomials of x / 2, the constant counted half (Clenshaw, "A note on the summation of Chebyshev
// series", 1955).
template <class T, int Count>
inline T chebyshev_series(T x, const T (&coefficients)[Count]) {
  T sum = coefficients[0], previous = T(0), before = T(0);
#pragma unroll
  for (int k = 1; k < Count; ++k) {
    before = previous;
    previous = sum;
    sum = x * previous - before + coefficients[k];
  }
  return (sum - before) / T(2);
}

}  // namespace ipex::kernels
