// Norms of differences, as sums over their elements. gradient() is the derivative of the norm `distance` by
// the element, times the norm's gradient `g`.
#pragma once

#include "kernels/core/math.hpp"

namespace ipex::kernels::op {

template <class T>
struct distance_zero {
  T exponent;
  T add(T sum, T difference) const { return sum + (difference == 0 ? T(0) : T(1)); }
  T finish(T sum) const { return sum; }
  T gradient(T, T, T) const { return 0; }
};

template <class T>
struct distance_one {
  T exponent;
  T add(T sum, T difference) const { return sum + sycl::fabs(difference); }
  T finish(T sum) const { return sum; }
  T gradient(T difference, T g, T) const { return g * sycl::sign(difference); }
};

template <class T>
struct distance_two {
  T exponent;
  T add(T sum, T difference) const { return sum + difference * difference; }
  T finish(T sum) const { return sycl::sqrt(sum); }
  T gradient(T difference, T g, T distance) const { return distance == 0 ? T(0) : g * difference / distance; }
};

template <class T>
struct distance_infinity {
  T exponent;
  T add(T sum, T difference) const { return math::maximum(sum, sycl::fabs(difference)); }
  T finish(T sum) const { return sum; }
  T gradient(T difference, T g, T distance) const {
    return sycl::fabs(difference) == distance ? g * sycl::sign(difference) : T(0);
  }
};

template <class T>
struct distance_any {
  T exponent;
  T add(T sum, T difference) const { return sum + math::pow(sycl::fabs(difference), exponent); }
  T finish(T sum) const { return math::pow(sum, T(1) / exponent); }
  T gradient(T difference, T g, T distance) const {
    if (distance == 0 || difference == 0) return 0;
    return g * sycl::sign(difference) * math::pow(sycl::fabs(difference) / distance, exponent - T(1));
  }
};

}  // namespace ipex::kernels::op
