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

// Functors: the inputs' values, numbers or packs, then a function that gives the k-th coefficient.

template <class T>
struct apply_softmax {
  template <class V, class Coefficient>
  V operator()(V x, V, Coefficient coefficient) const {
    return math::exp(x - coefficient(0)) / coefficient(1);
  }
};

template <class T>
struct apply_log_softmax {
  template <class V, class Coefficient>
  V operator()(V x, V, Coefficient coefficient) const {
    return x - coefficient(0) - coefficient(1);
  }
};

template <class T>
struct apply_softmax_backward {
  template <class V, class Coefficient>
  V operator()(V gradient, V y, Coefficient coefficient) const {
    return y * (gradient - coefficient(0));
  }
};

template <class T>
struct apply_log_softmax_backward {
  template <class V, class Coefficient>
  V operator()(V gradient, V y, Coefficient coefficient) const {
    return gradient - math::exp(y) * coefficient(0);
  }
};

// Coefficients: mean, scale, shift.
template <class T>
struct normalize {
  template <class V, class Coefficient>
  V operator()(V x, V, Coefficient coefficient) const {
    return (x - coefficient(0)) * coefficient(1) + coefficient(2);
  }
};

// Coefficients: mean, factor of the gradient, factor of the distance to the mean, shift.
template <class T>
struct normalize_backward {
  template <class V, class Coefficient>
  V operator()(V gradient, V x, Coefficient coefficient) const {
    return gradient * coefficient(1) + (x - coefficient(0)) * coefficient(2) + coefficient(3);
  }
};

}  // namespace op

template <class F, class T, int Inputs, class In, class Out, class Rows>
inline void apply_runs_by(const Rows& rows, const RunsParams& params) {
  const auto* first_input = static_cast<const In*>(params.inputs[0]);
  const auto* second_input = static_cast<const In*>(params.inputs[1]);
  auto* output = static_cast<Out*>(params.output);
  // Of the place `i` behind `base`.
  const auto compute = [&](int64_t base, auto i, auto coefficient) {
    const auto a = load<T>(first_input + base, i);
    if constexpr (Inputs == 2) {
      store(output + base, i, F{}(a, load<T>(second_input + base, i), coefficient));
    } else {
      store(output + base, i, F{}(a, a, coefficient));
    }
  };
  if (params.along) {
    const int64_t jobs = params.runs / params.period * params.chunks;
    rows.for_jobs(jobs, [&](int64_t job) {
      const int64_t quotient = job / params.chunks;
      const int64_t begin = (job - quotient * params.chunks) * params.chunk;
      const int64_t end = rows.uniform(sycl::min(begin + params.chunk, params.period));
      const int64_t number = quotient * params.stride;
      for (int64_t run = begin; run < end; ++run) {
        const int64_t base = (quotient * params.period + run) * params.length;
        rows.for_each(params.length, [&](auto i) {
          compute(base, i,
                  [&](int k) { return load<T>(static_cast<const T*>(params.coefficients[k]) + number, i); });
        });
      }
    });
  } else {
    rows.for_jobs(params.runs * params.chunks, [&](int64_t job) {
      const int64_t run = job / params.chunks;
      const int64_t begin = (job - run * params.chunks) * params.chunk;
      const int64_t count = rows.uniform(sycl::min(params.chunk, params.length - begin));
      const int64_t quotient = run / params.period;
      const int64_t number = quotient * params.stride + (run - quotient * params.period) * params.step;
      const int64_t base = run * params.length + begin;
      T shared[runs_max_coefficients];
#pragma unroll
      for (int k = 0; k < runs_max_coefficients; ++k) {
        const auto* coefficients = static_cast<const T*>(params.coefficients[k]);
        shared[k] = coefficients == nullptr ? T(0) : coefficients[number];
      }
      rows.for_each(count, [&](auto i) { compute(base, i, [&](int k) { return shared[k]; }); });
    });
  }
}

template <class F, class T, int Inputs, class In, class Out>
IPEX_KERNEL void apply_runs(RunsParams params) {
  apply_runs_by<F, T, Inputs, In, Out>(SubGroupRows<T>(), params);
}
template <class F, class T, int Inputs, class In, class Out>
IPEX_KERNEL_OF_ONE void apply_runs_by_packs(RunsParams params) {
  apply_runs_by<F, T, Inputs, In, Out>(PackRows<T>(), params);
}

}  // namespace ipex::kernels
