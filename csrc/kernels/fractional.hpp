// Maxima of windows at random distances (Graham, "Fractional max-pooling", 2014): a work-item for each of
// them.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/fractional_params.hpp"

namespace ipex::kernels {

// Where window `place` begins; the last one ends with the input.
template <class C>
inline int64_t window_start(C sample, int64_t place, int64_t input, int64_t output, int64_t window) {
  if (place == output - 1) return input - window;
  const C step = static_cast<C>(input - window) / static_cast<C>(output - 1);
  return static_cast<int64_t>((static_cast<C>(place) + sample) * step) - static_cast<int64_t>(sample * step);
}

template <class T>
IPEX_KERNEL void fractional_max_pool(FractionalParams params) {
  using C = opmath_t<T>;
  const int64_t number = this_item().get_global_id(0);
  if (number >= params.numel) return;
  int64_t plane = number, start[3];
  const auto& in = params.input_sizes;
  int64_t places[3];
#pragma unroll
  for (int d = 2; d >= 0; --d) {
    const int64_t quotient = plane / params.output_sizes[d];
    places[d] = plane - quotient * params.output_sizes[d];
    plane = quotient;
  }
  const auto* samples = static_cast<const T*>(params.samples) + plane * params.spatial;
#pragma unroll
  for (int d = 0; d < 3; ++d) {
    const C sample = params.sample[d] < 0 ? C(0) : cast<C>(samples[params.sample[d]]);
    start[d] = window_start(sample, places[d], in[d], params.output_sizes[d], params.window[d]);
  }
  const auto* input = static_cast<const T*>(params.input) + plane * in[0] * in[1] * in[2];
  int64_t best_index = (start[0] * in[1] + start[1]) * in[2] + start[2];
  C best = cast<C>(input[best_index]);
  for (int64_t d = start[0]; d < start[0] + params.window[0]; ++d) {
    for (int64_t h = start[1]; h < start[1] + params.window[1]; ++h) {
      for (int64_t w = start[2]; w < start[2] + params.window[2]; ++w) {
        const int64_t index = (d * in[1] + h) * in[2] + w;
        const C value = cast<C>(input[index]);
        if (value > best || is_nan(value)) {
          best = value;
          best_index = index;
        }
      }
    }
  }
  static_cast<T*>(params.output)[number] = cast<T>(best);
  params.indices[number] = best_index;
}

}  // namespace ipex::kernels
