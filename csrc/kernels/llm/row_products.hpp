// Dot products of rows of weights with a few vectors of floats, by one work-item with packs: bound by the
// weights' bytes, so several rows are read at once and each weight serves all vectors.
#pragma once

#include "kernels/core/pack.hpp"
#include "kernels/core/types.hpp"
#include "kernels/llm/row_sums.hpp"

namespace ipex::kernels {

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

// Asks for memory that is read soon. Rows are read one after the other, and what is a page away is not
// fetched by the processor itself: without, 0.75 of the bandwidth is reached. An instruction, as OpenCL's
// prefetch is a call here, around which all vectors are saved.
IPEX_WITHIN void fetch_ahead(const void* address) {
#ifdef __SYCL_DEVICE_ONLY__
  constexpr int64_t distance = 4096;
  asm volatile("prefetcht0 (%0)" : : "r"(static_cast<const char*>(address) + distance));
#endif
}

// What is left of the sums from place k on, less than a pack.
template <int Rows, int Vectors, class T, class V>
IPEX_WITHIN void add_rest(const RowProducts<T, V>& p, int64_t k, FloatPack (&sums)[Rows * Vectors]) {
  const auto rest_of = [&](const auto* from) {
    float rest[FloatPack::count] = {};
#pragma nounroll
    for (int64_t i = k; i < p.depth; ++i) rest[i - k] = static_cast<float>(from[i]);
    return load_pack<FloatPack>(rest);
  };
  FloatPack values[Vectors];
#pragma unroll
  for (int v = 0; v < Vectors; ++v) values[v] = rest_of(p.vectors + v * p.vector_stride);
#pragma unroll
  for (int r = 0; r < Rows; ++r) {
    const auto weight = rest_of(p.weights + r * p.weight_stride);
#pragma unroll
    for (int v = 0; v < Vectors; ++v) {
      sums[r * Vectors + v] = math::fma(weight, values[v], sums[r * Vectors + v]);
    }
  }
}

// visit(row, vector, sum) for the first Rows rows and Vectors vectors.
template <int Rows, int Vectors, class T, class V, class Visit>
IPEX_WITHIN void multiply_rows(const RowProducts<T, V>& products, Visit visit) {
  constexpr int steps = 4, lanes = FloatPack::count;
  constexpr int chains = Rows * Vectors >= steps ? 1 : steps / (Rows * Vectors);  // sums side by side
  constexpr int packs_of_line = sizeof(T) >= 4 ? 1 : 4 / sizeof(T);
  const auto& p = products;
  FloatPack sums[chains][Rows * Vectors];
#pragma unroll
  for (auto& chain : sums) {
#pragma unroll
    for (auto& sum : chain) sum = FloatPack(0.0f);
  }
  const auto add = [&](int64_t k, FloatPack(&chain)[Rows * Vectors]) {
    FloatPack values[Vectors];
#pragma unroll
    for (int v = 0; v < Vectors; ++v) values[v] = load_pack<FloatPack>(p.vectors + v * p.vector_stride + k);
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      const auto weight = load_pack<FloatPack>(p.weights + r * p.weight_stride + k);
#pragma unroll
      for (int v = 0; v < Vectors; ++v) {
        chain[r * Vectors + v] = math::fma(weight, values[v], chain[r * Vectors + v]);
      }
    }
  };
  int64_t k = 0;
  for (; k + steps * lanes <= p.depth; k += steps * lanes) {
#pragma unroll
    for (int step = 0; step < steps; ++step) {
      if (step % packs_of_line == 0) {
#pragma unroll
        for (int r = 0; r < Rows; ++r) fetch_ahead(p.weights + r * p.weight_stride + k + step * lanes);
      }
      add(k + step * lanes, sums[step % chains]);
    }
  }
  for (; k + lanes <= p.depth; k += lanes) add(k, sums[0]);
#pragma unroll
  for (int c = 1; c < chains; ++c) {
#pragma unroll
    for (int i = 0; i < Rows * Vectors; ++i) sums[0][i] = sums[0][i] + sums[c][i];
  }
  if (k < p.depth) add_rest<Rows, Vectors>(p, k, sums[0]);
  float totals[FloatPack::count];
  store_pack(totals, lane_totals(sums[0]));
  // Not unrolled: what a visitor does is long.
#pragma nounroll
  for (int i = 0; i < Rows * Vectors; ++i) visit(i / Vectors, i % Vectors, totals[i]);
}

// Where products go: output[v, row] = scale * (bias[row] + sum), added to what is there or multiplied by it.
enum class ProductMode { store, add, multiply };
template <class B, class Out>
struct ProductSink {
  Out* output;
  int64_t stride;  // from a vector's results to the next one's
  const B* bias;   // or none
  float scale;
  ProductMode mode;
  float limit = 0;  // if not 0: of the sum, to which 1 is added then

  void put(int64_t row, int v, float sum) const {
    if (bias != nullptr) sum += static_cast<float>(bias[row]);
    if (limit > 0) sum = sycl::fmin(sycl::fmax(sum, -limit), limit) + 1;
    Out& result = output[v * stride + row];
    sum *= scale;
    if (mode == ProductMode::add) sum += static_cast<float>(result);
    if (mode == ProductMode::multiply) sum *= static_cast<float>(result);
    result = cast<Out>(sum);
  }
};

template <int Vectors, class T, class V, class Out>
IPEX_WITHIN void multiply_all_rows(const RowProducts<T, V>& products, int64_t rows,
                                   const ProductSink<T, Out>& sink) {
  constexpr int block = Vectors <= 2 ? 1 : 2;
  int64_t row = 0;
  const auto put = [&](int r, int v, float sum) { sink.put(row + r, v, sum); };
  for (; row + block <= rows; row += block) multiply_rows<block, Vectors>(products.from_row(row), put);
  if constexpr (block > 1) {
    for (; row < rows; ++row) multiply_rows<1, Vectors>(products.from_row(row), put);
  }
}

// The same for any number of vectors, a few at a time: the weights stay in the cache for those that follow.
template <class T, class V, class Out>
IPEX_WITHIN void multiply_by_vectors(RowProducts<T, V> products, int64_t rows, int vectors,
                                     ProductSink<T, Out> sink) {
  const auto next = [&](int count) {
    products.vectors += count * products.vector_stride;
    sink.output += count * sink.stride;
    vectors -= count;
  };
  for (; vectors >= 4; next(4)) multiply_all_rows<4>(products, rows, sink);
  for (; vectors >= 2; next(2)) multiply_all_rows<2>(products, rows, sink);
  if (vectors > 0) multiply_all_rows<1>(products, rows, sink);
}

}  // namespace ipex::kernels
