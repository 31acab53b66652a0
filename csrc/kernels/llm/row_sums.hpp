// Sums along several rows at once.
#pragma once

#include "kernels/core/rows.hpp"
#include "kernels/llm/packs.hpp"

namespace ipex::kernels {

// Neighbouring lanes added up: those of `a` in the lower half, those of `b` in the upper one.
IPEX_WITHIN pack_of<float> add_neighbours(pack_of<float> a, pack_of<float> b) {
  const auto even =
      __builtin_shufflevector(a.lanes, b.lanes, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const auto odd =
      __builtin_shufflevector(a.lanes, b.lanes, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return pack_of<float>::of(even + odd);
}

template <int Count>
IPEX_WITHIN pack_of<float> join_packs(const pack_of<float>* packs) {
  if constexpr (Count == 1) {
    return packs[0];
  } else {
    return add_neighbours(join_packs<Count / 2>(packs), join_packs<Count / 2>(packs + Count / 2));
  }
}

// Lane r is the sum of the lanes of packs[r], for a power of two of packs. A third of the shuffles of one
// pack after the other.
template <int Count>
IPEX_WITHIN pack_of<float> lane_totals(const pack_of<float> (&packs)[Count]) {
  static_assert((Count & (Count - 1)) == 0 && Count <= pack_of<float>::count);
  auto joined = join_packs<Count>(packs);
#pragma unroll
  for (int lanes = pack_of<float>::count / Count; lanes > 1; lanes /= 2)
    joined = add_neighbours(joined, joined);
  return joined;
}

// What the places of each row add up to, of what was added up in packs and in single places.
template <int Count>
inline void total_rows(const PackRows<float>&, const pack_of<float> (&packs)[Count],
                       const float (&singles)[Count], float (&totals)[Count]) {
  const auto joined = lane_totals(packs);
#pragma unroll
  for (int r = 0; r < Count; ++r) totals[r] = joined.lanes[r] + singles[r];
}
template <int Count>
inline void total_rows(const SubGroupRows<float>&, const pack_of<float> (&)[Count],
                       const float (&singles)[Count], float (&totals)[Count]) {
  const auto group = this_sub_group();
#pragma unroll
  for (int r = 0; r < Count; ++r) totals[r] = sum_over(group, singles[r]);
}

// In one expression, which becomes one instruction; a function for it is a call on a CPU.
inline void add_product(float& sum, float a, float b) { sum += a * b; }
inline void add_product(pack_of<float>& sum, pack_of<float> a, pack_of<float> b) {
  sum.lanes += a.lanes * b.lanes;
}

// What several rows have summed up so far.
template <int Count>
struct RowSums {
  pack_of<float> packs[Count];
  float singles[Count];

  RowSums() {
#pragma unroll
    for (int r = 0; r < Count; ++r) {
      packs[r] = pack_of<float>(0.0f);
      singles[r] = 0.0f;
    }
  }
  void add_product(int r, float a, float b) { kernels::add_product(singles[r], a, b); }
  void add_product(int r, pack_of<float> a, pack_of<float> b) { kernels::add_product(packs[r], a, b); }
};

}  // namespace ipex::kernels
