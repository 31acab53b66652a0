// Keys: unsigned integers that compare as sorting orders the values. NaN is the largest, and both zeros are
// equal.
#pragma once

#include "kernels/core/types.hpp"

namespace ipex::kernels {

template <std::size_t Size>
struct KeyOfSize {
  using type = std::uint32_t;
};
template <>
struct KeyOfSize<8> {
  using type = std::uint64_t;
};
template <class T>
using sort_key_t = typename KeyOfSize<sizeof(T)>::type;

template <class T>
inline sort_key_t<T> sort_key(T value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? 1 : 0;
  } else if constexpr (is_floating_v<T>) {
    using Bits = std::conditional_t<sizeof(T) == 2, std::uint16_t, sort_key_t<T>>;
    constexpr Bits sign = Bits(Bits{1} << (sizeof(T) * 8 - 1));
    if (is_nan(value)) return Bits(~Bits{0});
    Bits bits = sycl::bit_cast<Bits>(value);
    if (Bits(bits << 1) == 0) bits = 0;
    return Bits(bits & sign ? ~bits : bits | sign);
  } else {
    using Bits = std::make_unsigned_t<T>;
    constexpr Bits flip = std::is_signed_v<T> ? Bits(Bits{1} << (sizeof(T) * 8 - 1)) : Bits{0};
    return Bits(static_cast<Bits>(value) ^ flip);
  }
}

// An element's key and where it came from. Entries order by key, then by place: that makes every sort stable.
template <class Key>
struct SortEntry {
  Key key;
  std::uint32_t index;
  bool operator<(const SortEntry& other) const {
    return key < other.key || (key == other.key && index < other.index);
  }
  static SortEntry last() { return {Key(~Key{0}), ~std::uint32_t{0}}; }
};

// Both in one word where they fit.
template <>
struct SortEntry<std::uint32_t> {
  std::uint64_t word;
  SortEntry() = default;
  SortEntry(std::uint32_t key, std::uint32_t index) : word(std::uint64_t{key} << 32 | index) {}
  bool operator<(const SortEntry& other) const { return word < other.word; }
  static SortEntry last() { return {~std::uint32_t{0}, ~std::uint32_t{0}}; }
};
inline std::uint32_t entry_key(SortEntry<std::uint32_t> entry) {
  return static_cast<std::uint32_t>(entry.word >> 32);
}
inline std::uint64_t entry_key(const SortEntry<std::uint64_t>& entry) { return entry.key; }
inline std::uint32_t entry_index(SortEntry<std::uint32_t> entry) {
  return static_cast<std::uint32_t>(entry.word);
}
inline std::uint32_t entry_index(const SortEntry<std::uint64_t>& entry) { return entry.index; }

template <class T>
using sort_entry_t = SortEntry<sort_key_t<T>>;

template <class T>
inline sort_key_t<T> sort_entry_key(T value, bool descending) {
  const auto key = sort_key(value);
  return descending ? sort_key_t<T>(~key) : key;
}

template <class T>
inline sort_entry_t<T> sort_entry(T value, std::uint32_t index, bool descending) {
  return {sort_entry_key(value, descending), index};
}

}  // namespace ipex::kernels
