// Walking along a row of memory: by the work-items of a sub-group side by side, or by one work-item that
// takes packs, on a CPU. Functions of a place are written once for both: they call `load` and `store`.
#pragma once

#include "kernels/core/lanes.hpp"
#include "kernels/core/pack.hpp"
#include "kernels/core/sub_group.hpp"

namespace ipex::kernels {

// The places of a pack, from `first` on.
struct PackPlace {
  int64_t first;
};

// What is at a place: as T or a pack of T; as V, which is such a pack or a number.
template <class T, class In>
inline T load(const In* values, int64_t place) {
  return cast<T>(values[place]);
}
template <class T, class In>
inline pack_of<T> load(const In* values, PackPlace place) {
  return load_pack<pack_of<T>>(values + place.first);
}

template <class V, class In>
inline V load_as(const In* values, int64_t place) {
  return cast<V>(values[place]);
}
template <class V, class In>
inline V load_as(const In* values, PackPlace place) {
  return load_pack<V>(values + place.first);
}

template <class Out, class T>
inline void store(Out* values, int64_t place, T value) {
  values[place] = cast<Out>(value);
}
template <class Out, class T, int N>
inline void store(Out* values, PackPlace place, Pack<T, N> pack) {
  store_pack(values + place.first, pack);
}

constexpr int row_chains = 4;

// Calls function(i) for each i < size, the work-items side by side.
template <class Function>
inline void for_row(const sycl::sub_group& group, int64_t size, Function function) {
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  int64_t i = 0;
  for (; i + width <= size; i += width) function(i + lane);
  if (i + lane < size) function(i + lane);
}

// The combination of function(i) over i < size, in several independent chains.
template <class T, class Combine, class Function>
inline T fold_row(const sycl::sub_group& group, int64_t size, T start, Combine combine, Function function) {
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  T chains[row_chains] = {start, start, start, start};
  int64_t i = 0;
  for (; i + row_chains * width <= size; i += row_chains * width) {
#pragma unroll
    for (int k = 0; k < row_chains; ++k) chains[k] = combine(chains[k], function(i + k * width + lane));
  }
  for (; i < size; i += width) {
    if (i + lane < size) chains[0] = combine(chains[0], function(i + lane));
  }
  const T joined = combine(combine(chains[0], chains[1]), combine(chains[2], chains[3]));
  return combine_over(group, joined, combine);
}

template <class T, class Function>
inline T sum_row(const sycl::sub_group& group, int64_t size, Function function) {
  return fold_row(
      group, size, T(0), [](T a, T b) { return a + b; }, function);
}

// Rows of values of T; each row is a sub-group's.
template <class T>
class SubGroupRows {
 public:
  SubGroupRows() : group_(this_sub_group()), jobs_(all_sub_groups()) {}

  // Calls function(job) for this one's part of `count` jobs: every so many-th, so that neighbours run at
  // once.
  template <class Function>
  void for_jobs(int64_t count, Function function) const {
    for (int64_t job = jobs_.index; job < count; job += jobs_.count) function(job);
  }
  bool writes() const { return group_.get_local_linear_id() == 0; }  // what the row has one of
  int64_t uniform(int64_t value) const { return kernels::uniform(group_, value); }
  void meet() const { sycl::group_barrier(group_); }  // what was stored before may be stored to again

  template <class Function>
  void for_each(int64_t size, Function function) const {
    for_row(group_, size, function);
  }

  template <class Combine, class Function>
  T fold(int64_t size, T start, Combine combine, Function function) const {
    return fold_row(group_, size, start, combine, function);
  }

 private:
  sycl::sub_group group_;
  SubGroups jobs_;
};

// Calls function(job) for this work-group's part of `count` jobs: those that follow each other, so that the
// core that runs them streams through memory.
template <class Function>
inline void for_following_jobs(int64_t count, Function function) {
  const int64_t group = this_item().get_group(0);
  const int64_t groups = this_item().get_group_range(0);
  const int64_t share = count / groups, rest = count - share * groups;
  const int64_t first = group * share + sycl::min(group, rest);
  const int64_t end = first + share + (group < rest ? 1 : 0);
  for (int64_t job = first; job < end; ++job) function(job);
}

// Each row is a work-item's, which is a work-group.
template <class T>
class PackRows {
 public:
  using P = pack_of<T>;

  template <class Function>
  void for_jobs(int64_t count, Function function) const {
    for_following_jobs(count, function);
  }
  bool writes() const { return true; }
  int64_t uniform(int64_t value) const { return value; }
  void meet() const {}

  template <class Function>
  void for_each(int64_t size, Function function) const {
    int64_t i = 0;
    for (; i + P::count <= size; i += P::count) function(PackPlace{i});
    for (; i < size; ++i) function(i);
  }

  template <class Combine, class Function>
  T fold(int64_t size, T start, Combine combine, Function function) const {
    P chains[row_chains] = {start, start, start, start};
    int64_t i = 0;
    for (; i + row_chains * P::count <= size; i += row_chains * P::count) {
#pragma unroll
      for (int k = 0; k < row_chains; ++k) {
        chains[k] = combine(chains[k], function(PackPlace{i + k * P::count}));
      }
    }
    for (; i + P::count <= size; i += P::count) chains[0] = combine(chains[0], function(PackPlace{i}));
    T rest = start;
    for (; i < size; ++i) rest = combine(rest, function(i));
    const P joined = combine(combine(chains[0], chains[1]), combine(chains[2], chains[3]));
    return combine(rest, T(combine_lanes<P>(joined, combine).lanes[0]));
  }
};

template <class T, class Rows, class Function>
inline T sum_each(const Rows& rows, int64_t size, Function function) {
  return rows.fold(
      size, T(0), [](auto a, auto b) { return a + b; }, function);
}

}  // namespace ipex::kernels
