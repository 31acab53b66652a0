// Functors of three operands. T is the type of the computation: never half or bfloat16.
#pragma once

#include "kernels/core/fault.hpp"
#include "kernels/core/math.hpp"

namespace ipex::kernels::op {

template <class T>
struct where {
  static constexpr bool exact = true;
  T operator()(bool condition, T a, T b) const { return condition ? a : b; }
};

template <class T>
struct masked_fill {
  T value;
  T operator()(bool mask, T x) const { return mask ? value : x; }
};

template <class T>
struct addcmul {
  static constexpr bool arithmetic = true;
  T value;
  T operator()(T x, T a, T b) const { return x + value * a * b; }
};

template <class T>
struct addcdiv {
  static constexpr bool arithmetic = true;
  T value;
  T operator()(T x, T a, T b) const { return x + value * (a / b); }
};

// From whichever end is nearer, so that weight 1 gives `end` exactly.
template <class T>
struct lerp {
  static constexpr bool arithmetic = true;
  T operator()(T start, T end, T weight) const {
    bool near_start;
    if constexpr (is_complex_v<T>) {
      near_start = weight.real * weight.real + weight.imag * weight.imag < real_t<T>(0.25);
    } else {
      near_start = sycl::fabs(weight) < T(0.5);
    }
    return near_start ? start + weight * (end - start) : end - (end - start) * (T(1) - weight);
  }
};

template <class T>
struct lerp_scalar {
  static constexpr bool arithmetic = true;
  T weight;
  T operator()(T start, T end) const { return lerp<T>{}(start, end, weight); }
};

// Bounds of which either may be above the other: the high one wins. NaN anywhere gives NaN.
template <class T>
struct clamp_tensor {
  T operator()(T x, T low, T high) const { return math::minimum(math::maximum(x, low), high); }
};

template <class T>
struct prelu_backward_input {
  T operator()(T x, T weight, T gradient) const { return x > T(0) ? gradient : weight * gradient; }
};

template <class T>
struct smooth_l1_backward {
  T norm, beta;
  T operator()(T a, T b, T gradient) const {
    const T difference = a - b;
    if (difference <= -beta) return -norm * gradient;
    if (difference >= beta) return norm * gradient;
    return norm * difference * gradient / beta;
  }
};

template <class T>
struct huber_backward {
  T norm, delta;
  T operator()(T a, T b, T gradient) const {
    const T difference = a - b;
    if (difference <= -delta) return -norm * gradient * delta;
    if (difference >= delta) return norm * gradient * delta;
    return norm * difference * gradient;
  }
};

template <class T>
struct mse_loss_backward {
  T norm;
  T operator()(T a, T b, T gradient) const { return norm * (a - b) * gradient; }
};

// A logarithm below -100 counts as -100, which keeps the loss and its gradient finite.
template <class T>
struct binary_cross_entropy {
  Fault fault;
  T operator()(T probability, T target) const {
    if (!(probability >= T(0) && probability <= T(1) && target >= T(0) && target <= T(1))) fault.raise();
    const T log_one = math::maximum(math::log(probability), T(-100));
    const T log_zero = math::maximum(math::log1p(-probability), T(-100));
    return (target - T(1)) * log_zero - target * log_one;
  }
};

template <class T>
struct binary_cross_entropy_backward {
  T operator()(T gradient, T probability, T target) const {
    const T variance = math::maximum((T(1) - probability) * probability, T(1e-12));
    return gradient * (probability - target) / variance;
  }
};

}  // namespace ipex::kernels::op
