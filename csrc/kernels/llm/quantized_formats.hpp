// Formats of weights of few bits: how the codes of a block become numbers.
#pragma once

#include "kernels/llm/packs.hpp"
#include "kernels/llm/quantized_linear_params.hpp"

namespace ipex::kernels {

// The weights of a block, in their order; or those of places `lane` and `lane + 16` alone.
template <class T>
struct BlockHalves {
  T lower, upper;
};

// Sums of the products of neighbouring 16-bit integers: written so that processors do this in one
// instruction.
inline Pack<int32_t, 8> pair_products(ShortPack a, ShortPack b) {
  using Wide = Pack<int32_t, 16>::Like<int32_t>;
  const Wide products = __builtin_convertvector(a.lanes, Wide) * __builtin_convertvector(b.lanes, Wide);
  return Pack<int32_t, 8>::of(__builtin_shufflevector(products, products, 0, 2, 4, 6, 8, 10, 12, 14) +
                              __builtin_shufflevector(products, products, 1, 3, 5, 7, 9, 11, 13, 15));
}

// Codes that are integers are multiplied with activations of 16 bits, others with float.
struct IntegerSums {
  using Activation = int16_t;
  using Values = ShortPack;
  using Sum = Pack<int32_t, 8>;
  using Total = Pack<float, 8>;
  static void add(Sum& sum, Values weights, Values activations) {
    sum += pair_products(weights, activations);
  }
  static Total total(Sum sum) {
    return Total::of(__builtin_convertvector(sum.lanes, decltype(Total::lanes)));
  }
  static FloatPack numbers(Values weights) {
    return FloatPack::of(__builtin_convertvector(weights.lanes, decltype(FloatPack::lanes)));
  }
};

struct FloatSums {
  using Activation = float;
  using Values = FloatPack;
  using Sum = FloatPack;
  using Total = FloatPack;
  static void add(Sum& sum, Values weights, Values activations) {
    sum = math::fma(weights, activations, sum);
  }
  static Total total(Sum sum) { return sum; }
  static FloatPack numbers(Values weights) { return weights; }
};

namespace weights {

// Without a sign; zero is in the middle unless zero points say where it is.
struct int4 : IntegerSums {
  static constexpr int block_bytes = 16;
  static constexpr float middle = 8;

  static BlockHalves<ShortPack> block(const uint8_t* codes) {
    const ShortPack bytes = load_pack<ShortPack>(codes);
    return {ShortPack::of(bytes.lanes & int16_t(15)), ShortPack::of(bytes.lanes >> int16_t(4))};
  }
  template <class Lookup>
  static BlockHalves<float> at(const uint8_t* codes, int lane, Lookup) {
    const int byte = codes[lane];
    return {static_cast<float>(byte & 15), static_cast<float>(byte >> 4)};
  }
};

struct int8 : IntegerSums {
  static constexpr int block_bytes = 32;
  static constexpr float middle = 0;

  static BlockHalves<ShortPack> block(const uint8_t* codes) {
    const auto* integers = reinterpret_cast<const int8_t*>(codes);
    return {load_pack<ShortPack>(integers), load_pack<ShortPack>(integers + 16)};
  }
  template <class Lookup>
  static BlockHalves<float> at(const uint8_t* codes, int lane, Lookup) {
    const auto* integers = reinterpret_cast<const int8_t*>(codes);
    return {static_cast<float>(integers[lane]), static_cast<float>(integers[lane + 16])};
  }
};

// The 16 numbers of NF4 (QLoRA, arXiv 2305.14314, appendix E): quantiles of the normal distribution.
constexpr float nf4_numbers[16] = {-1.0f,
                                   -0.6961928009986877f,
                                   -0.5250730514526367f,
                                   -0.39491748809814453f,
                                   -0.28444138169288635f,
                                   -0.18477343022823334f,
                                   -0.09105003625154495f,
                                   0.0f,
                                   0.07958029955625534f,
                                   0.16093020141124725f,
                                   0.24611230194568634f,
                                   0.33791524171829224f,
                                   0.44070982933044434f,
                                   0.5626170039176941f,
                                   0.7229568362236023f,
                                   1.0f};

struct nf4 : FloatSums {
  static constexpr int block_bytes = 16;
  static constexpr float middle = 0;

  static BlockHalves<FloatPack> block(const uint8_t* codes) {
    BlockHalves<FloatPack> halves;
#pragma unroll
    for (int i = 0; i < 16; ++i) {
      halves.lower.lanes[i] = nf4_numbers[codes[i] & 15];
      halves.upper.lanes[i] = nf4_numbers[codes[i] >> 4];
    }
    return halves;
  }
  template <class Lookup>
  static BlockHalves<float> at(const uint8_t* codes, int lane, Lookup number) {
    return {number(codes[lane] & 15), number(codes[lane] >> 4)};
  }
};

// A number of eight bits is one of half's sign, exponent and mantissa, shifted to their places; half's
// exponent has one bit more than E4M3's, so that the result is to be multiplied by a power of two.
template <int Shift, int Power>
struct float8 : FloatSums {
  static constexpr int block_bytes = 32;
  static constexpr float middle = 0;

  static FloatPack decode(const uint8_t* codes) {
    using Words = Pack<uint16_t, 16>::Like<uint16_t>;
    const Words bytes = load_pack<Pack<uint16_t, 16>>(codes).lanes;
    const Words bits =
        ((bytes & uint16_t(0x80)) << uint16_t(8)) | ((bytes & uint16_t(0x7f)) << uint16_t(Shift));
    const auto halves = __builtin_bit_cast(Pack<float, 16>::Like<_Float16>, bits);
    return FloatPack::of(__builtin_convertvector(halves, decltype(FloatPack::lanes))) *
           FloatPack(static_cast<float>(Power));
  }
  static BlockHalves<FloatPack> block(const uint8_t* codes) { return {decode(codes), decode(codes + 16)}; }

  static float number(uint8_t code) {
    const auto bits = static_cast<uint16_t>((code & 0x80) << 8 | (code & 0x7f) << Shift);
    return static_cast<float>(sycl::bit_cast<half>(bits)) * Power;
  }
  template <class Lookup>
  static BlockHalves<float> at(const uint8_t* codes, int lane, Lookup) {
    return {number(codes[lane]), number(codes[lane + 16])};
  }
};
using e4m3 = float8<7, 256>;
using e5m2 = float8<8, 1>;

}  // namespace weights
}  // namespace ipex::kernels
