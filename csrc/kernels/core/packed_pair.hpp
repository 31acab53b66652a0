// Two elements of 16 bits that follow each other, in a word of memory.
#pragma once

#include "kernels/core/types.hpp"

namespace ipex::kernels {

// Widened, computed and rounded where they are in the word, they take fewer operations than a lane for each.
template <class T>
struct PackedPair {
  uint32_t word;

  PackedPair() = default;
  PackedPair(T low, T high)
      : word(sycl::bit_cast<uint16_t>(low) | static_cast<uint32_t>(sycl::bit_cast<uint16_t>(high)) << 16) {}

  template <int K>
  T element() const {
    return sycl::bit_cast<T>(static_cast<uint16_t>(word >> (16 * K)));
  }
};

template <class T>
inline constexpr bool is_packed_pair_v = false;
template <class T>
inline constexpr bool is_packed_pair_v<PackedPair<T>> = true;

template <class T>
struct ElementOf {
  using type = T;
};
template <class T>
struct ElementOf<PackedPair<T>> {
  using type = T;
};
template <class T>
using element_t = typename ElementOf<T>::type;

// The element K of a pair, widened; what is the same for both stays what it is.
template <int K, class T>
inline auto element_of(T value) {
  if constexpr (is_packed_pair_v<T>) {
    return static_cast<float>(value.template element<K>());
  } else {
    return value;
  }
}

}  // namespace ipex::kernels
