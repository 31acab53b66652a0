// Reductions of segments of lines: a work-item for each segment and inner position.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/twofold.hpp"
#include "kernels/segment_params.hpp"

namespace ipex::kernels {

// The segment of a work-item: elements `first` to `last` of a line, `inner` apart from `base`.
struct Segment {
  int64_t output, base, first, last;
};

inline bool find_segment(const SegmentParams& params, Segment& segment) {
  segment.output = this_item().get_global_id(0);
  const int64_t line = segment.output / params.inner;
  const int64_t outer = line / params.segments;
  if (outer >= params.outer) return false;
  const auto* offsets = params.offsets + line + outer;
  segment.base = outer * params.length * params.inner + segment.output % params.inner;
  segment.first = offsets[0];
  segment.last = sycl::min(offsets[1], params.length);
  return true;
}

template <class C>
inline C segment_start(const SegmentParams& params) {
  if (params.has_initial) return static_cast<C>(params.initial);
  switch (params.reduction) {
    case SegmentReduction::max:
      return -limits<C>::infinity();
    case SegmentReduction::min:
      return limits<C>::infinity();
    case SegmentReduction::prod:
      return C(1);
    default:
      return C(0);
  }
}

template <class T>
IPEX_KERNEL void segment_reduce(SegmentParams params) {
  using C = opmath_t<T>;
  Segment segment;
  if (!find_segment(params, segment)) return;
  const auto* data = static_cast<const T*>(params.data);
  auto total = twofold(segment_start<C>(params));
  for (int64_t i = segment.first; i < segment.last; ++i) {
    const C value = cast<C>(data[segment.base + i * params.inner]);
    switch (params.reduction) {
      case SegmentReduction::max:
        total = math::maximum(rounded(total), value);
        break;
      case SegmentReduction::min:
        total = math::minimum(rounded(total), value);
        break;
      case SegmentReduction::prod:
        total *= value;
        break;
      default:
        total += value;
    }
  }
  C result = rounded(total);
  if (params.reduction == SegmentReduction::mean) {
    const int64_t count = segment.last - segment.first;
    if (count > 0) {
      result /= static_cast<C>(count);
    } else if (!params.has_initial) {
      result = limits<C>::quiet_nan();
    }
  }
  static_cast<T*>(params.output)[segment.output] = cast<T>(result);
}

// Elements outside of every segment keep the gradient 0 that they have.
template <class T>
IPEX_KERNEL void segment_gradient(SegmentParams params) {
  using C = opmath_t<T>;
  Segment segment;
  if (!find_segment(params, segment)) return;
  const auto* data = static_cast<const T*>(params.data) + segment.base;
  auto* data_gradient = static_cast<T*>(params.data_gradient) + segment.base;
  const C gradient = cast<C>(static_cast<const T*>(params.gradient)[segment.output]);
  const C output = cast<C>(static_cast<const T*>(params.output)[segment.output]);
  const auto value = [&](int64_t i) { return cast<C>(data[i * params.inner]); };
  const auto store = [&](int64_t i, C result) { data_gradient[i * params.inner] = cast<T>(result); };
  const auto is_extreme = [&](int64_t i) { return is_nan(value(i)) || value(i) == output; };
  C share = gradient;
  if (params.reduction == SegmentReduction::mean) {
    share /= static_cast<C>(segment.last - segment.first);
  } else if (params.reduction == SegmentReduction::max || params.reduction == SegmentReduction::min) {
    int64_t count = 0;
    for (int64_t i = segment.first; i < segment.last; ++i) count += is_extreme(i);
    share /= static_cast<C>(count);
  }
  for (int64_t i = segment.first; i < segment.last; ++i) {
    switch (params.reduction) {
      case SegmentReduction::max:
      case SegmentReduction::min:
        store(i, is_extreme(i) ? share : C(0));
        break;
      case SegmentReduction::prod:
        if (value(i) == C(0) || is_nan(value(i))) {
          auto others = twofold(segment_start<C>(params));
          for (int64_t k = segment.first; k < segment.last; ++k) others *= k == i ? C(1) : value(k);
          store(i, gradient * rounded(others));
        } else {
          store(i, gradient * output / value(i));
        }
        break;
      default:
        store(i, share);
    }
  }
}

}  // namespace ipex::kernels
