// Norms of many tensors: work-groups fold their chunks, then one work-group a tensor folds the results.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/tensor_table.hpp"

namespace ipex::kernels {

namespace norm {

template <class C>
struct one {
  static C map(C x) { return sycl::fabs(x); }
  static C fold(C a, C b) { return a + b; }
  static C fold_group(sycl::group<1> group, C x) {
    return sycl::reduce_over_group(group, x, sycl::plus<C>());
  }
  static C finish(C x) { return x; }
};

template <class C>
struct two : one<C> {
  static C map(C x) { return x * x; }
  static C finish(C x) { return math::sqrt(x); }
};

// NaN is larger than anything.
template <class C>
struct infinity : one<C> {
  static C fold(C a, C b) { return math::maximum(a, b); }
  static C fold_group(sycl::group<1> group, C x) {
    const bool invalid = sycl::any_of_group(group, is_nan(x));
    const C largest = sycl::reduce_over_group(group, is_nan(x) ? C(0) : x, sycl::maximum<C>());
    return invalid ? limits<C>::quiet_nan() : largest;
  }
};

}  // namespace norm

// Slots: the tensor, the folds of its chunks.
template <template <class> class Norm, class T>
IPEX_KERNEL void norm_chunks(TableParams params) {
  const auto& table = *params.table;
  using C = opmath_t<T>;
  const auto chunk = this_chunk(table);
  const T* data = slot_pointer<const T>(table, chunk.tensor, 0);
  C result = 0;
  for_each_element(chunk, params, [&](int64_t base, uint32_t lane) {
    result = Norm<C>::fold(result, Norm<C>::map(static_cast<C>((data + base)[lane])));
  });
  const auto item = this_item();
  result = Norm<C>::fold_group(item.get_group(), result);
  if (item.get_local_id(0) == 0)
    slot_pointer<C>(table, chunk.tensor, 1)[chunk.first / foreach_chunk] = result;
}

// Slots: the folds, their number, the result.
template <template <class> class Norm, class C, class Out>
IPEX_KERNEL void norm_finish(TableParams params) {
  const auto& table = *params.table;
  const auto item = this_item();
  const int tensor = static_cast<int>(item.get_group(0));
  const C* folds = slot_pointer<const C>(table, tensor, 0);
  const auto count = static_cast<int64_t>(table.slots(tensor)[1]);
  C result = 0;
  for (int64_t index = item.get_local_id(0); index < count; index += item.get_local_range(0)) {
    result = Norm<C>::fold(result, folds[index]);
  }
  result = Norm<C>::fold_group(item.get_group(), result);
  if (item.get_local_id(0) == 0) *slot_pointer<Out>(table, tensor, 2) = cast<Out>(Norm<C>::finish(result));
}

}  // namespace ipex::kernels
