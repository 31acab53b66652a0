// The margin between the labels of a row and its other classes: a work-item for each class.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/margin_params.hpp"

namespace ipex::kernels {

// The row and the class of this work-item.
struct MarginPlace {
  int64_t row, own, base;
};

inline bool find_place(const MarginParams& params, MarginPlace& place) {
  const int64_t index = this_item().get_global_id(0);
  place.row = index / params.classes;
  place.base = place.row * params.classes;
  place.own = index - place.base;
  return place.row < params.rows;
}

// Calls function(label) for each label of a row.
template <class Function>
inline void for_labels(const MarginParams& params, int64_t base, Function function) {
  for (int64_t k = 0; k < params.classes; ++k) {
    const int64_t label = params.target[base + k];
    if (label == -1) return;
    if (label < 0 || label >= params.classes) return params.fault.raise();
    function(label);
  }
}

// A class that is no label pays for each label that it comes too close to.
template <class T>
IPEX_KERNEL void margin_terms(MarginParams params) {
  using C = opmath_t<T>;
  MarginPlace place;
  if (!find_place(params, place)) return;
  const auto* input = static_cast<const T*>(params.input) + place.base;
  const C own = cast<C>(input[place.own]);
  bool is_label = false;
  C sum = C(0);
  for_labels(params, place.base, [&](int64_t label) {
    is_label |= label == place.own;
    sum += sycl::fmax(C(1) - cast<C>(input[label]) + own, C(0));
  });
  static_cast<T*>(params.is_target)[place.base + place.own] = cast<T>(C(is_label));
  static_cast<C*>(params.output)[place.base + place.own] = is_label ? C(0) : sum;
}

template <class T>
IPEX_KERNEL void margin_gradient(MarginParams params) {
  using C = opmath_t<T>;
  MarginPlace place;
  if (!find_place(params, place)) return;
  const auto* input = static_cast<const T*>(params.input) + place.base;
  const auto* is_target = static_cast<const T*>(params.is_target) + place.base;
  const C own = cast<C>(input[place.own]);
  int64_t count = 0;
  if (cast<C>(is_target[place.own]) == C(0)) {
    for_labels(params, place.base,
               [&](int64_t label) { count += C(1) - cast<C>(input[label]) + own > C(0); });
  } else {
    int64_t times = 0;
    for_labels(params, place.base, [&](int64_t label) { times += label == place.own; });
    for (int64_t k = 0; k < params.classes; ++k) {
      const bool is_close = C(1) - own + cast<C>(input[k]) > C(0);
      count -= is_close && cast<C>(is_target[k]) == C(0) ? times : 0;
    }
  }
  const C gradient = cast<C>(static_cast<const T*>(params.gradient)[place.row * params.gradient_stride]);
  static_cast<T*>(params.output)[place.base + place.own] =
      cast<T>(static_cast<C>(count) * gradient / static_cast<C>(params.divisor));
}

}  // namespace ipex::kernels
