// Rotary position embedding (Su et al., "RoFormer", 2021): the pairs of a vector's elements turned by angles
// that depend on its position. Each vector is a row.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/llm/rotary_params.hpp"

namespace ipex::kernels {

struct RotaryPlace {
  int64_t index[3];  // batch, position, head

  int64_t offset(const int64_t (&strides)[3]) const {
    return index[0] * strides[0] + index[1] * strides[1] + index[2] * strides[2];
  }
};

inline int64_t rotary_integer(const void* values, int64_t offset, bool wide) {
  return wide ? static_cast<const int64_t*>(values)[offset] : static_cast<const int32_t*>(values)[offset];
}

// Where the row of the table begins; negative if the table has no such row.
inline int64_t rotary_table_row(const RotaryParams& params, const RotaryPlace& place) {
  if (params.positions == nullptr) return place.offset(params.table_strides);
  int64_t row = rotary_integer(params.positions, place.offset(params.position_strides), params.wide_integers);
  if (params.offsets != nullptr) {
    row += rotary_integer(params.offsets, place.offset(params.offset_strides), params.wide_integers);
  }
  return row < 0 || row >= params.table_rows ? -1 : row * params.table_row;
}

template <class V>
struct RotaryPair {
  V first, second;
};

// With the pair's own cosines c and sines s: (a c1 - b s1, b c2 + a s2), or its transpose.
template <class V>
inline RotaryPair<V> rotate(RotaryPair<V> x, RotaryPair<V> cos, RotaryPair<V> sin, bool inverse) {
  const V low = inverse ? -sin.second : sin.first;
  const V high = inverse ? -sin.first : sin.second;
  return {x.first * cos.first - x.second * low, x.second * cos.second + x.first * high};
}

// Elements that follow each other in pairs, by one work-item: with each lane its neighbour is exchanged.
template <class In, class Table>
inline int64_t rotate_neighbours(const RotaryParams& params, const In* x, In* y, const Table* cos,
                                 const Table* sin) {
  using P = pack_of<float>;
  using Lanes = P::Like<float>;
  constexpr auto lanes = std::make_integer_sequence<int, P::count>{};
  const Lanes even = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
  const bool spread = params.table_second == 0;
  // An element's own angle, where a row has one for each pair.
  const auto table = [&](const Table* row, int64_t pair) {
    if (!spread) return load_pack<P>(row + 2 * pair);
    const auto values = load_pack<Pack<float, P::count / 2>>(row + pair).lanes;
    return P::of(__builtin_shufflevector(values, values, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7));
  };
  int64_t pair = 0;
  for (; 2 * pair + P::count <= 2 * params.pairs; pair += P::count / 2) {
    const auto value = load_pack<P>(x + 2 * pair);
    const auto sine = table(sin, pair);
    const auto turned = params.inverse ? -exchange_lanes(sine, 1, lanes) : sine;
    store_pack(y + 2 * pair,
               value * table(cos, pair) + exchange_lanes(value, 1, lanes) * turned * P::of(even));
  }
  return pair;
}

template <bool ByPacks, class In, class Table, class Rows>
inline void rotary_vector(const Rows& rows, const RotaryParams& params, const RotaryVectors& vectors,
                          const RotaryPlace& place) {
  const In* x = static_cast<const In*>(vectors.input) + place.offset(vectors.input_strides);
  In* y = static_cast<In*>(vectors.output) + place.offset(vectors.output_strides);
  const int64_t begin = rows.uniform(rotary_table_row(params, place));
  if (begin < 0) {
    if (rows.writes()) params.fault.raise();
    return;
  }
  const auto* cos = static_cast<const Table*>(params.cos) + begin;
  const auto* sin = static_cast<const Table*>(params.sin) + begin;
  const int64_t second = params.table_second;
  if (params.halves) {
    rows.for_each(params.pairs, [&](auto i) {
      using V = decltype(load<float>(x, i));
      const auto result = rotate<V>({load<float>(x, i), load<float>(x + params.pairs, i)},
                                    {load<float>(cos, i), load<float>(cos + second, i)},
                                    {load<float>(sin, i), load<float>(sin + second, i)}, params.inverse);
      store(y, i, result.first);
      store(y + params.pairs, i, result.second);
    });
  } else {
    int64_t done = 0;
    if constexpr (ByPacks) done = rotate_neighbours(params, x, y, cos, sin);
    const auto turn = [&](int64_t i) {
      const int64_t at = i * params.table_step;
      const auto result =
          rotate<float>({load<float>(x, 2 * i), load<float>(x, 2 * i + 1)},
                        {load<float>(cos, at), load<float>(cos, at + second)},
                        {load<float>(sin, at), load<float>(sin, at + second)}, params.inverse);
      store(y, 2 * i, result.first);
      store(y, 2 * i + 1, result.second);
    };
    if constexpr (ByPacks) {
      for (int64_t i = done; i < params.pairs; ++i) turn(i);
    } else {
      rows.for_each(params.pairs, turn);
    }
  }
  const int64_t rest = 2 * params.pairs;
  if (x == y) return;
  rows.for_each(vectors.head_size - rest, [&](auto i) { store(y + rest, i, load<float>(x + rest, i)); });
}

template <bool ByPacks, class In, class Table, class Rows>
inline void rotary_by(const Rows& rows, const RotaryParams& params) {
  const auto count_of = [](const RotaryVectors& all) { return all.sizes[0] * all.sizes[1] * all.sizes[2]; };
  const int64_t first = count_of(params.vectors[0]);
  const int64_t all = params.count == 2 ? first + count_of(params.vectors[1]) : first;
  rows.for_jobs(all, [&](int64_t job) {
    const bool of_second = job >= first;
    const RotaryVectors& vectors = of_second ? params.vectors[1] : params.vectors[0];
    const int64_t number = of_second ? job - first : job;
    const int64_t line = number / vectors.sizes[2];
    const int64_t batch = line / vectors.sizes[1];
    rotary_vector<ByPacks, In, Table>(
        rows, params, vectors, {batch, line - batch * vectors.sizes[1], number - line * vectors.sizes[2]});
  });
}

template <class In, class Table>
IPEX_KERNEL void rotary(RotaryParams params) {
  rotary_by<false, In, Table>(SubGroupRows<float>(), params);
}
template <class In, class Table>
IPEX_KERNEL_OF_ONE void rotary_by_packs(RotaryParams params) {
  rotary_by<true, In, Table>(PackRows<float>(), params);
}

}  // namespace ipex::kernels
