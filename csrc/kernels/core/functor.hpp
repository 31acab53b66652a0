// Functors travel to the device as the bytes of their members.
#pragma once

#include <type_traits>

namespace ipex::kernels {

template <class T>
inline T from_bytes(const unsigned char* bytes) {
  return *reinterpret_cast<const T*>(bytes);
}

template <class F>
inline F load_functor(const unsigned char* bytes) {
  if constexpr (std::is_empty_v<F>) {
    return F{};
  } else {
    return from_bytes<F>(bytes);
  }
}

// Functors with `exact` return one of their arguments, or its opposite: nothing is rounded where the operands
// are of the result's type.
template <class F>
concept exact_functor = F::exact;

// Functors with `arithmetic` add, subtract, multiply, divide and choose. What is not a number is then an
// operand's NaN or the processor's own, a quiet one.
template <class F>
concept arithmetic_functor = F::arithmetic;

}  // namespace ipex::kernels
