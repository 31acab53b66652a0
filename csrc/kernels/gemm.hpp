// Matrix products of any dtype, strides and batch, in two shapes: gemm_vectors, where one work-item is a
// work-group and computes with vectors (CPU), and gemm_tiles, where the work-items of a group share tiles of
// the operands (GPU). Sums are in a fixed order.
#pragma once

#include "kernels/core/lanes.hpp"
#include "kernels/gemm_operands.hpp"

namespace ipex::kernels {

// Rows of the result that gemm_vectors keeps in registers, each of two vectors: half of the registers there
// are.
template <class C, int VectorBytes>
inline constexpr int register_rows = (VectorBytes == 64 ? 8 : 4) / (is_complex_v<C> ? 2 : 1);

// Copies `depth` elements of each of `count` rows or columns of an operand to panels of `Width` of them, in
// which one element of each follows the other. What is left of the last panel is not used.
template <int Width, class C, class Panel, class View>
inline void pack(Panel* panel, const View& view, int32_t first, int32_t count, int32_t begin, int32_t depth) {
  constexpr int parts = is_complex_v<C> ? 2 : 1;
  for (int32_t start = 0; start < count; start += Width) {
    const int32_t used = sycl::min(Width, count - start);
    decltype(view.outer(0)) outers[Width];
    for (int r = 0; r < used; ++r) outers[r] = view.outer(first + start + r);
    for (int32_t k = 0; k < depth; ++k, panel += Width * parts) {
      const auto inner = view.inner(begin + k);
      const auto copy = [&](int r) {
        const C value = view.load(outers[r], inner);
        if constexpr (is_complex_v<C>) {
          panel[r] = value.real;
          panel[Width + r] = value.imag;
        } else {
          panel[r] = value;
        }
      };
      if (used == Width) {
#pragma unroll
        for (int r = 0; r < Width; ++r) copy(r);
      } else {
        for (int r = 0; r < used; ++r) copy(r);
      }
    }
  }
}

// Matrices with neighbouring rows or columns side by side in memory are copied by vectors.
template <int Width, class C, class Panel, class T>
inline void pack(Panel* panel, const MatrixView<T, C>& view, int32_t first, int32_t count, int32_t begin,
                 int32_t depth) {
  if constexpr (!is_complex_v<C>) {
    if (view.outer_stride == 1) {
      const int32_t whole = count / Width * Width;
      for (int32_t start = 0; start < whole; start += Width) {
        const T* source = view.data + first + start + begin * view.inner_stride;
        for (int32_t k = 0; k < depth; ++k, panel += Width, source += view.inner_stride) {
#pragma unroll
          for (int r = 0; r < Width; ++r) panel[r] = cast<C>(source[r]);
        }
      }
      first += whole;
      count -= whole;
    }
  }
  pack<Width, C, Panel, MatrixView<T, C>>(panel, view, first, count, begin, depth);
}

// sums += the product of two panels; `pitch` is the distance of the rows of sums.
template <class C, int VectorBytes, class Panel>
inline void multiply_panels(Panel* sums, int pitch, const Panel* first, const Panel* second, int32_t depth,
                            bool starts) {
  using V = Lanes<C, VectorBytes>;
  constexpr int rows = register_rows<C, VectorBytes>, width = 2 * V::count, parts = is_complex_v<C> ? 2 : 1;
  V sum[rows][2];
#pragma unroll
  for (int r = 0; r < rows; ++r) {
#pragma unroll
    for (int v = 0; v < 2; ++v) {
      sum[r][v] = starts ? V::zero() : V::load(sums + r * pitch + v * V::count, width);
    }
  }
  for (int32_t k = 0; k < depth; ++k) {
    const V left = V::load(second, width), right = V::load(second + V::count, width);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      sum[r][0].add_product(first + r, rows, left);
      sum[r][1].add_product(first + r, rows, right);
    }
    first += rows * parts;
    second += width * parts;
  }
#pragma unroll
  for (int r = 0; r < rows; ++r) {
#pragma unroll
    for (int v = 0; v < 2; ++v) sum[r][v].store(sums + r * pitch + v * V::count, width);
  }
}

// T is the operands' type, R the result's. Local memory: the sums of a tile, then the panels of the first
// and of the second operand.
template <class T, class R, class First, class Second, int VectorBytes>
IPEX_KERNEL_OF_ONE void gemm_vectors(GemmParams params, LocalMemory memory) {
  using C = accumulator_t<R>;
  using P = real_t<C>;
  constexpr int parts = is_complex_v<C> ? 2 : 1;
  constexpr int rows = register_rows<C, VectorBytes>, width = 2 * Lanes<C, VectorBytes>::count;
  const auto& shape = params.shape;
  const auto& tiling = params.tiling;
  int64_t number = this_item().get_group(0);
  const auto column_tile = static_cast<int32_t>(number % tiling.column_count);
  number /= tiling.column_count;
  const auto row_tile = static_cast<int32_t>(number % tiling.row_count);
  const GemmPart part(shape, number / tiling.row_count);
  const int32_t first_row = row_tile * tiling.rows, first_column = column_tile * tiling.columns;
  const int32_t row_count = sycl::min(tiling.rows, shape.rows - first_row);
  const int32_t column_count = sycl::min(tiling.columns, shape.columns - first_column);
  const auto& first_operand = from_bytes<First>(params.first);
  const auto& second_operand = from_bytes<Second>(params.second);
  const auto first = view_of<T, C>(first_operand, part.first_batch, part.second_batch);
  const auto second = view_of<T, C>(second_operand, part.first_batch, part.second_batch);

  const int pitch = tiling.columns * parts;
  auto* sums = local_pointer<P>(memory);
  auto* left = sums + tiling.rows * pitch;
  auto* right = left + tiling.rows * tiling.depth * parts;
  int32_t done = 0;
  do {
    const int32_t depth = sycl::min(tiling.depth, part.depth - done);
    pack<rows, C>(left, first, first_row, row_count, part.begin + done, depth);
    pack<width, C>(right, second, first_column, column_count, part.begin + done, depth);
    for (int32_t column = 0; column < column_count; column += width) {
      for (int32_t row = 0; row < row_count; row += rows) {
        multiply_panels<C, VectorBytes>(sums + row * pitch + column * parts, pitch,
                                        left + row * depth * parts, right + column * depth * parts, depth,
                                        done == 0);
      }
    }
    done += depth;
  } while (done < part.depth);

  const PartResult<R, C> result(params.output, shape, part);
  for (int32_t row = 0; row < row_count; ++row) {
    for (int32_t start = 0; start < column_count; start += width) {
      const auto* sum = sums + row * pitch + start * parts;
      const int32_t count = sycl::min(width, column_count - start);
      for (int32_t column = 0; column < count; ++column) {
        if constexpr (is_complex_v<C>) {
          result.store(first_row + row, first_column + start + column, C(sum[column], sum[width + column]));
        } else {
          result.store(first_row + row, first_column + start + column, sum[column]);
        }
      }
    }
  }
}

// The place of element `number` of an operand's tile: neighbouring work-items read neighbouring memory.
struct TilePlace {
  int outer, inner;

  TilePlace(bool inner_first, int number)
      : outer(inner_first ? number / gemm_group_depth : number % gemm_group_tile),
        inner(inner_first ? number % gemm_group_depth : number / gemm_group_tile) {}
};

inline bool inner_first(const matrix& operand) { return operand.inner == 1; }

// One operand's tile on its way to work-group memory: the elements that this work-item copies.
template <class C, class View>
struct TileLoader {
  static constexpr int count = gemm_group_tile * gemm_group_depth / gemm_group_size;
  const View& view;
  bool along_inner;
  int lane;
  decltype(view.outer(0)) outers[count];

  TileLoader(const View& given, bool along, int item, int32_t first, int32_t size)
      : view(given), along_inner(along), lane(item) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      outers[i] =
          view.outer(sycl::min(first + TilePlace(along_inner, lane + i * gemm_group_size).outer, size - 1));
    }
  }

  template <class Tile>
  void copy(Tile* tile, int32_t begin, int32_t end) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const TilePlace place(along_inner, lane + i * gemm_group_size);
      const int32_t k = begin + place.inner;
      tile[place.inner * gemm_group_tile + place.outer] =
          k < end ? view.load(outers[i], view.inner(k)) : C(0);
    }
  }
};

template <class T, class R, class First, class Second>
IPEX_KERNEL void gemm_tiles(GemmParams params, LocalMemory memory) {
  using C = accumulator_t<R>;
  constexpr int side = 16, each = gemm_group_tile / side;
  const auto item = this_item();
  const auto& shape = params.shape;
  int64_t number = item.get_group(0);
  const auto column_tile = static_cast<int32_t>(number % params.tiling.column_count);
  number /= params.tiling.column_count;
  const auto row_tile = static_cast<int32_t>(number % params.tiling.row_count);
  const GemmPart part(shape, number / params.tiling.row_count);
  const int lane = static_cast<int>(item.get_local_id(0));
  const auto& first_operand = from_bytes<First>(params.first);
  const auto& second_operand = from_bytes<Second>(params.second);
  const auto first = view_of<T, C>(first_operand, part.first_batch, part.second_batch);
  const auto second = view_of<T, C>(second_operand, part.first_batch, part.second_batch);
  const TileLoader<C, decltype(first)> left_loader(first, inner_first(first_operand), lane,
                                                   row_tile * gemm_group_tile, shape.rows);
  const TileLoader<C, decltype(second)> right_loader(second, inner_first(second_operand), lane,
                                                     column_tile * gemm_group_tile, shape.columns);
  auto* left = local_pointer<C>(memory);
  auto* right = left + gemm_group_tile * gemm_group_depth;
  const int row_lane = lane / side, column_lane = lane % side;
  C sums[each][each] = {};
  const int32_t end = part.begin + part.depth;
  for (int32_t k = part.begin; k < end; k += gemm_group_depth) {
    left_loader.copy(left, k, end);
    right_loader.copy(right, k, end);
    sycl::group_barrier(item.get_group());
    for (int step = 0; step < gemm_group_depth; ++step) {
      const auto* column = left + step * gemm_group_tile + row_lane;
      const auto* row = right + step * gemm_group_tile + column_lane;
#pragma unroll
      for (int i = 0; i < each; ++i) {
#pragma unroll
        for (int j = 0; j < each; ++j) sums[i][j] += column[i * side] * row[j * side];
      }
    }
    sycl::group_barrier(item.get_group());
  }
  const PartResult<R, C> result(params.output, shape, part);
#pragma unroll
  for (int i = 0; i < each; ++i) {
    const int32_t row = row_tile * gemm_group_tile + row_lane + i * side;
#pragma unroll
    for (int j = 0; j < each; ++j) {
      const int32_t column = column_tile * gemm_group_tile + column_lane + j * side;
      if (row < shape.rows && column < shape.columns) result.store(row, column, sums[i][j]);
    }
  }
}

}  // namespace ipex::kernels
