// Activations whose result gates another operand, and their derivatives.
#pragma once

#include "kernels/functors/activation.hpp"

namespace ipex::kernels::op {

template <template <class> class Activation, class T>
struct gated {
  T operator()(T x, T y) const { return Activation<T>{}(x)*y; }
};
template <class T>
struct silu_mul : gated<silu, T> {};
template <class T>
struct gelu_mul : gated<gelu, T> {};
template <class T>
struct gelu_tanh_mul : gated<gelu_tanh, T> {};

// By the operand of the activation; by the other one the derivative is the activation of the first times the
// gradient.
template <template <class> class ActivationBackward, class T>
struct gated_backward {
  T operator()(T gradient, T x, T y) const { return ActivationBackward<T>{}(gradient * y, x); }
};
template <class T>
struct silu_mul_backward : gated_backward<silu_backward, T> {};
template <class T>
struct gelu_mul_backward : gated_backward<gelu_backward, T> {};
template <class T>
struct gelu_tanh_mul_backward : gated_backward<gelu_tanh_backward, T> {};

// Hendrycks and Gimpel, "Gaussian error linear units" (2016), the approximation by the logistic function.
template <class T>
struct gelu_quick {
  static constexpr T steepness = T(1.702);
  T operator()(T x) const { return x * math::sigmoid(steepness * x); }
};

}  // namespace ipex::kernels::op
