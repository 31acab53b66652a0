// A work-group's part of the rows of row_grid.hpp.
//
// Everything but the lane is the same for the whole group, and elements are addressed by a common pointer and
// the plain lane: a sum of 32-bit numbers might wrap, so the compiler could not take neighbouring work-items'
// elements for neighbours.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/packed_pair.hpp"
#include "kernels/core/row_grid.hpp"

namespace ipex::kernels {

struct RowSlice {
  std::uint32_t row;
  std::int64_t first;   // where in the row it begins
  std::uint32_t lanes;  // how many elements it has
};

inline RowSlice row_slice(const RowSlices& rows, std::uint32_t group, std::uint32_t width) {
  RowSlice slice;
  slice.row = split(rows.slices, group);
  slice.first = std::int64_t{group} * width;
  slice.lanes = static_cast<std::uint32_t>(sycl::min(rows.length - slice.first, std::int64_t{width}));
  return slice;
}

// The slice of this work-group.
inline RowSlice this_row_slice(const RowSlices& rows) {
  const auto item = this_item();
  return row_slice(rows, static_cast<std::uint32_t>(item.get_group(0)),
                   static_cast<std::uint32_t>(item.get_local_range(0)));
}

// The work-item's element of the slice; there is one if it is less than `lanes`.
inline std::uint32_t this_lane() { return static_cast<std::uint32_t>(this_item().get_local_id(0)); }

// Where the slice begins in each of the first Count operands.
template <int Count, int Operands>
inline void find_slice(const RowGrid<Operands>& grid, const RowSlice& slice, char* (&start)[Count]) {
#pragma unroll
  for (int k = 0; k < Count; ++k) {
    start[k] = static_cast<char*>(grid.data[k]) + slice.first * grid.strides[k];
  }
  // Unrolled: an index known only at run time would copy the parameters to every work-item's own memory. No
  // condition for unused dimensions: it would be asked again for every element.
  std::uint32_t number = slice.row;
#pragma unroll
  for (int d = 0; d < row_grid_outer_dims; ++d) {
    std::uint32_t position = number;
    number = split(grid.outer_sizes[d], position);
    if (d == 0) position *= grid.steps;
#pragma unroll
    for (int k = 0; k < Count; ++k) start[k] += position * grid.outer_strides[d][k];
  }
}

// To the same slice of the next row.
template <int Count, int Operands>
inline void next_row(const RowGrid<Operands>& grid, char* (&start)[Count]) {
#pragma unroll
  for (int k = 0; k < Count; ++k) start[k] += grid.outer_strides[0][k];
}

// How an operand lies along a row: what is known at compile time becomes a vector load or a broadcast, where
// a stride in a register would become a gather.

// The elements of a row follow each other.
template <class T>
struct row {
  using type = T;
  static T& at(char* start, std::int64_t, std::uint32_t lane) { return reinterpret_cast<T*>(start)[lane]; }
};

// They follow each other, and a work-item does two of them.
template <class T>
struct pairs {
  using type = PackedPair<T>;
  static PackedPair<T>& at(char* start, std::int64_t, std::uint32_t lane) {
    return reinterpret_cast<PackedPair<T>*>(start)[lane];
  }
};

// One element serves the whole row.
template <class T>
struct fixed {
  using type = T;
  static T& at(char* start, std::int64_t, std::uint32_t) { return *reinterpret_cast<T*>(start); }
};

// They follow each other backwards.
template <class T>
struct reversed {
  using type = T;
  static T& at(char* start, std::int64_t, std::uint32_t lane) {
    return *(reinterpret_cast<T*>(start) - static_cast<std::int64_t>(lane));
  }
};

template <class T>
struct strided {
  using type = T;
  static T& at(char* start, std::int64_t stride, std::uint32_t lane) {
    return *reinterpret_cast<T*>(start + stride * lane);
  }
};

template <class Operand>
inline constexpr bool is_strided_v = std::is_same_v<Operand, strided<typename Operand::type>>;

// Along a stride that is an element's size this is a vector again, not a scatter.
template <class Operand>
inline void store_lane(char* start, std::int64_t stride, std::uint32_t lane, typename Operand::type value) {
  using T = typename Operand::type;
  if constexpr (is_strided_v<Operand>) {
    if (stride == sizeof(T)) {
      reinterpret_cast<T*>(start)[lane] = value;
      return;
    }
  }
  Operand::at(start, stride, lane) = value;
}

}  // namespace ipex::kernels
