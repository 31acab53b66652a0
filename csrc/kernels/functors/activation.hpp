// Activations and their derivatives. Backward functors take the gradient of the output first.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/series.hpp"

namespace ipex::kernels::op {

// The second operand where the first is above the threshold: the input itself forward, the gradient backward.
template <class T>
struct threshold {
  T bound, value;
  T operator()(T x, T above) const { return x <= bound ? value : above; }
};

template <class T>
struct sigmoid_backward {
  static constexpr bool arithmetic = true;
  T operator()(T gradient, T y) const {
    if constexpr (is_complex_v<T>) {
      const T slope = (T(1) - y) * y;
      return gradient * T(slope.real, -slope.imag);
    } else {
      return gradient * (T(1) - y) * y;
    }
  }
};

template <class T>
struct tanh_backward {
  static constexpr bool arithmetic = true;
  T operator()(T gradient, T y) const {
    if constexpr (is_complex_v<T>) {
      const T slope = T(1) - y * y;
      return gradient * T(slope.real, -slope.imag);
    } else {
      return gradient * (T(1) - y * y);
    }
  }
};

// The error function within 4e-7, without the branches of the accurate one: x P(x^2) / Q(x^2), whose
// coefficients minimise the relative error for |x| < 4.
inline float rational_erf(float x) {
  constexpr float numerator[] = {1.9867950413754443e-06f, 0.00028456575819291174f, 0.0038833122234791517f,
                                 0.05310164391994476f,    0.19354423880577087f,    1.1283791065216064f};
  constexpr float denominator[] = {3.742030094144866e-05f, 0.0011855646735057235f, 0.015207185409963131f,
                                   0.1153496652841568f,    0.5048566460609436f,    1.0f};
  const float bounded = sycl::clamp(x, -4.0f, 4.0f);
  return sycl::clamp(bounded * rational(bounded * bounded, numerator, denominator), -1.0f, 1.0f);
}
inline double rational_erf(double x) { return math::erf(x); }

// x Φ(x), Φ the normal distribution function.
template <class T>
struct gelu {
  static constexpr T inverse_sqrt2 = T(0.707106781186547524400844362104849039);
  // Of the standard normal distribution.
  static T distribution(T x) { return T(0.5) * (T(1) + rational_erf(x * inverse_sqrt2)); }
  T operator()(T x) const { return x * distribution(x); }
};

template <class T>
struct gelu_backward {
  static constexpr T inverse_sqrt_2pi = T(0.398942280401432677939946059934381868);
  T operator()(T gradient, T x) const {
    const T density = math::exp(T(-0.5) * x * x) * inverse_sqrt_2pi;
    return gradient * (gelu<T>::distribution(x) + x * density);
  }
};

// Hendrycks and Gimpel, "Gaussian error linear units" (2016), the approximation by tanh.
template <class T>
struct gelu_tanh {
  static constexpr T sqrt_2_over_pi = T(0.797884560802865355879892119868763737);
  static constexpr T cubic = T(0.044715);
  T operator()(T x) const {
    return T(0.5) * x * (T(1) + math::tanh(sqrt_2_over_pi * (x + cubic * x * x * x)));
  }
};

template <class T>
struct gelu_tanh_backward {
  T operator()(T gradient, T x) const {
    constexpr T factor = gelu_tanh<T>::sqrt_2_over_pi;
    constexpr T cubic = gelu_tanh<T>::cubic;
    const T y = math::tanh(factor * (x + cubic * x * x * x));
    const T slope = (T(1) - y * y) * factor * (T(1) + T(3) * cubic * x * x);
    return gradient * T(0.5) * (T(1) + y + x * slope);
  }
};

template <class T>
struct silu {
  T operator()(T x) const { return x * math::sigmoid(x); }
};

template <class T>
struct silu_backward {
  T operator()(T gradient, T x) const {
    const T y = math::sigmoid(x);
    return gradient * y * (T(1) + x * (T(1) - y));
  }
};

// x tanh(log(1 + e^x))
template <class T>
struct mish {
  T operator()(T x) const { return x * math::tanh(math::log1p(math::exp(x))); }
};

template <class T>
struct mish_backward {
  T operator()(T gradient, T x) const {
    const T y = math::sigmoid(x);
    const T inner = math::tanh(math::log1p(math::exp(x)));
    return gradient * (inner + x * y * (T(1) - inner * inner));
  }
};

template <class T>
struct elu {
  T alpha, scale, input_scale;
  T operator()(T x) const { return x > T(0) ? x * scale : math::expm1(x * input_scale) * alpha * scale; }
};

template <class T>
struct elu_backward {
  T alpha, scale, input_scale, is_result;
  T operator()(T gradient, T x) const {
    if (x > T(0)) return gradient * scale;
    if (is_result != T(0)) return gradient * input_scale * (x + alpha * scale);
    return gradient * input_scale * alpha * scale * math::exp(x * input_scale);
  }
};

template <class T>
struct leaky_relu {
  static constexpr bool arithmetic = true;
  T slope;
  T operator()(T x) const { return x > T(0) ? x : x * slope; }
};

template <class T>
struct leaky_relu_backward {
  static constexpr bool arithmetic = true;
  T slope;
  // The input first: the iterator of this operator is the other way round.
  T operator()(T x, T gradient) const { return x > T(0) ? gradient : gradient * slope; }
};

template <class T>
struct hardtanh_backward {
  T low, high;
  T operator()(T gradient, T x) const { return x <= low || x >= high ? T(0) : gradient; }
};

template <class T>
struct hardsigmoid {
  T operator()(T x) const { return math::minimum(math::maximum(x + T(3), T(0)), T(6)) / T(6); }
};

template <class T>
struct hardsigmoid_backward {
  T operator()(T gradient, T x) const { return x > T(-3) && x < T(3) ? gradient / T(6) : T(0); }
};

template <class T>
struct hardswish {
  T operator()(T x) const { return x * hardsigmoid<T>{}(x); }
};

template <class T>
struct hardswish_backward {
  T operator()(T gradient, T x) const {
    if (x <= T(-3)) return T(0);
    return x < T(3) ? gradient * (x / T(3) + T(0.5)) : gradient;
  }
};

// log(1 + e^(beta x)) / beta, the identity above the threshold.
template <class T>
struct softplus {
  T beta, bound;
  T operator()(T x) const { return x * beta > bound ? x : math::log1p(math::exp(x * beta)) / beta; }
};

template <class T>
struct softplus_backward {
  T beta, bound;
  T operator()(T gradient, T x) const {
    const T scaled = math::exp(x * beta);
    return x * beta > bound ? gradient : gradient * scaled / (scaled + T(1));
  }
};

template <class T>
struct softshrink {
  T lambda;
  T operator()(T x) const {
    return is_nan(x) ? x : x > lambda ? x - lambda : x < -lambda ? x + lambda : T(0);
  }
};

template <class T>
struct hardshrink {
  T lambda;
  T operator()(T x) const { return x >= -lambda && x <= lambda ? T(0) : x; }
};

template <class T>
struct shrink_backward {
  T lambda;
  T operator()(T gradient, T x) const { return x >= -lambda && x <= lambda ? T(0) : gradient; }
};

// log(sigmoid(x)) = min(x, 0) - log(1 + e^-|x|)
template <class T>
struct log_sigmoid {
  T operator()(T x) const { return math::minimum(x, T(0)) - math::log1p(math::exp(-sycl::fabs(x))); }
};

template <class T>
struct log_sigmoid_backward {
  T operator()(T gradient, T x) const { return gradient * math::sigmoid(-x); }
};

template <class T>
struct logit {
  T epsilon;  // negative for none
  T operator()(T x) const {
    const T bounded = epsilon < T(0) ? x : math::minimum(math::maximum(x, epsilon), T(1) - epsilon);
    return math::log(bounded / (T(1) - bounded));
  }
};

template <class T>
struct logit_backward {
  T epsilon;  // negative for none
  T operator()(T gradient, T x) const {
    const T low = epsilon < T(0) ? T(0) : epsilon;
    if (x < low || x > T(1) - low) return epsilon < T(0) ? limits<T>::quiet_nan() : T(0);
    return gradient / (x * (T(1) - x));
  }
};

template <class T>
struct prelu {
  T operator()(T x, T weight) const { return x > T(0) ? x : weight * x; }
};

template <class T>
struct prelu_backward_weight {
  T operator()(T x, T gradient) const { return x > T(0) ? T(0) : gradient * x; }
};

template <class T>
struct glu {
  T operator()(T a, T b) const { return a * math::sigmoid(b); }
};

template <class T>
struct dropout_backward {
  T scale;
  T operator()(bool mask, T gradient) const { return mask ? gradient * scale : T(0); }
};

}  // namespace ipex::kernels::op
