// Atomic updates of values of any type of the kernels, in global memory.
#pragma once

#include <sycl/sycl.hpp>

#include "kernels/core/types.hpp"

namespace ipex::kernels {

template <class Word>
using GlobalAtomic = sycl::atomic_ref<Word, sycl::memory_order::relaxed, sycl::memory_scope::device,
                                      sycl::access::address_space::global_space>;

// *address = function(*address), by comparing and swapping the word of device memory that holds it. A value
// smaller than a word shares it with its neighbours; every allocation is a whole number of words.
template <class T, class Function>
inline void atomic_update(T* address, Function function) {
  if constexpr (sizeof(T) >= 4) {
    static_assert(sizeof(T) <= 8);
    using Word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    GlobalAtomic<Word> word(*reinterpret_cast<Word*>(address));
    Word old = word.load();
    while (!word.compare_exchange_weak(old, sycl::bit_cast<Word>(T(function(sycl::bit_cast<T>(old)))))) {
    }
  } else {
    using Part = std::conditional_t<sizeof(T) == 1, std::uint8_t, std::uint16_t>;
    const auto location = reinterpret_cast<std::uintptr_t>(address);
    const std::uint32_t shift = (location & 3) * 8;
    const std::uint32_t mask = (sizeof(T) == 1 ? 0xffu : 0xffffu) << shift;
    GlobalAtomic<std::uint32_t> word(*reinterpret_cast<std::uint32_t*>(location & ~std::uintptr_t{3}));
    std::uint32_t old = word.load(), changed;
    do {
      T value;
      if constexpr (std::is_same_v<T, bool>) {
        value = ((old & mask) >> shift) != 0;
      } else {
        value = sycl::bit_cast<T>(static_cast<Part>((old & mask) >> shift));
      }
      const T result = function(value);
      Part bits;
      if constexpr (std::is_same_v<T, bool>) {
        bits = result ? 1 : 0;
      } else {
        bits = sycl::bit_cast<Part>(result);
      }
      changed = (old & ~mask) | (std::uint32_t{bits} << shift);
    } while (!word.compare_exchange_weak(old, changed));
  }
}

template <class T>
inline void atomic_add(T* address, T value) {
  if constexpr (is_complex_v<T>) {
    auto* parts = reinterpret_cast<real_t<T>*>(address);
    atomic_add(parts, value.real);
    atomic_add(parts + 1, value.imag);
  } else if constexpr (std::is_integral_v<T> && sizeof(T) >= 4) {
    GlobalAtomic<T>(*address).fetch_add(value);
  } else {
    atomic_update(address, [=](T old) { return cast<T>(opmath_t<T>(old) + opmath_t<T>(value)); });
  }
}

}  // namespace ipex::kernels
