// The reductions of reduce.hpp for CPUs: a work-item is a work-group and folds packs of elements.
//
// Op<T> is an operation on numbers, Op<pack_of<T>> the same on packs; its chains and partial results must be
// structs of T alone, and its fold may not read members.
#pragma once

#include "kernels/core/lanes.hpp"
#include "kernels/core/pack.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/reduce.hpp"

namespace ipex::kernels {

// Folds `count` elements that follow each other from `element`; what does not fill a pack goes into `rest`.
template <class T, class PackOp, class Op, class In>
inline void fold_run(const PackOp& pack_op, typename PackOp::Chain (&chains)[reduce_chains], const Op& op,
                     typename Op::Chain& rest, int64_t count, ReduceElement<In> element) {
  constexpr int width = pack_of<T>::count;
  const auto advance = [&](int64_t by) {
    element.offset += by;
    element.index += by;
    count -= by;
  };
  for (; count >= reduce_chains * width;) {
#pragma unroll
    for (int k = 0; k < reduce_chains; ++k) {
      pack_op.fold(chains[k], element);
      advance(width);
    }
  }
  for (; count >= width; advance(width)) pack_op.fold(chains[0], element);
  for (; count > 0; advance(1)) op.fold(rest, element);
}

template <template <class> class Op, class T, class In, class... Out>
IPEX_KERNEL_OF_ONE void reduce_inner_packs(ReduceParams params) {
  using P = pack_of<T>;
  using Partial = typename Op<T>::Partial;
  const auto op = load_functor<Op<T>>(params.scalars);
  const Op<P> pack_op{};
  const auto& reduced = params.reduced;
  // Rows apart are taken as they follow each other in memory: first chunk of every result, second of every
  // one.
  const bool interleaved = reduced.count > 1;
  const int64_t inner_jobs = interleaved ? params.kept.numel : params.chunks;
  for_following_jobs(params.kept.numel * params.chunks, [&](int64_t job) {
    const int64_t quotient = job / inner_jobs, remainder = job - quotient * inner_jobs;
    const int64_t output = interleaved ? remainder : quotient;
    const int64_t chunk = interleaved ? quotient : remainder;
    const auto base = offsets_of(params.kept, output);
    const int64_t begin = chunk * params.chunk;
    const int64_t end = sycl::min(begin + params.chunk, reduced.numel);
    const ReduceElement<In> element{params, base.input + offsets_of(reduced, begin).input, base.output,
                                    begin};
    typename Op<P>::Chain chains[reduce_chains];
#pragma unroll
    for (auto& chain : chains) chain = start_chain(pack_op, element);
    auto rest = start_chain(op, element);
    for (int64_t position = begin; position < end;) {
      const int64_t row = reduced.count == 1 ? 0 : position / reduced.sizes[0];
      const int64_t column = position - row * reduced.sizes[0];
      const int64_t count = sycl::min(reduced.sizes[0] - column, end - position);
      const int64_t offset = base.input + offsets_of(reduced, position).input;
      fold_run<T>(pack_op, chains, op, rest, count, ReduceElement<In>{params, offset, base.output, position});
      position += count;
    }
    const auto joined =
        combine_lanes<P>(join_chains(pack_op, chains), [&](auto a, auto b) { return pack_op.combine(a, b); });
    const auto result = op.combine(lane_of<Partial, P>(joined, 0), op.partial(rest));
    reduce_store<Op<T>, Out...>(params, op, result, output, base.output, chunk);
  });
}

// Neighbouring results are the lanes of a pack, and some packs a tile, whose chains stay in the cache. The
// last pack of a row of results reaches back over the one before it where the row does not end with a pack.
template <template <class> class Op, class T, class In, class... Out>
IPEX_KERNEL_OF_ONE void reduce_outer_packs(ReduceParams params) {
  using P = pack_of<T>;
  using Partial = typename Op<T>::Partial;
  constexpr int rows_at_once = 16;
  constexpr int line_packs = 64 / (P::count * sizeof(In));  // that fill a cache line
  constexpr int64_t tile_columns = reduce_tile_packs * P::count;
  const auto op = load_functor<Op<T>>(params.scalars);
  const Op<P> pack_op{};
  const auto& kept = params.kept;
  const auto& reduced = params.reduced;
  // A rest of less than a pack belongs to the tile before it.
  const int64_t tiles = (kept.sizes[0] + tile_columns - P::count) / tile_columns;
  const int64_t jobs = tiles * (kept.numel / kept.sizes[0]) * params.chunks;
  for_following_jobs(jobs, [&](int64_t job) {
    const int64_t chunk = job % params.chunks;
    const int64_t row_of_tiles = job / params.chunks / tiles;
    const int64_t tile = job / params.chunks - row_of_tiles * tiles;
    const int64_t first = tile * tile_columns;
    const int64_t last = (tile + 1 == tiles ? kept.sizes[0] : first + tile_columns) - P::count;
    const int packs = static_cast<int>((last - first + 2 * P::count - 1) / P::count);
    const auto column_of = [&](int p) { return sycl::min(first + p * P::count, last); };
    const auto base = offsets_of(kept, row_of_tiles * kept.sizes[0]);
    const int64_t begin = chunk * params.chunk;
    const int64_t end = sycl::min(begin + params.chunk, reduced.numel);

    typename Op<P>::Chain chains[reduce_tile_packs + 1];
    const int64_t first_offset = base.input + offsets_of(reduced, begin).input;
    for (int p = 0; p < packs; ++p) {
      const int64_t column = column_of(p);
      chains[p] = start_chain(
          pack_op, ReduceElement<In, true>{params, first_offset + column, base.output + column, begin});
    }
    const int64_t apart = params.rows_apart;
    for (int64_t row = begin, next = begin; row < end; row = next) {
      // The next of the rows between these, or those behind all of them.
      next = (row + 1 - begin) % apart == 0 ? row + 1 + (rows_at_once - 1) * apart : row + 1;
      const int rows = static_cast<int>(sycl::min(int64_t{rows_at_once}, (end - row + apart - 1) / apart));
      int64_t offsets[rows_at_once];
      for (int r = 0; r < rows; ++r) offsets[r] = base.input + offsets_of(reduced, row + r * apart).input;
      const auto fold_columns = [&]<int... K>(int p, std::integer_sequence<int, K...>) {
        typename Op<P>::Chain some[] = {chains[p + K]...};
        const int64_t columns[] = {column_of(p + K)...};
        for (int r = 0; r < rows; ++r) {
          (pack_op.fold(some[K],
                        ReduceElement<In, true>{params, offsets[r] + columns[K],
                                                base.output + columns[K] * kept.output[0], row + r * apart}),
           ...);
        }
        ((chains[p + K] = some[K]), ...);
      };
      int p = 0;
      if constexpr (line_packs > 1) {
        for (; p + line_packs <= packs; p += line_packs) {
          fold_columns(p, std::make_integer_sequence<int, line_packs>{});
        }
      }
      for (; p < packs; ++p) fold_columns(p, std::make_integer_sequence<int, 1>{});
    }
    for (int p = 0; p < packs; ++p) {
      const int64_t column = column_of(p);
      const auto partial = pack_op.partial(chains[p]);
      for (int lane = 0; lane < P::count; ++lane) {
        reduce_store<Op<T>, Out...>(params, op, lane_of<Partial, P>(partial, lane),
                                    row_of_tiles * kept.sizes[0] + column + lane,
                                    base.output + (column + lane) * kept.output[0], chunk);
      }
    }
  });
}

}  // namespace ipex::kernels
