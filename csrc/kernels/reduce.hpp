// Reductions: any operation of functors/reduce.hpp over any dimensions of a strided tensor.
//
// An operation has
//   Chain                  what one work-item accumulates, and start() to begin it
//   fold(chain, element)   takes one element in
//   Partial, partial(chain), combine(a, b)   results of parts; combine is commutative, partial(start())
//   neutral finish<k>(partial, n)  the k-th result of n elements
//
// reduce_inner: neighbouring work-items take neighbouring elements of one result (a sub-group for each
// result). reduce_outer: neighbouring work-items take neighbouring results (a work-item for each result).
// Each keeps several independent chains, and no chain is longer than the chunk the host chose, so that sums
// are as accurate as pairwise ones. Nothing depends on which work-item comes first.
#pragma once

#include <type_traits>
#include <utility>

#include "kernels/core/functor.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/sub_group.hpp"
#include "kernels/core/types.hpp"
#include "kernels/functors/binary.hpp"
#include "kernels/functors/reduce.hpp"
#include "kernels/reduce_params.hpp"

namespace ipex::kernels {

struct Offsets {
  int64_t input = 0;
  int64_t output = 0;
};

// Indices of `dims` are constants once unrolled, which keeps the parameters in registers.
inline Offsets offsets_of(const ReduceDims& dims, int64_t number) {
  if (dims.count <= 1) return {number * dims.input[0], number * dims.output[0]};
  Offsets offsets;
  auto rest = static_cast<uint32_t>(number);
#pragma unroll
  for (int d = 0; d < reduce_max_dims; ++d) {
    const uint32_t quotient = d + 1 < dims.count ? dims.dividers[d].divide(rest) : 0;
    const int64_t position = rest - quotient * dims.dividers[d].divisor;
    rest = quotient;
    offsets.input += position * dims.input[d];
    offsets.output += position * dims.output[d];
  }
  return offsets;
}

// The offset of a reduced element in the inputs. OneDim: the reduced elements are evenly apart.
template <bool OneDim>
inline int64_t reduced_offset(const ReduceParams& params, int64_t number) {
  if constexpr (OneDim) return number * params.reduced.input[0];
  return offsets_of(params.reduced, number).input;
}

template <class Op, class... Out, std::size_t... K>
inline void reduce_write(const ReduceParams& params, const Op& op, typename Op::Partial partial,
                         int64_t offset, std::index_sequence<K...>) {
  ((static_cast<Out*>(params.outputs[K])[offset] =
        cast<Out>(op.template finish<K>(partial, params.reduced.numel))),
   ...);
}

// Hands over the result of one chunk of result number `output`, which belongs at `offset`.
template <class Op, class... Out>
inline void reduce_store(const ReduceParams& params, const Op& op, typename Op::Partial partial,
                         int64_t output, int64_t offset, int64_t chunk) {
  static_assert(sizeof(typename Op::Partial) <= reduce_partial_bytes);
  if (params.chunks > 1) {
    static_cast<typename Op::Partial*>(params.partials)[output * params.chunks + chunk] = partial;
  } else {
    reduce_write<Op, Out...>(params, op, partial, offset, std::index_sequence_for<Out...>{});
  }
}

template <class Op>
inline typename Op::Partial join_chains(const Op& op, const typename Op::Chain (&chains)[reduce_chains]) {
  auto result = op.partial(chains[0]);
#pragma unroll
  for (int k = 1; k < reduce_chains; ++k) result = op.combine(result, op.partial(chains[k]));
  return result;
}

// A chain of a chunk that begins with `element`; most operations do not care.
template <class Op, class Element>
inline typename Op::Chain start_chain(const Op& op, const Element& element) {
  if constexpr (requires { op.start_at(element); }) {
    return op.start_at(element);
  } else {
    return op.start();
  }
}

// A chain of a chunk, which may be empty, that starts `lane` elements behind where the result does.
template <class In, class Op>
inline typename Op::Chain start_chunk(const Op& op, const ReduceParams& params, Offsets base, int lane,
                                      int64_t begin, int64_t end) {
  if (begin >= end) return op.start();
  const int64_t offset = base.input + offsets_of(params.reduced, begin).input + lane;
  return start_chain(op, ReduceElement<In>{params, offset, base.output, begin});
}

// A sub-group's work-items take turns over `count` elements; element(i) is the i-th.
template <class Op, class Element>
inline void fold_turns(const Op& op, typename Op::Chain (&chains)[reduce_chains], int64_t count, int lane,
                       int width, Element element) {
  int64_t i = 0;
  for (; i + reduce_chains * width <= count; i += reduce_chains * width) {
#pragma unroll
    for (int k = 0; k < reduce_chains; ++k) op.fold(chains[k], element(i + k * width + lane));
  }
  for (; i < count; i += width) {
    if (i + lane < count) op.fold(chains[0], element(i + lane));
  }
}

template <class Op, class In, class... Out>
IPEX_KERNEL void reduce_inner(ReduceParams params) {
  using Element = ReduceElement<In>;
  const auto op = load_functor<Op>(params.scalars);
  const auto group = this_sub_group();
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  const auto& reduced = params.reduced;
  const bool runs = reduced.count > 0 && reduced.input[0] == 1 &&
                    (reduced.count == 1 || reduced.sizes[0] >= reduce_chains * width);
  const auto [first, step] = all_sub_groups();
  for (int64_t job = first; job < params.kept.numel * params.chunks; job += step) {
    const int64_t output = job / params.chunks;
    const int64_t chunk = job - output * params.chunks;
    const auto base = offsets_of(params.kept, output);
    const int64_t begin = chunk * params.chunk;
    const int64_t end = sycl::min(begin + params.chunk, reduced.numel);
    const auto first_chain = start_chunk<In>(op, params, base, 0, begin, end);
    typename Op::Chain chains[reduce_chains] = {first_chain, first_chain, first_chain, first_chain};
    if (runs) {
      for (int64_t position = begin; position < end;) {
        const int64_t row = reduced.count == 1 ? 0 : position / reduced.sizes[0];
        const int64_t column = position - row * reduced.sizes[0];
        const int64_t count = uniform(group, sycl::min(reduced.sizes[0] - column, end - position));
        const int64_t offset = base.input + offsets_of(reduced, position).input;
        fold_turns(op, chains, count, lane, width, [&](int64_t i) {
          return Element{params, offset + i, base.output, position + i};
        });
        position += count;
      }
    } else {
      fold_turns(op, chains, end - begin, lane, width, [&](int64_t i) {
        const int64_t offset = base.input + offsets_of(reduced, begin + i).input;
        return Element{params, offset, base.output, begin + i};
      });
    }
    const auto result =
        combine_over(group, join_chains(op, chains), [&](auto a, auto b) { return op.combine(a, b); });
    if (lane == 0) reduce_store<Op, Out...>(params, op, result, output, base.output, chunk);
  }
}

// One result for each work-item, four rows at a time. `lane` is apart from the offset of the input, so that
// a row of neighbouring work-items is one load.
template <bool OneDim, class Op, class In, class... Out>
inline void reduce_column(const ReduceParams& params, const Op& op, int64_t output, Offsets base, int lane,
                          int64_t chunk) {
  const int64_t begin = chunk * params.chunk;
  const int64_t end = sycl::min(begin + params.chunk, params.reduced.numel);
  const auto first_chain = start_chunk<In>(op, params, base, lane, begin, end);
  typename Op::Chain chains[reduce_chains] = {first_chain, first_chain, first_chain, first_chain};
  const auto fold = [&](auto& chain, int64_t row) {
    const int64_t offset = base.input + reduced_offset<OneDim>(params, row);
    op.fold(chain, ReduceElement<In>{params, offset + lane, base.output, row});
  };
  int64_t row = begin;
  for (; row + reduce_chains <= end; row += reduce_chains) {
#pragma unroll
    for (int k = 0; k < reduce_chains; ++k) fold(chains[k], row + k);
  }
  for (; row < end; ++row) fold(chains[0], row);
  reduce_store<Op, Out...>(params, op, join_chains(op, chains), output, base.output, chunk);
}

// Four results for each work-item, `width` apart: a row of them fills whole cache lines.
template <bool OneDim, class Op, class In, class... Out>
inline void reduce_columns(const ReduceParams& params, const Op& op, int64_t output, Offsets base, int lane,
                           int width, int64_t chunk) {
  const int64_t begin = chunk * params.chunk;
  const int64_t end = sycl::min(begin + params.chunk, params.reduced.numel);
  const int64_t apart = params.kept.output[0] * width;
  typename Op::Chain chains[reduce_chains];
#pragma unroll
  for (int k = 0; k < reduce_chains; ++k) {
    chains[k] =
        start_chunk<In>(op, params, {base.input, base.output + k * apart}, k * width + lane, begin, end);
  }
  for (int64_t row = begin; row < end; ++row) {
    const int64_t offset = base.input + reduced_offset<OneDim>(params, row);
#pragma unroll
    for (int k = 0; k < reduce_chains; ++k) {
      op.fold(chains[k], ReduceElement<In>{params, offset + k * width + lane, base.output + k * apart, row});
    }
  }
#pragma unroll
  for (int k = 0; k < reduce_chains; ++k) {
    reduce_store<Op, Out...>(params, op, op.partial(chains[k]), output + k * width, base.output + k * apart,
                             chunk);
  }
}

template <bool OneDim, class Op, class In, class... Out>
inline void reduce_outer_dims(const ReduceParams& params) {
  const auto op = load_functor<Op>(params.scalars);
  const auto group = this_sub_group();
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  const auto& kept = params.kept;
  const auto [first, step] = all_sub_groups();
  if (kept.count > 0 && kept.input[0] == 1 && kept.sizes[0] >= width / 2) {
    // Tiles of neighbouring results, so that a row of a tile is one contiguous load.
    const int columns = kept.sizes[0] >= 2 * width ? reduce_chains * width : width;
    const int64_t tiles = (kept.sizes[0] + columns - 1) / columns;
    const int64_t rows = kept.numel / kept.sizes[0];
    for (int64_t job = first; job < tiles * rows * params.chunks; job += step) {
      const int64_t chunk = job / (tiles * rows);
      const int64_t row = job / tiles - chunk * rows;
      const int64_t column = job % tiles * columns;
      const int64_t output = row * kept.sizes[0] + column;
      auto base = offsets_of(kept, output);
      base.output += lane * kept.output[0];
      if (columns > width && column + columns <= kept.sizes[0]) {
        reduce_columns<OneDim, Op, In, Out...>(params, op, output + lane, base, lane, width, chunk);
        continue;
      }
      for (int64_t i = 0; i < columns && column + i < kept.sizes[0]; i += width) {
        if (column + i + lane < kept.sizes[0]) {
          reduce_column<OneDim, Op, In, Out...>(params, op, output + i + lane, base, lane, chunk);
        }
        base.input += width;
        base.output += width * kept.output[0];
      }
    }
  } else {
    const int64_t tiles = (kept.numel + width - 1) / width;
    for (int64_t job = first; job < tiles * params.chunks; job += step) {
      const int64_t chunk = job / tiles;
      const int64_t output = (job - chunk * tiles) * width + lane;
      if (output < kept.numel) {
        reduce_column<OneDim, Op, In, Out...>(params, op, output, offsets_of(kept, output), 0, chunk);
      }
    }
  }
}

template <class Op, class In, class... Out>
IPEX_KERNEL void reduce_outer(ReduceParams params) {
  if (params.reduced.count == 1) {
    reduce_outer_dims<true, Op, In, Out...>(params);
  } else {
    reduce_outer_dims<false, Op, In, Out...>(params);
  }
}

// A sub-group for each result, or a work-item where its parts are few.
template <class Op, class... Out>
IPEX_KERNEL void reduce_combine(ReduceParams params) {
  using Partial = typename Op::Partial;
  const auto op = load_functor<Op>(params.scalars);
  const auto group = this_sub_group();
  const int lane = group.get_local_linear_id();
  const int width = group.get_local_linear_range();
  const auto [first, step] = all_sub_groups();
  const auto write = [&](int64_t output, Partial result) {
    reduce_write<Op, Out...>(params, op, result, offsets_of(params.kept, output).output,
                             std::index_sequence_for<Out...>{});
  };
  if (params.chunks <= reduce_few_chunks) {
    for (int64_t output = first * width + lane; output < params.kept.numel; output += step * width) {
      const auto* partials = static_cast<const Partial*>(params.partials) + output * params.chunks;
      Partial result = partials[0];
      for (int64_t chunk = 1; chunk < params.chunks; ++chunk) result = op.combine(result, partials[chunk]);
      write(output, result);
    }
    return;
  }
  for (int64_t output = first; output < params.kept.numel; output += step) {
    const auto* partials = static_cast<const Partial*>(params.partials) + output * params.chunks;
    Partial result = op.partial(op.start());
    for (int64_t chunk = 0; chunk < params.chunks; chunk += width) {
      if (chunk + lane < params.chunks) result = op.combine(result, partials[chunk + lane]);
    }
    result = combine_over(group, result, [&](auto a, auto b) { return op.combine(a, b); });
    if (lane == 0) write(output, result);
  }
}

}  // namespace ipex::kernels
