// Elementwise kernels whose other operands are few and shared: a mean for each channel, a sum for each row.
// What a broadcasting elementwise kernel would look up element by element is loaded once for a run, or in
// step with it.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/runs_params.hpp"

namespace ipex::kernels {

namespace op {

// Functors: the inputs' values, then a function that gives the k-th coefficient.

template <class T>
struct apply_softmax {
  template <class Coefficient>
  T operator()(T x, T, Coefficient coefficient) const {
    return math::exp(x - coefficient(0)) / coefficient(1);
  }
};

template <class T>
struct apply_log_softmax {
  template <class Coefficient>
  T operator()(T x, T, Coefficient coefficient) const {
    return x - coefficient(0) - coefficient(1);
  }
};

template <class T>
struct apply_softmax_backward {
  template <class Coefficient>
  T operator()(T gradient, T y, Coefficient coefficient) const {
    return y * (gradient - coefficient(0));
  }
};

template <class T>
struct apply_log_softmax_backward {
  template <class Coefficient>
  T operator()(T gradient, T y, Coefficient coefficient) const {
    return gradient - math::exp(y) * coefficient(0);
  }
};

// Coefficients: mean, scale, shift.
template <class T>
struct normalize {
  template <class Coefficient>
  T operator()(T x, T, Coefficient coefficient) const {
    return (x - coefficient(0)) * coefficient(1) + coefficient(2);
  }
};

// Coefficients: mean, factor of the gradient, factor of the distance to the mean, shift.
template <class T>
struct normalize_backward {
  template <class Coefficient>
  T operator()(T gradient, T x, Coefficient coefficient) const {
    return gradient * coefficient(1) + (x - coefficient(0)) * coefficient(2) + coefficient(3);
  }
};

}  // namespace op

template <class F, class T, int Inputs, class In, class Out>
IPEX_KERNEL void apply_runs(RunsParams params) {
  const auto group = this_sub_group();
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  const auto* first_input = static_cast<const In*>(params.inputs[0]);
  const auto* second_input = static_cast<const In*>(params.inputs[1]);
  auto* output = static_cast<Out*>(params.output);
  const auto compute = [&](int64_t i, auto coefficient) {
    const T a = cast<T>(first_input[i]);
    const T b = Inputs == 2 ? cast<T>(second_input[i]) : T(0);
    output[i] = cast<Out>(F{}(a, b, coefficient));
  };
  const auto [first, step] = all_sub_groups();
  if (params.along) {
    for (int64_t job = first; job < params.runs / params.period * params.chunks; job += step) {
      const int64_t quotient = job / params.chunks;
      const int64_t begin = (job - quotient * params.chunks) * params.chunk;
      const int64_t end = uniform(group, sycl::min(begin + params.chunk, params.period));
      const int64_t number = quotient * params.stride;
      for (int64_t run = begin; run < end; ++run) {
        const int64_t base = (quotient * params.period + run) * params.length;
        for_row(group, params.length, [&](int64_t i) {
          compute(base + i, [&](int k) { return static_cast<const T*>(params.coefficients[k])[number + i]; });
        });
      }
    }
  } else {
    for (int64_t job = first; job < params.runs * params.chunks; job += step) {
      const int64_t run = job / params.chunks;
      const int64_t begin = (job - run * params.chunks) * params.chunk;
      const int64_t count = uniform(group, sycl::min(params.chunk, params.length - begin));
      const int64_t quotient = run / params.period;
      const int64_t number = quotient * params.stride + (run - quotient * params.period) * params.step;
      const int64_t base = run * params.length + begin;
      T shared[runs_max_coefficients];
#pragma unroll
      for (int k = 0; k < runs_max_coefficients; ++k) {
        const auto* coefficients = static_cast<const T*>(params.coefficients[k]);
        shared[k] = coefficients == nullptr ? T(0) : coefficients[number];
      }
      for_row(group, count, [&](int64_t i) { compute(base + i, [&](int k) { return shared[k]; }); });
    }
  }
}

}  // namespace ipex::kernels
