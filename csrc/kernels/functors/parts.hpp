// Functors that take numbers apart, and the gradient of gating.
#pragma once

#include "kernels/core/math.hpp"

namespace ipex::kernels::op {

// x = mantissa * 2^exponent with 0.5 <= |mantissa| < 1; what has no such form has exponent 0.
template <class T>
struct exponent {
  int32_t operator()(T x) const { return x == T(0) || !sycl::isfinite(x) ? 0 : sycl::ilogb(x) + 1; }
};

template <class T>
struct mantissa {
  T operator()(T x) const { return sycl::isfinite(x) ? sycl::ldexp(x, -exponent<T>{}(x)) : x; }
};

// Of glu's second half, the gate: d/db a sigmoid(b).
template <class T>
struct glu_backward_gate {
  T operator()(T gradient, T a, T b) const {
    const T gate = math::sigmoid(b);
    return gradient * a * gate * (T(1) - gate);
  }
};

template <class T>
struct glu_backward_input {
  T operator()(T gradient, T b) const { return gradient * math::sigmoid(b); }
};

}  // namespace ipex::kernels::op
