// Vectors as wide as the processor's registers, for kernels in which one work-item is a whole work-group
// (declared IPEX_KERNEL_OF_ONE).
#pragma once

#include "kernels/core/kernel.hpp"

#ifdef __SYCL_DEVICE_ONLY__
#define IPEX_KERNEL_OF_ONE \
  IPEX_KERNEL SYCL_EXT_ONEAPI_FUNCTION_PROPERTY((sycl::ext::oneapi::experimental::work_group_size<1>))
#else
#define IPEX_KERNEL_OF_ONE
#endif

namespace ipex::kernels {

// `count` values of T, in registers of `Bytes`. In memory the parts of complex values lie apart: all real
// parts, then all imaginary ones.
template <class T, int Bytes>
struct Lanes {
  static constexpr int count = Bytes / static_cast<int>(sizeof(T));
  using Part = T;
  typedef T Vector __attribute__((ext_vector_type(count)));
  typedef T Unaligned __attribute__((ext_vector_type(count), aligned(alignof(T))));

  Vector value;

  static Lanes zero() { return {Vector(T(0))}; }
  static Lanes load(const local<T>* from, int) { return {*reinterpret_cast<const local<Unaligned>*>(from)}; }
  void store(local<T>* to, int) const { *reinterpret_cast<local<Unaligned>*>(to) = value; }
  void add_product(const local<T>* factor, int, const Lanes& other) { value += *factor * other.value; }
};

template <class T, int Bytes>
struct Lanes<complex<T>, Bytes> {
  static constexpr int count = Bytes / static_cast<int>(sizeof(T));
  using Part = T;
  using Real = Lanes<T, Bytes>;

  Real real, imag;

  static Lanes zero() { return {Real::zero(), Real::zero()}; }
  // `distance` is that from a real part to its imaginary part.
  static Lanes load(const local<T>* from, int distance) {
    return {Real::load(from, 0), Real::load(from + distance, 0)};
  }
  void store(local<T>* to, int distance) const {
    real.store(to, 0);
    imag.store(to + distance, 0);
  }
  void add_product(const local<T>* factor, int distance, const Lanes& other) {
    const T a = factor[0], b = factor[distance];
    real.value += a * other.real.value - b * other.imag.value;
    imag.value += a * other.imag.value + b * other.real.value;
  }
};

}  // namespace ipex::kernels
