// Distributions that are sampled by rejection: a work-item draws until it accepts.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/random.hpp"
#include "kernels/sampling_params.hpp"

namespace ipex::kernels {

// The random numbers of one element, one after the other.
template <class T>
class RandomSequence {
 public:
  RandomSequence(PhiloxState state, int64_t index) : state_(state), index_(index) {}

  // In (0, 1), both ends excluded.
  T unit() {
    if (used_ == random_count<T>) {
      block_ = random_block(state_, index_, draw_++ % sampling_draws);
      used_ = 0;
    }
    return random_open_unit<T>(block_, used_++);
  }
  T normal() {
    T first, second;
    const T radius = unit();
    random_normal_pair(radius, unit(), first, second);
    return first;
  }

 private:
  PhiloxState state_;
  uint64_t index_, draw_ = 0;
  RandomBlock block_;
  int used_ = random_count<T>;
};

namespace op {

// Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
template <class T>
struct standard_gamma {
  T operator()(RandomSequence<T>& random, T shape, T) const {
    if (!(shape > T(0))) return shape == T(0) ? T(0) : limits<T>::quiet_nan();
    T boost = T(1);
    if (shape < T(1)) {
      boost = math::pow(random.unit(), T(1) / shape);
      shape += T(1);
    }
    const T d = shape - T(1) / T(3), c = T(1) / math::sqrt(T(9) * d);
    for (;;) {
      const T x = random.normal(), root = T(1) + c * x;
      if (root <= T(0)) continue;
      const T cube = root * root * root, square = x * x, u = random.unit();
      if (u < T(1) - T(0.0331) * square * square ||
          math::log(u) < square / T(2) + d * (T(1) - cube + math::log(cube))) {
        return sycl::fmax(boost * d * cube, limits<T>::smallest_normal());
      }
    }
  }
};

// Products of uniform numbers for a small mean, else Hörmann, "The transformed rejection method for
// generating Poisson random variables" (1993), algorithm PTRS.
template <class T>
struct poisson {
  static bool takes(T mean) { return mean >= T(0); }
  T operator()(RandomSequence<T>& random, T mean, T) const {
    if (!takes(mean)) return limits<T>::quiet_nan();
    if (mean < T(10)) {
      const T limit = math::exp(-mean);
      T product = random.unit(), count = T(0);
      for (; product > limit; product *= random.unit()) count += T(1);
      return count;
    }
    const T b = T(0.931) + T(2.53) * math::sqrt(mean), a = T(-0.059) + T(0.02483) * b;
    const T inverse_alpha = T(1.1239) + T(1.1328) / (b - T(3.4)), v_r = T(0.9277) - T(3.6224) / (b - T(2));
    const T log_mean = math::log(mean);
    for (;;) {
      const T u = random.unit() - T(0.5), v = random.unit(), us = T(0.5) - sycl::fabs(u);
      const T k = math::floor((T(2) * a / us + b) * u + mean + T(0.43));
      if (us >= T(0.07) && v <= v_r) return k;
      if (k < T(0) || (us < T(0.013) && v > us)) continue;
      if (math::log(v * inverse_alpha / (a / (us * us) + b)) <=
          k * log_mean - mean - sycl::lgamma(k + T(1))) {
        return k;
      }
    }
  }
};

// log(k!) less Stirling's formula.
template <class T>
inline T stirling_tail(T k) {
  constexpr T small[] = {T(0.0810614667953272), T(0.0413406959554092), T(0.0276779256849983),
                         T(0.0207906721037650), T(0.0166446911898211), T(0.0138761288230707),
                         T(0.0118967099458917), T(0.0104112652619720), T(0.0092554621827127),
                         T(0.0083305634333629)};
  if (k <= T(9)) return small[static_cast<int>(k)];
  const T square = (k + T(1)) * (k + T(1));
  return (T(1) / T(12) - (T(1) / T(360) - T(1) / T(1260) / square) / square) / (k + T(1));
}

// Gaps between successes for few of them, else Hörmann, "The generation of binomial random variates" (1993),
// algorithm BTRS.
template <class T>
struct binomial {
  T operator()(RandomSequence<T>& random, T count, T probability) const {
    if (is_nan(count) || is_nan(probability)) return limits<T>::quiet_nan();
    if (count <= T(0) || probability <= T(0)) return T(0);
    if (probability >= T(1)) return count;
    const bool flips = probability > T(0.5);
    const T successes = sample(random, count, flips ? T(1) - probability : probability);
    return flips ? count - successes : successes;
  }

 private:
  static T sample(RandomSequence<T>& random, T n, T p) {
    if (n * p < T(10)) {
      const T log_failure = math::log1p(-p);
      T successes = T(0);
      for (T passed = T(0);; successes += T(1)) {
        passed += math::ceil(math::log(random.unit()) / log_failure);
        if (passed > n) return successes;
      }
    }
    const T deviation = math::sqrt(n * p * (T(1) - p)), b = T(1.15) + T(2.53) * deviation;
    const T a = T(-0.0873) + T(0.0248) * b + T(0.01) * p, v_r = T(0.92) - T(4.2) / b, odds = p / (T(1) - p);
    const T alpha = (T(2.83) + T(5.1) / b) * deviation, m = math::floor((n + T(1)) * p);
    const T at_mode = (m + T(0.5)) * math::log((m + T(1)) / (odds * (n - m + T(1)))) + stirling_tail(m) +
                      stirling_tail(n - m);
    for (;;) {
      const T u = random.unit() - T(0.5), v = random.unit(), us = T(0.5) - sycl::fabs(u);
      const T k = math::floor((T(2) * a / us + b) * u + n * p + T(0.5));
      if (k < T(0) || k > n) continue;
      if (us >= T(0.07) && v <= v_r) return k;
      const T bound = at_mode + (n + T(1)) * math::log((n - m + T(1)) / (n - k + T(1))) +
                      (k + T(0.5)) * math::log(odds * (n - k + T(1)) / (k + T(1))) - stirling_tail(k) -
                      stirling_tail(n - k);
      if (math::log(v * alpha / (a / (us * us) + b)) <= bound) return k;
    }
  }
};

}  // namespace op

template <template <class> class Distribution, class T>
IPEX_KERNEL void sample_each(SamplingParams params) {
  using C = opmath_t<T>;
  const int64_t index = this_item().get_global_id(0);
  if (index >= params.numel) return;
  RandomSequence<C> random(params.state, index);
  const C first = cast<C>(static_cast<const T*>(params.first)[index]);
  if constexpr (requires { Distribution<C>::takes(first); }) {
    if (!Distribution<C>::takes(first)) params.fault.raise();
  }
  const C second = params.second == nullptr ? C(0) : cast<C>(static_cast<const T*>(params.second)[index]);
  static_cast<T*>(params.output)[index] = cast<T>(Distribution<C>{}(random, first, second));
}

}  // namespace ipex::kernels
