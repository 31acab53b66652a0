// Dot products of rows of weights with a few vectors of floats, by one work-item with packs: bound by the
// weights' bytes, so several rows are read at once and each weight serves all vectors.
#pragma once

#include "kernels/core/pack.hpp"
#include "kernels/core/types.hpp"

namespace ipex::kernels {

using FloatPack = Pack<float, 16>;

template <int Bit, int... Lane>
inline FloatPack add_halves(FloatPack a, FloatPack b, std::integer_sequence<int, Lane...>) {
  // Lanes whose index has the bit are of b.
  const auto kept = __builtin_shufflevector(a.lanes, b.lanes, ((Lane & Bit) != 0 ? 16 + Lane : Lane)...);
  const auto other =
      __builtin_shufflevector(a.lanes, b.lanes, ((Lane & Bit) != 0 ? 16 + (Lane ^ Bit) : Lane ^ Bit)...);
  return FloatPack::of(kept + other);
}

// Lane i of the result is the sum of the lanes of packs[i]; Count is a power of two up to 16, and lanes from
// Count on repeat.
template <int Count>
inline FloatPack sum_lanes(const FloatPack (&packs)[Count]) {
  constexpr std::make_integer_sequence<int, 16> lanes;
  FloatPack joined[16];
#pragma unroll
  for (int i = 0; i < 16; ++i) joined[i] = packs[i % Count];
#pragma unroll
  for (int i = 0; i < 8; ++i) joined[i] = add_halves<1>(joined[2 * i], joined[2 * i + 1], lanes);
#pragma unroll
  for (int i = 0; i < 4; ++i) joined[i] = add_halves<2>(joined[2 * i], joined[2 * i + 1], lanes);
#pragma unroll
  for (int i = 0; i < 2; ++i) joined[i] = add_halves<4>(joined[2 * i], joined[2 * i + 1], lanes);
  return add_halves<8>(joined[0], joined[1], lanes);
}

// Rows of weights, and vectors that meet them; strides are in elements.
template <class T, class V>
struct RowProducts {
  const T* weights;
  int64_t weight_stride;
  const V* vectors;
  int64_t vector_stride;
  int64_t depth;

  RowProducts from_row(int64_t row) const {
    auto rest = *this;
    rest.weights += row * weight_stride;
    return rest;
  }
};

// visit(row, vector, sum) for the first Rows rows and Vectors vectors.
template <int Rows, int Vectors, class T, class V, class Visit>
inline void multiply_rows(const RowProducts<T, V>& products, Visit visit) {
  const auto& p = products;
  FloatPack sums[Rows * Vectors];
#pragma unroll
  for (auto& sum : sums) sum = FloatPack(0.0f);
  int64_t k = 0;
  for (; k + FloatPack::count <= p.depth; k += FloatPack::count) {
    FloatPack values[Vectors];
#pragma unroll
    for (int v = 0; v < Vectors; ++v) values[v] = load_pack<FloatPack>(p.vectors + v * p.vector_stride + k);
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      const auto weight = load_pack<FloatPack>(p.weights + r * p.weight_stride + k);
#pragma unroll
      for (int v = 0; v < Vectors; ++v) {
        sums[r * Vectors + v] = math::fma(weight, values[v], sums[r * Vectors + v]);
      }
    }
  }
  const auto totals = sum_lanes(sums);
#pragma unroll
  for (int r = 0; r < Rows; ++r) {
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
      float total = totals.lanes[r * Vectors + v];
      for (int64_t rest = k; rest < p.depth; ++rest) {
        total += static_cast<float>(p.weights[r * p.weight_stride + rest]) *
                 static_cast<float>(p.vectors[v * p.vector_stride + rest]);
      }
      visit(r, v, total);
    }
  }
}

// The same for any number of rows.
template <int Vectors, class T, class V, class Visit>
inline void multiply_all_rows(const RowProducts<T, V>& products, int64_t rows, Visit visit) {
  constexpr int block = Vectors <= 2 ? 4 : 2;
  int64_t row = 0;
  const auto visit_from = [&](int r, int v, float sum) { visit(row + r, v, sum); };
  for (; row + block <= rows; row += block) multiply_rows<block, Vectors>(products.from_row(row), visit_from);
  for (; row < rows; ++row) multiply_rows<1, Vectors>(products.from_row(row), visit_from);
}

}  // namespace ipex::kernels
