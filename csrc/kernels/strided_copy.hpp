// Copies between different strides, for CPUs, whose gathers and scatters take longer than moving elements one
// by one. Where both sides are consecutive, in different dimensions, a work-item transposes small tiles in
// registers, so that it reads and writes whole cache lines.
#pragma once

#include <utility>

#include "kernels/core/copy_run.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/lanes.hpp"
#include "kernels/core/row_slice.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/strided_copy_params.hpp"

namespace ipex::kernels {

// N neighbouring words of memory.
template <class Word, int N>
struct Words {
  typedef Word Vector __attribute__((ext_vector_type(N)));
  typedef Word Unaligned __attribute__((ext_vector_type(N), aligned(alignof(Word))));

  static Vector load(const void* from) { return *static_cast<const Unaligned*>(from); }
  static void store(void* to, Vector vector) { *static_cast<Unaligned*>(to) = vector; }
};

// One of log2(N) steps: exchanges the off-diagonal halves of squares of 2 * Distance elements.
template <int Distance, class V, int N, int... Lane>
inline void exchange_halves(V (&tile)[N], std::integer_sequence<int, Lane...>) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    if (k & Distance) continue;
    const V upper = tile[k], lower = tile[k + Distance];
    tile[k] = __builtin_shufflevector(upper, lower, ((Lane & Distance) ? N + Lane - Distance : Lane)...);
    tile[k + Distance] =
        __builtin_shufflevector(upper, lower, ((Lane & Distance) ? N + Lane : Lane + Distance)...);
  }
}

template <class Word, int N>
inline void transpose_tile(const char* source, std::int64_t source_row, char* destination,
                           std::int64_t destination_column) {
  using Row = Words<Word, N>;
  typename Row::Vector tile[N];
#pragma unroll
  for (int k = 0; k < N; ++k) tile[k] = Row::load(source + k * source_row);
  constexpr auto lanes = std::make_integer_sequence<int, N>{};
  exchange_halves<1>(tile, lanes);
  exchange_halves<2>(tile, lanes);
  exchange_halves<4>(tile, lanes);
  if constexpr (N == 16) exchange_halves<8>(tile, lanes);
#pragma unroll
  for (int k = 0; k < N; ++k) Row::store(destination + k * destination_column, tile[k]);
}

template <class Word>
IPEX_KERNEL_OF_ONE void transpose_by_packs(TransposeParams params) {
  constexpr int tile = sizeof(Word) == 8 ? 8 : 16;
  constexpr std::int64_t size = sizeof(Word);
  for_following_jobs(params.jobs, [&](std::int64_t job) {
    auto number = static_cast<std::uint32_t>(job);
    std::uint32_t row_block = number;
    number = split(params.row_blocks, row_block);
    std::uint32_t column_block = number;
    number = split(params.column_blocks, column_block);
    const char* source = params.source;
    char* destination = params.destination;
#pragma unroll
    for (int d = 0; d < transpose_outer_dims; ++d) {
      std::uint32_t position = number;
      number = split(params.outer_sizes[d], position);
      source += position * params.outer_source[d];
      destination += position * params.outer_destination[d];
    }
    const std::int64_t first_row = std::int64_t{row_block} * transpose_block_rows;
    const std::int64_t first_column = std::int64_t{column_block} * transpose_block_columns;
    const std::int64_t end_row = sycl::min(first_row + transpose_block_rows, params.rows);
    const std::int64_t end_column = sycl::min(first_column + transpose_block_columns, params.columns);
    const auto from = [&](std::int64_t row, std::int64_t column) {
      return source + row * params.source_row + column * size;
    };
    const auto to = [&](std::int64_t row, std::int64_t column) {
      return destination + column * params.destination_column + row * size;
    };
    const auto one_by_one = [&](std::int64_t row, std::int64_t column, std::int64_t last_row,
                                std::int64_t last_column) {
      for (auto c = column; c < last_column; ++c) {
        for (auto r = row; r < last_row; ++r) {
          *reinterpret_cast<Word*>(to(r, c)) = *reinterpret_cast<const Word*>(from(r, c));
        }
      }
    };
    std::int64_t row = first_row;
    for (; row + tile <= end_row; row += tile) {
      std::int64_t column = first_column;
      for (; column + tile <= end_column; column += tile) {
        transpose_tile<Word, tile>(from(row, column), params.source_row, to(row, column),
                                   params.destination_column);
      }
      one_by_one(row, column, row + tile, end_column);
    }
    one_by_one(row, first_column, end_row, end_column);
  });
}

// Every other word.
template <class Word>
inline void copy_alternate(char* destination, const char* source, std::int64_t count) {
  using Sixteen = Words<Word, 16>;
  auto* to = reinterpret_cast<Word*>(destination);
  const auto* from = reinterpret_cast<const Word*>(source);
  std::int64_t i = 0;
  // Not the last words: the vectors read one more, which may lie outside.
  for (; i + 16 < count; i += 16) {
    const auto low = Sixteen::load(from + 2 * i), high = Sixteen::load(from + 2 * i + 16);
    Sixteen::store(to + i, __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24,
                                                   26, 28, 30));
  }
  for (; i < count; ++i) to[i] = from[2 * i];
}

// Pairs of words, of two rows.
template <class Word>
inline void copy_interleaved(char* destination, const char* source, std::int64_t partner,
                             std::int64_t count) {
  using Sixteen = Words<Word, 16>;
  auto* to = reinterpret_cast<Word*>(destination);
  const auto* first = reinterpret_cast<const Word*>(source);
  const auto* second = reinterpret_cast<const Word*>(source + partner);
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const auto one = Sixteen::load(first + i), other = Sixteen::load(second + i);
    Sixteen::store(to + 2 * i, __builtin_shufflevector(one, other, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21,
                                                       6, 22, 7, 23));
    Sixteen::store(to + 2 * i + 16, __builtin_shufflevector(one, other, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                                            13, 29, 14, 30, 15, 31));
  }
  for (; i < count; ++i) {
    to[2 * i] = first[i];
    to[2 * i + 1] = second[i];
  }
}

// Vectors of words in the opposite order.
template <class Word>
struct ReversedWords {
  using Unit = std::conditional_t<sizeof(Word) == 8, std::uint64_t, std::uint32_t>;
  static constexpr int units = sizeof(Unit) == 8 ? 8 : 16;
  static constexpr std::int64_t words = units * sizeof(Unit) / sizeof(Word);
  typedef Unit Vector __attribute__((ext_vector_type(units)));
  typedef Unit Unaligned __attribute__((ext_vector_type(units), aligned(alignof(Word))));

  static Vector load(const Word* first) {
    Vector vector = *reinterpret_cast<const Unaligned*>(first);
    if constexpr (units == 8) {
      vector = __builtin_shufflevector(vector, vector, 7, 6, 5, 4, 3, 2, 1, 0);
    } else {
      vector = __builtin_shufflevector(vector, vector, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    }
    if constexpr (sizeof(Word) < 4) vector = vector << 16 | vector >> 16;
    if constexpr (sizeof(Word) < 2) vector = (vector & 0x00ff00ffu) << 8 | (vector >> 8 & 0x00ff00ffu);
    return vector;
  }
  static void store(Word* to, Vector vector) { *reinterpret_cast<Unaligned*>(to) = vector; }
};

// Copies rows of words in the opposite order. Parts of them lie in a buffer in between, one read while the
// one before it is written, so that memory is read and written in order, and both all the time.
template <class Word>
class ReversedCopy {
 public:
  // `source` is the first word to be copied, the last in memory.
  void add(char* destination, const char* source, std::int64_t count) {
    auto* to = reinterpret_cast<Word*>(destination);
    const auto* from = reinterpret_cast<const Word*>(source);
    for (auto left = count / words; left > 0;) {
      const auto vectors = sycl::min(left, most);
      from -= vectors * words;
      exchange(to, from + 1, vectors);
      to += vectors * words;
      left -= vectors;
    }
    for (std::int64_t i = 0; i < count % words; ++i) to[i] = from[-i];
  }
  void finish() { exchange(nullptr, nullptr, 0); }

 private:
  using Reversed = ReversedWords<Word>;
  using Vector = typename Reversed::Vector;
  static constexpr std::int64_t words = Reversed::words, most = 16384 / sizeof(Vector);

  // Writes what waits in one buffer and reads into the other the vectors from `from` on, which belong at
  // `to`.
  void exchange(Word* to, const Word* from, std::int64_t vectors) {
    const Vector* const full = buffers_[full_];
    Vector* const last = buffers_[1 - full_] + vectors - 1;
    std::int64_t i = 0;
    for (const auto both = sycl::min(vectors, waiting_); i < both; ++i) {
      last[-i] = Reversed::load(from + i * words);
      Reversed::store(to_ + i * words, full[i]);
    }
    for (auto k = i; k < vectors; ++k) last[-k] = Reversed::load(from + k * words);
    for (auto k = i; k < waiting_; ++k) Reversed::store(to_ + k * words, full[k]);
    to_ = to;
    waiting_ = vectors;
    full_ = 1 - full_;
  }

  Vector buffers_[2][most];
  int full_ = 0;
  std::int64_t waiting_ = 0;
  Word* to_ = nullptr;
};

template <class Word>
IPEX_KERNEL_OF_ONE void copy_words_by_packs(CopyWordsParams params) {
  const auto& grid = params.grid;
  constexpr std::int64_t size = sizeof(Word);
  const auto slice = row_slice(grid.rows, static_cast<std::uint32_t>(this_item().get_group(0)), params.width);
  char* start[2];
  find_slice(grid, slice, start);
  const auto for_rows = [&](auto copy_row) {
    for (std::uint32_t step = 0; step < grid.steps; ++step) {
      copy_row();
      next_row(grid, start);
    }
  };
  const auto copy_row = [&](std::int64_t to, std::int64_t from) {
    for (std::uint32_t lane = 0; lane < slice.lanes; ++lane) {
      *reinterpret_cast<Word*>(start[0] + lane * to) = *reinterpret_cast<const Word*>(start[1] + lane * from);
    }
  };
  const auto to = grid.strides[0], from = grid.strides[1];
  if (params.partner) {
    for_rows([&] { copy_interleaved<Word>(start[0], start[1], params.partner, slice.lanes); });
  } else if (to == size && from == size) {
    for_rows([&] { copy_run<Word>(start[0], start[1], slice.lanes * size); });
  } else if (to == size && from == 0) {
    for_rows([&] { fill_run(start[0], *reinterpret_cast<const Word*>(start[1]), slice.lanes * size); });
  } else if (to == size && from == 2 * size) {
    for_rows([&] { copy_alternate<Word>(start[0], start[1], slice.lanes); });
  } else if (to == size && from == -size) {
    ReversedCopy<Word> copy;
    for_rows([&] { copy.add(start[0], start[1], slice.lanes); });
    copy.finish();
  } else if (to == size) {
    for_rows([&] { copy_row(size, from); });
  } else {
    for_rows([&] { copy_row(to, from); });
  }
}

}  // namespace ipex::kernels
