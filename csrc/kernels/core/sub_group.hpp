// Cooperation of the work-items of a sub-group.
#pragma once

#include <array>

#include "kernels/core/kernel.hpp"

namespace ipex::kernels {

inline sycl::sub_group this_sub_group() { return sycl::ext::oneapi::this_work_item::get_sub_group(); }

// `value`, which all work-items agree on, so that the compiler knows they do: a loop it bounds runs without
// masks.
template <class T>
inline T uniform(const sycl::sub_group& group, T value) {
  return sycl::group_broadcast(group, value, 0);
}

// The sub-groups of the whole range, numbered: this one, and how many there are.
struct SubGroups {
  std::int64_t index;
  std::int64_t count;
};

inline SubGroups all_sub_groups() {
  const auto item = this_item();
  const auto group = this_sub_group();
  const std::int64_t per_group = group.get_group_linear_range();
  const std::int64_t within = group.get_group_linear_id();
  return {uniform(group, static_cast<std::int64_t>(item.get_group(0)) * per_group + within),
          uniform(group, static_cast<std::int64_t>(item.get_group_range(0)) * per_group)};
}

// function(word) for each 32-bit word of a plain type.
template <class T, class Function>
inline T by_words(T value, Function function) {
  static_assert(sizeof(T) % 4 == 0 && std::is_trivially_copyable_v<T>);
  using Words = std::array<std::uint32_t, sizeof(T) / 4>;
  auto words = sycl::bit_cast<Words>(value);
  for (auto& word : words) word = function(word);
  return sycl::bit_cast<T>(words);
}

// `value` of the work-item whose number differs in the bits of `mask`.
template <class T>
inline T exchange(const sycl::sub_group& group, T value, int mask) {
  if constexpr (std::is_arithmetic_v<T> && sizeof(T) == 4) {
    return sycl::permute_group_by_xor(group, value, mask);
  } else {
    return by_words(value, [&](std::uint32_t word) { return sycl::permute_group_by_xor(group, word, mask); });
  }
}

// The combination of every work-item's value, in all of them. The tree is fixed, so results repeat exactly.
template <class T, class Combine>
inline T combine_over(const sycl::sub_group& group, T value, Combine combine) {
  for (int mask = group.get_local_linear_range() / 2; mask > 0; mask /= 2) {
    value = combine(value, exchange(group, value, mask));
  }
  return value;
}

template <class T>
inline T sum_over(const sycl::sub_group& group, T value) {
  return combine_over(group, value, [](T a, T b) { return a + b; });
}

}  // namespace ipex::kernels
