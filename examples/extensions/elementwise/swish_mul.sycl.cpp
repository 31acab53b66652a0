#include "kernels/elementwise.hpp"

template <class T>
struct swish_mul {
  T operator()(T x, T y) const { return y * x / (T(1) + ipex::kernels::math::exp(-x)); }
};
