// Random fills, dropout and permutations. A work-item makes one Philox block and stores its numbers.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/random.hpp"
#include "kernels/functors/distribution.hpp"

namespace ipex::kernels {

// Calls store(k, element) for each number k of the work-item's block whose element exists.
template <int Count, class Store>
inline void random_store(int64_t block, int64_t numel, Store store) {
  const int64_t first = random_first_element(block, Count);
  const int64_t group_end = (block / random_stride + 1) * random_stride * Count;
  if (group_end <= numel) {
#pragma unroll
    for (int k = 0; k < Count; ++k) store(k, first + k * random_stride);
  } else {
    for (int k = 0; k < Count; ++k) {
      if (first + k * random_stride < numel) store(k, first + k * random_stride);
    }
  }
}

template <template <class> class Distribution, class T>
IPEX_KERNEL void random_fill(RandomParams params) {
  using D = Distribution<T>;
  const int64_t block = this_item().get_global_id(0);
  typename D::value_type values[D::count];
  (*reinterpret_cast<const D*>(params.arguments))(random_block(params.state, block), values);
  auto* output = static_cast<T*>(params.output);
  random_store<D::count>(block, params.numel,
                         [&](int k, int64_t element) { output[element] = cast<T>(values[k]); });
}

// Each element is 1 with its own probability, given as P.
template <class P, class T>
IPEX_KERNEL void random_bernoulli(BernoulliParams params) {
  const int64_t block = this_item().get_global_id(0);
  const auto bits = random_block(params.state, block);
  const auto* probability = static_cast<const P*>(params.probability);
  auto* output = static_cast<T*>(params.output);
  random_store<RandomBlock::words>(block, params.numel, [&](int k, int64_t element) {
    const auto p = static_cast<opmath_t<P>>(probability[element]);
    if (!(p >= opmath_t<P>(0) && p <= opmath_t<P>(1))) params.fault.raise();
    output[element] = cast<T>(random_unit<float>(bits, k) < p);
  });
}

template <class T>
IPEX_KERNEL void random_dropout(DropoutParams params) {
  const int64_t block = this_item().get_global_id(0);
  const auto bits = random_block(params.state, block);
  const auto* input = static_cast<const T*>(params.input);
  auto* output = static_cast<T*>(params.output);
  random_store<RandomBlock::words>(block, params.numel, [&](int k, int64_t element) {
    const bool keep = bits.word[k] < params.keep_below;
    const auto value = static_cast<opmath_t<T>>(input[element]);
    output[element] = cast<T>(keep ? value * static_cast<opmath_t<T>>(params.scale) : opmath_t<T>(0));
    params.mask[element] = keep;
  });
}

// A keyed permutation of the numbers of low_bits + high_bits bits: an alternating Feistel network.
inline uint64_t random_permute(uint64_t value, const uint32_t (&keys)[12], const PermutationParams& params) {
  const uint64_t low_mask = (uint64_t{1} << params.low_bits) - 1;
  const uint64_t high_mask = (uint64_t{1} << params.high_bits) - 1;
  const auto mix = [](uint64_t part, uint32_t key) {
    uint64_t bits = (part ^ key) * 0x9E3779B97F4A7C15u;
    bits = (bits ^ (bits >> 32)) * 0xD6E8FEB86659FD93u;
    return bits ^ (bits >> 32);
  };
  uint64_t low = value & low_mask;
  uint64_t high = value >> params.low_bits;
#pragma unroll
  for (int round = 0; round < 12; round += 2) {
    low ^= mix(high, keys[round]) & low_mask;
    high ^= mix(low, keys[round + 1]) & high_mask;
  }
  return high << params.low_bits | low;
}

// The permutation of a power of two above numel, followed until it comes back below numel (Mitchell, Stokes,
// Frank and Holmes, "Bandwidth-optimal random shuffling for GPUs", 2022): no sort and no memory.
template <class T>
IPEX_KERNEL void random_permutation(PermutationParams params) {
  uint32_t keys[12];
#pragma unroll
  for (int draw = 0; draw < 3; ++draw) {
    const auto block = random_block(params.state, 0, draw);
    for (int word = 0; word < RandomBlock::words; ++word)
      keys[draw * RandomBlock::words + word] = block.word[word];
  }
  const auto item = this_item();
  for (uint64_t index = item.get_global_id(0); index < params.numel; index += item.get_global_range(0)) {
    uint64_t value = random_permute(index, keys, params);
    while (value >= params.numel) value = random_permute(value, keys, params);
    static_cast<T*>(params.output)[index] = cast<T>(static_cast<int64_t>(value));
  }
}

}  // namespace ipex::kernels
