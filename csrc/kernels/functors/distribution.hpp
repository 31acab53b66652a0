// Distributions: a block of random bits -> random_count<T> numbers to be stored as T. Members are the
// operator's arguments.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/random.hpp"

namespace ipex::kernels::op {

// The type continuous distributions are computed in.
template <class T>
using continuous_t = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
struct uniform {
  using value_type = opmath_t<T>;
  static constexpr int count = random_count<T>;
  value_type from, to;
  void operator()(const RandomBlock& block, value_type* values) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const value_type value = random_unit<T>(block, i) * (to - from) + from;
      // The interval is open at `to`, which rounding may reach.
      values[i] = static_cast<value_type>(static_cast<T>(value)) == to ? from : value;
    }
  }
};

template <class T>
struct normal {
  using value_type = opmath_t<T>;
  static constexpr int count = random_count<T>;
  value_type mean, deviation;
  void operator()(const RandomBlock& block, value_type* values) const {
#pragma unroll
    for (int i = 0; i < count; i += 2) {
      random_normal_pair(random_open_unit<value_type>(block, i), random_unit<value_type>(block, i + 1),
                         values[i], values[i + 1]);
      values[i] = values[i] * deviation + mean;
      values[i + 1] = values[i + 1] * deviation + mean;
    }
  }
};

template <class T>
struct log_normal : normal<T> {
  using value_type = typename normal<T>::value_type;
  void operator()(const RandomBlock& block, value_type* values) const {
    normal<T>::operator()(block, values);
#pragma unroll
    for (int i = 0; i < normal<T>::count; ++i) values[i] = math::exp(values[i]);
  }
};

// Distributions whose inverse function is applied to each number on its own.
#define IPEX_INVERSE_DISTRIBUTION(name, members, expression)              \
  template <class T>                                                      \
  struct name {                                                           \
    using value_type = continuous_t<T>;                                   \
    static constexpr int count = random_count<T>;                         \
    value_type members;                                                   \
    void operator()(const RandomBlock& block, value_type* values) const { \
      for (int i = 0; i < count; ++i) {                                   \
        const value_type unit = random_open_unit<value_type>(block, i);   \
        values[i] = expression;                                           \
      }                                                                   \
    }                                                                     \
  };
IPEX_INVERSE_DISTRIBUTION(exponential, rate, -math::log(unit) / rate)
IPEX_INVERSE_DISTRIBUTION(geometric, log_failure, math::ceil(math::log(unit) / log_failure))
#undef IPEX_INVERSE_DISTRIBUTION

template <class T>
struct cauchy {
  using value_type = opmath_t<T>;
  static constexpr int count = random_count<T>;
  value_type median, scale;
  void operator()(const RandomBlock& block, value_type* values) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const value_type unit = random_open_unit<value_type>(block, i);
      values[i] = median + scale * sycl::tanpi(unit - value_type(0.5));
    }
  }
};

template <class T>
struct bernoulli {
  using value_type = bool;
  static constexpr int count = RandomBlock::words;
  uint64_t below;  // of 2^32
  void operator()(const RandomBlock& block, bool* values) const {
#pragma unroll
    for (int i = 0; i < count; ++i) values[i] = block.word[i] < below;
  }
};

// Integers of [base, base + range) from 32 bits each; good for ranges much below 2^32.
template <class T>
struct integers {
  using value_type = int64_t;
  static constexpr int count = RandomBlock::words;
  int64_t base;
  uint64_t range;
  void operator()(const RandomBlock& block, int64_t* values) const {
#pragma unroll
    for (int i = 0; i < count; ++i) values[i] = base + static_cast<int64_t>((block.word[i] * range) >> 32);
  }
};

// The same from 64 bits each; range 0 stands for 2^64.
template <class T>
struct wide_integers {
  using value_type = int64_t;
  static constexpr int count = RandomBlock::words / 2;
  int64_t base;
  uint64_t range;
  void operator()(const RandomBlock& block, int64_t* values) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const uint64_t bits = block.wide(i);
      values[i] =
          static_cast<int64_t>(static_cast<uint64_t>(base) + (range == 0 ? bits : sycl::mul_hi(bits, range)));
    }
  }
};

}  // namespace ipex::kernels::op
