// How resizing and padding map the coordinates of their output to those of their input, along one dimension.
// A filter has
//   taps                     elements of the input that one of the output is a sum of,
//   index(axis, o, k)        which these are, and weights(axis, o, values),
//   outputs(axis, i)         a range of numbers of the outputs that element i of the input is part of,
//   output(axis, i, number)  which these are, and weight(axis, o, i): 0 where i is no part of o after all.
#pragma once

#include "kernels/core/cubic.hpp"
#include "kernels/core/functor.hpp"
#include "kernels/core/types.hpp"
#include "kernels/resample_params.hpp"

namespace ipex::kernels {

struct OutputRange {
  std::int32_t first, end;
};

inline std::int32_t clamp_index(std::int32_t index, std::int32_t size) {
  return sycl::max(std::int32_t{0}, sycl::min(index, size - 1));
}

// The first output whose taps begin at `target` or later. `begin` grows with the output; the estimate is
// right up to rounding, which the loops correct.
template <class C, class Begin>
inline std::int32_t first_output(const ResampleAxis& axis, std::int32_t target, C estimate, Begin begin) {
  const C bounded = sycl::max(C(0), sycl::min(sycl::ceil(estimate), static_cast<C>(axis.output)));
  auto output = sycl::min(static_cast<std::int32_t>(bounded), axis.output);
  while (output > 0 && begin(output - 1) >= target) --output;
  while (output < axis.output && begin(output) < target) ++output;
  return output;
}

// Where output `o` lies among the elements of the input. Bounded, because scales may have nothing to do with
// the sizes, and the place must fit 32 bits.
template <class C>
inline C source_coordinate(const ResampleAxis& axis, std::int32_t o) {
  const C scale = from_bytes<C>(axis.scale);
  const C place = axis.centered ? scale * (static_cast<C>(o) + C(0.5)) - C(0.5) : scale * static_cast<C>(o);
  return sycl::min(place, static_cast<C>(axis.input));
}

// A filter of Taps weights from `Offset` elements around the coordinate's floor; at the borders taps fall on
// the last element.
template <template <class> class Filter, class C, int Taps, int Offset>
struct InterpolatingFilter {
  static constexpr int taps = Taps;

  static std::int32_t index(const ResampleAxis& axis, std::int32_t o, int k) {
    return clamp_index(Filter<C>::begin(axis, o) + Offset + k, axis.input);
  }

  static OutputRange outputs(const ResampleAxis& axis, std::int32_t i) {
    const auto first = [&](std::int32_t target) {
      const C inverse = from_bytes<C>(axis.inverse), place = static_cast<C>(target);
      const C estimate = axis.centered ? (place + C(0.5)) * inverse - C(0.5) : place * inverse;
      return first_output(axis, target, estimate, [&](std::int32_t o) { return Filter<C>::begin(axis, o); });
    };
    return {i == 0 ? 0 : first(i - Offset - (Taps - 1)),
            i == axis.input - 1 ? axis.output : first(i - Offset + 1)};
  }

  static std::int32_t output(const ResampleAxis&, std::int32_t, std::int32_t number) { return number; }

  static C weight(const ResampleAxis& axis, std::int32_t o, std::int32_t i) {
    C values[Taps];
    Filter<C>::weights(axis, o, values);
    C sum = 0;
#pragma unroll
    for (int k = 0; k < Taps; ++k) sum += index(axis, o, k) == i ? values[k] : C(0);
    return sum;
  }
};

namespace op {

// The coordinate is a product of float numbers for every dtype: which element is nearest does not depend on
// it.
template <class>
struct nearest {
  static constexpr int taps = 1;

  static std::int32_t index(const ResampleAxis& axis, std::int32_t o, int = 0) {
    if (axis.shift >= 0) return o >> axis.shift;
    const float place =
        (static_cast<float>(o) + (axis.centered ? 0.5f : 0.0f)) * from_bytes<float>(axis.scale);
    return clamp_index(static_cast<std::int32_t>(sycl::min(place, static_cast<float>(axis.input))),
                       axis.input);
  }

  static OutputRange outputs(const ResampleAxis& axis, std::int32_t i) {
    const auto first = [&](std::int32_t target) {
      const float estimate =
          static_cast<float>(target) * from_bytes<float>(axis.inverse) - (axis.centered ? 0.5f : 0.0f);
      return first_output(axis, target, estimate, [&](std::int32_t o) { return index(axis, o); });
    };
    return {i == 0 ? 0 : first(i), i == axis.input - 1 ? axis.output : first(i + 1)};
  }

  static std::int32_t output(const ResampleAxis&, std::int32_t, std::int32_t number) { return number; }
  static float weight(const ResampleAxis&, std::int32_t, std::int32_t) { return 1; }
};

template <class C>
struct linear : InterpolatingFilter<linear, C, 2, 0> {
  static std::int32_t begin(const ResampleAxis& axis, std::int32_t o) {
    return clamp_index(static_cast<std::int32_t>(source_coordinate<C>(axis, o)), axis.input);
  }

  static void weights(const ResampleAxis& axis, std::int32_t o, C (&values)[2]) {
    const C place = sycl::max(source_coordinate<C>(axis, o), C(0));
    const C after = sycl::min(place - static_cast<C>(begin(axis, o)), C(1));
    values[0] = C(1) - after;
    values[1] = after;
  }
};

template <class C>
struct cubic : InterpolatingFilter<cubic, C, 4, -1> {
  static std::int32_t begin(const ResampleAxis& axis, std::int32_t o) {
    return sycl::min(static_cast<std::int32_t>(sycl::floor(source_coordinate<C>(axis, o))), axis.input - 1);
  }

  static void weights(const ResampleAxis& axis, std::int32_t o, C (&values)[4]) {
    const C place = source_coordinate<C>(axis, o);
    cubic_weights(sycl::max(C(0), sycl::min(place - static_cast<C>(begin(axis, o)), C(1))), values);
  }
};

template <class C>
struct replicate {
  static constexpr int taps = 1;

  static std::int32_t index(const ResampleAxis& axis, std::int32_t o, int = 0) {
    return clamp_index(o - axis.padding, axis.input);
  }

  static OutputRange outputs(const ResampleAxis& axis, std::int32_t i) {
    return {i == 0 ? 0 : sycl::max(i + axis.padding, std::int32_t{0}),
            i == axis.input - 1 ? axis.output : sycl::min(i + axis.padding + 1, axis.output)};
  }

  static std::int32_t output(const ResampleAxis&, std::int32_t, std::int32_t number) { return number; }
  static float weight(const ResampleAxis&, std::int32_t, std::int32_t) { return 1; }
};

// Padding is less than the size of the input, so an element has at most its own place and one behind each
// end.
template <class C>
struct reflect {
  static constexpr int taps = 1;

  static std::int32_t index(const ResampleAxis& axis, std::int32_t o, int = 0) {
    const std::int32_t place = o - axis.padding, last = axis.input - 1;
    return last - sycl::abs(last - sycl::abs(place));
  }

  static OutputRange outputs(const ResampleAxis& axis, std::int32_t i) {
    return {i > 0 ? 0 : 1, i < axis.input - 1 ? 3 : 2};
  }

  static std::int32_t output(const ResampleAxis& axis, std::int32_t i, std::int32_t number) {
    const std::int32_t place = number == 0 ? -i : number == 1 ? i : 2 * (axis.input - 1) - i;
    return place + axis.padding;
  }

  static float weight(const ResampleAxis& axis, std::int32_t o, std::int32_t) {
    return o >= 0 && o < axis.output ? 1 : 0;
  }
};

}  // namespace op
}  // namespace ipex::kernels
