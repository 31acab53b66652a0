// Activations as products with weights of few bits want them, span by span.
#pragma once

#include "kernels/llm/quantized_row.hpp"

namespace ipex::kernels {

inline float zero_of(int64_t) { return 0.0f; }
inline FloatPack zero_of(PackPlace) { return 0.0f; }
inline float multiply_add(float x, float y, float z) { return sycl::fma(x, y, z); }
inline FloatPack multiply_add(FloatPack x, float y, FloatPack z) { return math::fma(x, FloatPack(y), z); }

// A span of a row of the input: `size` activations from `x` on.
template <class In>
struct ActivationSpan {
  int64_t row, span, size;
  const In* x;

  IPEX_WITHIN ActivationSpan(const ActivationsParams& params, int64_t job)
      : row(job / params.spans), span(job % params.spans) {
    const int64_t first = span * params.span_size;
    size = sycl::min(int64_t{params.span_size}, sycl::max(params.columns - first, int64_t{0}));
    x = static_cast<const In*>(params.input) + row * params.row_stride + first;
  }

  // Where the span is in row `place_row` of the result; what it has beyond the input is set to 0.
  template <class Out, class Rows>
  IPEX_WITHIN Out* values(const Rows& rows, const ActivationsParams& params, int64_t place_row) const {
    auto* values = reinterpret_cast<Out*>(static_cast<char*>(params.values) + place_row * params.row_bytes) +
                   span * params.span_size;
    rows.for_each(params.span_size - size, [&](auto i) { store(values + size, i, zero_of(i)); });
    return values;
  }

  template <class Rows>
  IPEX_WITHIN float largest_magnitude(const Rows& rows) const {
    return rows.fold(
        size, 0.0f, [](auto a, auto b) { return math::maximum(a, b); },
        [&](auto i) { return magnitude(load<float>(x, i)); });
  }
};

template <class In, class Rows>
IPEX_WITHIN void plain_span(const Rows& rows, const ActivationsParams& params, int64_t job) {
  const ActivationSpan<In> span(params, job);
  auto* const values = span.template values<float>(rows, params, span.row);
  rows.for_each(span.size, [&](auto i) { store(values, i, load<float>(span.x, i)); });
}

// The 16-bit integers nearest to the activations, whose largest is the largest integer; of what these leave
// the second row's.
template <class In>
IPEX_WITHIN void integer_span(const ActivationsParams& params, int64_t job) {
  constexpr float largest_integer = 32767, smallest = 1e-30f;
  // Rounding leaves up to a half, and a thousandth where a product was rounded to it: 16 bits hold that, too.
  constexpr float refinement = 65000;
  const PackRows<float> rows;
  const ActivationSpan<In> span(params, job);
  const float largest = span.largest_magnitude(rows);
  const bool finite = largest < limits<float>::infinity();
  const float inverse = finite && largest > smallest ? largest_integer / largest : 0.0f;
  for (int digit = 0; digit < params.digits; ++digit) {
    const int64_t place_row = span.row * params.digits + digit;
    auto* const values = span.template values<int16_t>(rows, params, place_row);
    const auto integer = [&](auto i) {
      const auto value = load<float>(span.x, i);
      const auto first = nearest(value * decltype(value)(inverse));
      if (digit == 0) return first;
      return nearest(multiply_add(value, inverse, -first) * decltype(value)(refinement));
    };
    // What is not finite makes every result NaN.
    const float unit = finite ? largest / largest_integer : limits<float>::quiet_nan();
    const float scale = digit == 0 ? unit : unit / refinement;
    const float sum = sum_each<float>(rows, span.size, [&](auto i) {
      const auto value = finite ? integer(i) : zero_of(i);
      store(values, i, value);
      return value;
    });
    const int64_t place = place_row * params.spans + span.span;
    params.scales[place] = scale;
    params.sums[place] = scale * sum;
  }
}

}  // namespace ipex::kernels
