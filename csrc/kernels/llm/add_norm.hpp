// Layer and RMS normalization of sums: what is added is read where it is normalized, and the sum is written
// on the way if a later layer wants it.
#pragma once

#include "kernels/llm/add_norm_params.hpp"
#include "kernels/norm.hpp"

namespace ipex::kernels {

// The sum is not rounded before it is normalized. Results are written by who read the operands of their
// place, so that operands may be overwritten.
template <bool Rms, class In, class P, class Rows>
inline void add_norm_by(const Rows& rows, const AddNormParams& params) {
  using T = opmath_t<In>;
  rows.for_jobs(params.rows, [&](int64_t row) {
    const auto find = [&](const AddNormRows& all) {
      return all.data == nullptr ? nullptr : static_cast<In*>(all.data) + row * all.stride;
    };
    const In* input = find(params.input);
    const In* first = find(params.addends[0]);
    const In* second = find(params.addends[1]);
    In* sum = find(params.sum);
    In* output = static_cast<In*>(params.output) + row * params.size;
    normalize_row<Rms, P, T>(
        rows, params.size, params.epsilon, params.weight, params.bias,
        [&](auto i) {
          auto value = load<T>(input, i);
          if (first != nullptr) value += load<T>(first, i);
          if (second != nullptr) value += load<T>(second, i);
          return value;
        },
        [&](auto i, auto value, auto result) {
          if (sum != nullptr) store(sum, i, value);
          store(output, i, result);
        });
  });
}

template <bool Rms, class In, class P>
IPEX_KERNEL void add_norm(AddNormParams params) {
  add_norm_by<Rms, In, P>(SubGroupRows<opmath_t<In>>(), params);
}
template <bool Rms, class In, class P>
IPEX_KERNEL_OF_ONE void add_norm_by_packs(AddNormParams params) {
  add_norm_by<Rms, In, P>(PackRows<opmath_t<In>>(), params);
}

}  // namespace ipex::kernels
