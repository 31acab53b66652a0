// Reading and writing through index tensors.
//
// One launch visits every element of a shape that output, input and index tensors share; each index tensor
// adds index * stride to the address of the indexed operand: the input where values are gathered, the output
// where they are scattered. An index that is out of range touches no memory and raises a fault.
#pragma once

#include "kernels/core/atomic.hpp"
#include "kernels/core/copy_run.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/lanes.hpp"
#include "kernels/core/math.hpp"
#include "kernels/core/opaque.hpp"
#include "kernels/core/pack.hpp"
#include "kernels/core/row_slice.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/core/types.hpp"
#include "kernels/index_params.hpp"

namespace ipex::kernels {

namespace op {

// combine(old, value) is what an element becomes; update does it for an address that others may write.
template <class T>
struct sum {
  static T combine(T old, T value) { return cast<T>(static_cast<opmath_t<T>>(old) + opmath_t<T>(value)); }
  static void update(T* address, T value) { atomic_add(address, value); }
};

// An update without an atomic of its own.
template <class T, class Function>
struct swapping {
  static T combine(T old, T value) {
    using C = opmath_t<T>;
    return cast<T>(Function::template apply<C>(static_cast<C>(old), static_cast<C>(value)));
  }
  static void update(T* address, T value) {
    atomic_update(address, [=](T old) { return combine(old, value); });
  }
};
struct apply_prod {
  template <class C>
  static C apply(C a, C b) {
    return a * b;
  }
};
struct apply_amax {
  template <class C>
  static C apply(C a, C b) {
    return math::maximum(a, b);
  }
};
struct apply_amin {
  template <class C>
  static C apply(C a, C b) {
    return math::minimum(a, b);
  }
};
template <class T>
struct prod : swapping<T, apply_prod> {};
template <class T>
struct amax : swapping<T, apply_amax> {};
template <class T>
struct amin : swapping<T, apply_amin> {};

}  // namespace op

// Adds what the index tensors select to `offset`; false where one of them is out of range. `index` is the
// work-item's place in the first of them.
template <bool Single>
inline bool add_indices(const IndexParams& params, const char* index, std::int64_t& offset) {
  bool valid = true;
#pragma unroll
  for (int k = 0; k < (Single ? 1 : index_max_indices); ++k) {
    if (!Single && k >= params.indices) break;
    const auto& dim = params.indexed[k];
    const auto given = *reinterpret_cast<const std::int64_t*>(index + dim.distance);
    valid = valid && given >= params.lowest * dim.size && given < dim.size;
    offset += (given < 0 ? given + dim.size : given) * dim.stride;
  }
  if (!valid) params.fault.raise();
  return valid;
}

// How the work-items of a launch share the elements.
enum class Visits {
  lanes,   // each has one of every row
  slices,  // each has slices of rows, one element after the other: faster on a CPU than gathers of vectors
};

// Calls visit(output element, input element) for element `lane` of a slice. Dense: there is one index, and
// its elements and those of the operand that is not indexed follow each other.
template <class T, bool IndexesOutput, bool Dense, class Visit>
inline void visit_indexed(const IndexParams& params, char* const (&start)[3], std::uint32_t lane,
                          Visit visit) {
  const auto address = [&](auto type, int k) {
    using Element = decltype(type);
    auto& element = Dense ? row<Element>::at(start[k], 0, lane)
                          : strided<Element>::at(start[k], params.grid.strides[k], lane);
    return reinterpret_cast<char*>(&element);
  };
  constexpr int indexed = IndexesOutput ? 0 : 1;
  std::int64_t selected = std::int64_t{lane} * params.grid.strides[indexed];
  if (!add_indices<Dense>(params, address(std::int64_t{}, 2), selected)) return;
  char* const place = start[indexed] + selected;
  char* const other = address(T{}, 1 - indexed);
  visit(reinterpret_cast<T*>(IndexesOutput ? place : other),
        reinterpret_cast<const T*>(IndexesOutput ? other : place));
}

template <class T>
struct Assign {
  void operator()(T* output, const T* input) const { *output = *input; }
};

// Rows without gaps.
template <class T, class Visit>
inline void visit_rows(char* output, const char* input, std::uint32_t length, Visit visit) {
  if constexpr (std::is_same_v<Visit, Assign<T>>) {
    copy_run<T>(output, input, std::int64_t{length} * sizeof(T));
  } else {
    for (std::uint32_t i = 0; i < length; ++i) {
      visit(reinterpret_cast<T*>(output) + i, reinterpret_cast<const T*>(input) + i);
    }
  }
}

constexpr std::uint32_t index_block = 16;

// Whether as many indices that follow each other are in [0, size).
inline bool are_below(const std::int64_t* indices, std::int64_t size) {
  typedef std::uint64_t Vector __attribute__((ext_vector_type(index_block)));
  typedef Vector Unaligned __attribute__((aligned(alignof(std::uint64_t))));
  const Vector limit = static_cast<std::uint64_t>(size);
  const auto outside = *reinterpret_cast<const Unaligned*>(indices) >= limit;
  const auto in_eight = outside.lo | outside.hi;
  const auto in_four = in_eight.lo | in_eight.hi;
  const auto in_two = in_four.lo | in_four.hi;
  return (in_two.x | in_two.y) == 0;
}

// Each element of a slice has an index, of one tensor. What the loops need is in variables: within the loops
// around them the compiler would read the parameters anew for each element.
template <class T, bool IndexesOutput, class Visit>
inline void visit_single(const IndexParams& params, char* const (&start)[3], std::uint32_t lanes,
                         Visit visit) {
  constexpr int indexed = IndexesOutput ? 0 : 1;
  constexpr std::int64_t size = sizeof(T);
  const auto dim = params.indexed[0];
  const std::int64_t lowest = params.lowest * dim.size;
  const std::int64_t along = params.grid.strides[indexed], other = params.grid.strides[1 - indexed],
                     next = params.grid.strides[2];
  char *const indexed_start = start[indexed], *const other_start = start[1 - indexed];
  const char* const index = start[2] + dim.distance;
  const auto visit_both = [&](char* selected, char* element) {
    visit(reinterpret_cast<T*>(IndexesOutput ? selected : element),
          reinterpret_cast<const T*>(IndexesOutput ? element : selected));
  };
  std::uint32_t lane = 0;
  if (next == sizeof(std::int64_t) && along == 0 && dim.stride == size && other == size) {
    const auto* const indices = reinterpret_cast<const std::int64_t*>(index);
    for (; lane + index_block <= lanes && are_below(indices + lane, dim.size); lane += index_block) {
#pragma unroll 4
      for (std::uint32_t k = 0; k < index_block; ++k) {
        visit_both(indexed_start + indices[lane + k] * size, other_start + (lane + k) * size);
      }
    }
  }
  bool valid = true;
  for (; lane < lanes; ++lane) {
    const auto given = *reinterpret_cast<const std::int64_t*>(index + lane * next);
    if (given < lowest || given >= dim.size) {
      valid = false;
      continue;
    }
    visit_both(indexed_start + lane * along + (given < 0 ? given + dim.size : given) * dim.stride,
               other_start + lane * other);
  }
  if (!valid) params.fault.raise();
}

// Visits the elements of a slice one after the other.
template <class T, bool IndexesOutput, class Visit>
inline void visit_slice(const IndexParams& params, char* const (&start)[3], std::uint32_t lanes,
                        Visit visit) {
  const auto& strides = params.grid.strides;
  if (strides[2] != 0) {
    if (params.indices == 1) {
      visit_single<T, IndexesOutput>(params, start, lanes, visit);
      return;
    }
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      visit_indexed<T, IndexesOutput, false>(params, start, lane, visit);
    }
    return;
  }
  // They share an index: a row of one tensor meets a row of the other.
  std::int64_t selected = 0;
  if (!add_indices<false>(params, start[2], selected)) return;
  char* const output = start[0] + (IndexesOutput ? selected : 0);
  char* const input = start[1] + (IndexesOutput ? 0 : selected);
  if (strides[0] == sizeof(T) && strides[1] == sizeof(T)) {
    visit_rows<T>(output, input, lanes, visit);
  } else {
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      visit(&strided<T>::at(output, strides[0], lane), &strided<T>::at(input, strides[1], lane));
    }
  }
}

// Visits every element, as `How` says.
template <class T, bool IndexesOutput, Visits How, class Visit>
inline void for_each_indexed(const IndexParams& params, Visit visit) {
  const auto& grid = params.grid;
  char* start[3];
  if constexpr (How == Visits::lanes) {
    const auto slice = this_row_slice(grid.rows);
    find_slice(grid, slice, start);
    const auto lane = this_lane();
    if (lane >= slice.lanes) return;
    constexpr std::int64_t size = sizeof(T);
    const auto& strides = grid.strides;
    const bool shared = strides[2] == 0 && strides[0] == size && strides[1] == size;
    const bool dense =
        params.indices == 1 && strides[2] == sizeof(std::int64_t) && strides[IndexesOutput ? 1 : 0] == size;
    for (std::uint32_t step = 0; step < grid.steps; ++step) {
      if (shared) {
        std::int64_t selected = 0;
        char* from[3] = {start[0], start[1], start[2]};
        if (add_indices<false>(params, start[2], selected)) {
          from[IndexesOutput ? 0 : 1] += selected;
          visit(&row<T>::at(from[0], 0, lane), &row<T>::at(from[1], 0, lane));
        }
      } else if (dense) {
        visit_indexed<T, IndexesOutput, true>(params, start, lane, visit);
      } else {
        visit_indexed<T, IndexesOutput, false>(params, start, lane, visit);
      }
      next_row(grid, start);
    }
  } else {
    for_following_jobs(params.groups, [&](std::int64_t group) {
      const auto slice = row_slice(grid.rows, static_cast<std::uint32_t>(group), params.width);
      find_slice(grid, slice, start);
      for (std::uint32_t step = 0; step < grid.steps; ++step) {
        visit_slice<T, IndexesOutput>(params, start, slice.lanes, visit);
        next_row(grid, start);
      }
    });
  }
}

// T of these is any type of the element's size.
template <class T, Visits How>
IPEX_KERNEL void index_get(IndexParams params) {
  for_each_indexed<T, false, How>(params, Assign<T>{});
}

template <class T, Visits How>
IPEX_KERNEL void index_put(IndexParams params) {
  for_each_indexed<T, true, How>(params, Assign<T>{});
}

template <class T, Visits How>
IPEX_KERNEL void index_fill(IndexParams params) {
  const T value = *reinterpret_cast<const T*>(params.value);
  for_each_indexed<T, true, How>(params, [=](T* output, const T*) { *output = value; });
}

template <template <class> class Op, class T, Visits How>
IPEX_KERNEL void index_update(IndexParams params) {
  for_each_indexed<T, true, How>(params, [](T* output, const T* input) { Op<T>::update(output, *input); });
}

// output[..., index, ...] is combined with the input's elements in their order: neither atomics nor chance.
// Columns: lines lie side by side and share their indices.
template <template <class> class Op, class T, bool Columns>
IPEX_KERNEL void index_update_lines(IndexLinesParams params) {
  const auto item = this_item();
  const std::uint32_t lane = this_lane();
  const auto first = static_cast<std::int64_t>(item.get_group(0) * item.get_local_range(0));
  if (first + lane >= params.lines) return;
  auto* output = static_cast<char*>(params.output);
  const auto* input = static_cast<const char*>(params.input);
  const auto* index = static_cast<const char*>(params.index);
  if constexpr (Columns) {
    output += first * static_cast<std::int64_t>(sizeof(T));
    input += first * static_cast<std::int64_t>(sizeof(T));
  } else {
    auto rest = static_cast<std::uint32_t>(first + lane);
#pragma unroll
    for (int d = 0; d < index_line_dims; ++d) {
      std::uint32_t position = rest;
      rest = split(params.sizes[d], position);
      output += position * params.line_strides[d][0];
      input += position * params.line_strides[d][1];
      index += position * params.line_strides[d][2];
    }
  }
  for (std::int64_t i = 0; i < params.length; ++i) {
    const auto given = *reinterpret_cast<const std::int64_t*>(index + i * params.strides[2]);
    if (given < 0 || given >= params.size) {
      params.fault.raise();
      continue;
    }
    auto* element = reinterpret_cast<T*>(output + given * params.strides[0]) + (Columns ? lane : 0);
    const auto* value = reinterpret_cast<const T*>(input + i * params.strides[1]) + (Columns ? lane : 0);
    *element = Op<T>::combine(*element, *value);
  }
}

// output[c] is combined with input[c] for each c < count.
template <template <class> class Op, class T>
inline void combine_rows(T* output, const T* input, std::int64_t count) {
  std::int64_t c = 0;
  if constexpr (!is_complex_v<T> && !std::is_same_v<T, bool>) {
    using P = pack_of<opmath_t<T>>;
    for (; c + P::count <= count; c += P::count) {
      store_pack(output + c, Op<P>::combine(load_pack<P>(output + c), load_pack<P>(input + c)));
    }
  }
  for (; c < count; ++c) output[c] = Op<T>::combine(output[c], input[c]);
}

// index_update_lines for columns on a CPU: a work-item follows `width` lines, a row of them at a time.
template <template <class> class Op, class T>
IPEX_KERNEL_OF_ONE void index_update_rows(IndexLinesParams params) {
  const std::int64_t first = this_item().get_group(0) * params.width;
  const std::int64_t count = sycl::min(params.width, params.lines - first);
  auto* output = static_cast<char*>(params.output) + first * static_cast<std::int64_t>(sizeof(T));
  const auto* input = static_cast<const char*>(params.input) + first * static_cast<std::int64_t>(sizeof(T));
  const auto* index = static_cast<const char*>(params.index);
  for (std::int64_t i = 0; i < params.length; ++i) {
    const auto given = *reinterpret_cast<const std::int64_t*>(index + i * params.strides[2]);
    if (given < 0 || given >= params.size) {
      params.fault.raise();
      continue;
    }
    combine_rows<Op>(reinterpret_cast<T*>(output + given * params.strides[0]),
                     reinterpret_cast<const T*>(input + i * params.strides[1]), count);
  }
}

// The place that position i of the index names, or index_none where it is out of range.
inline std::int64_t selected_place(const IndexSumsParams& params, std::int64_t i) {
  const auto& lines = params.lines;
  const auto* index = static_cast<const char*>(lines.index);
  const auto given = *reinterpret_cast<const std::int64_t*>(index + i * lines.strides[2]);
  if (given < params.lowest * lines.size || given >= lines.size) return index_none;
  return given < 0 ? given + lines.size : given;
}

// Links the positions that name the same place, in their order.
IPEX_KERNEL_OF_ONE void index_link(IndexSumsParams params) {
  for (std::int64_t place = 0; place < params.lines.size; ++place) params.first[place] = index_none;
  for (std::int64_t i = params.lines.length - 1; i >= 0; --i) {
    const auto place = selected_place(params, i);
    if (place == index_none) {
      params.lines.fault.raise();
      continue;
    }
    params.next[i] = params.first[place];
    params.first[place] = static_cast<std::int32_t>(i);
  }
}

// index_update_rows of a sum that is rounded once: what belongs to a place is added up before it is written.
template <class T>
IPEX_KERNEL_OF_ONE void index_add_linked(IndexSumsParams params) {
  using C = opmath_t<T>;
  using P = pack_of<C>;
  const auto& lines = params.lines;
  const std::int64_t from = this_item().get_group(0) * lines.width;
  const std::int64_t count = sycl::min(lines.width, lines.lines - from);
  for (std::int64_t i = 0; i < lines.length; ++i) {
    const auto place = selected_place(params, i);
    if (place == index_none || params.first[place] != i) continue;
    T* const output =
        reinterpret_cast<T*>(static_cast<char*>(lines.output) + place * lines.strides[0]) + from;
    const auto for_each_row = [&](auto visit) {
      for (std::int64_t k = i; k != index_none; k = params.next[k]) {
        const auto* row = static_cast<const char*>(lines.input) + k * lines.strides[1];
        visit(reinterpret_cast<const T*>(row) + from);
      }
    };
    std::int64_t c = 0;
    for (; c + P::count <= count; c += P::count) {
      P sum = load_pack<P>(output + c);
      for_each_row([&](const T* row) { sum += P(params.alpha) * load_pack<P>(row + c); });
      store_pack(output + c, sum);
    }
    for (; c < count; ++c) {
      C sum = output[c];
      for_each_row([&](const T* row) { sum += params.alpha * C(row[c]); });
      output[c] = cast<T>(sum);
    }
  }
}

}  // namespace ipex::kernels
