// Sequences: element i is a function of i. C is the type of the computation.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/types.hpp"
#include "kernels/range_params.hpp"

namespace ipex::kernels {
namespace op {

template <class C>
struct Sequence {
  C start, end, step, base;
  std::int64_t numel;
  explicit Sequence(const RangeParams& params)
      : start(*reinterpret_cast<const C*>(params.start)),
        end(*reinterpret_cast<const C*>(params.end)),
        step(*reinterpret_cast<const C*>(params.step)),
        base(*reinterpret_cast<const C*>(params.base)),
        numel(params.numel) {}
};

template <class C>
struct arange : Sequence<C> {
  using Sequence<C>::Sequence;
  C operator()(std::int64_t i) const { return this->start + this->step * cast<C>(i); }
};

// From the nearer end, so that both ends are exact and the sequence is symmetric.
template <class C>
struct linspace : Sequence<C> {
  using Sequence<C>::Sequence;
  C operator()(std::int64_t i) const {
    return i < this->numel / 2 ? this->start + this->step * cast<C>(i)
                               : this->end - this->step * cast<C>(this->numel - 1 - i);
  }
};

template <class C>
struct logspace : linspace<C> {
  using linspace<C>::linspace;
  C operator()(std::int64_t i) const { return math::pow(this->base, linspace<C>::operator()(i)); }
};

}  // namespace op

template <template <class> class F, class C, class T>
IPEX_KERNEL void generate(RangeParams params) {
  const auto item = this_item();
  const F<C> sequence(params);
  auto* output = static_cast<T*>(params.output);
  const std::int64_t width = item.get_local_range(0);
  const std::int64_t first = item.get_group(0) * width * range_items + item.get_local_id(0);
  for (int k = 0; k < range_items; ++k) {
    const std::int64_t position = first + k * width;
    if (position < params.numel) output[position] = cast<T>(sequence(position));
  }
}

}  // namespace ipex::kernels
