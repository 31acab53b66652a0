// What the host hands to the kernels of gemm.hpp and gemv.hpp.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace ipex::kernels {

// An operand of a matrix product as outer x inner elements: the sum is over `inner`, `outer` is the row of
// the first operand or the column of the second. Strides are in elements.
struct matrix {
  const void* data;
  std::int64_t outer, inner;
  std::int64_t batch[2];
  bool conjugate;
};

// result = alpha * sum + beta * addend; strides are of the two batch dimensions, rows and columns. The addend
// may be the result, or null for none.
struct GemmOutput {
  void* result;
  const void* addend;
  std::int64_t result_strides[4];
  std::int64_t addend_strides[4];
  alignas(16) unsigned char alpha[16];
  alignas(16) unsigned char beta[16];
};

// Sizes of the product, and the parts of the depth that are summed apart (`slices` of `slice_depth`) to keep
// the device busy where the result is small.
struct GemmShape {
  std::int32_t rows, columns, depth;
  std::int32_t batch[2];
  std::int32_t slices, slice_depth;
  void* partial;  // sums of the slices where there are several: [slices, batch, rows, columns]
};

struct GemmTiling {
  std::int32_t rows, columns, depth;     // of one tile
  std::int32_t row_count, column_count;  // tiles of a result
};

// Operands travel as the bytes of their kinds: kernels can not have parameters of template types.
constexpr int gemm_operand_bytes = 256;

struct GemmParams {
  alignas(8) unsigned char first[gemm_operand_bytes];
  alignas(8) unsigned char second[gemm_operand_bytes];
  GemmOutput output;
  GemmShape shape;
  GemmTiling tiling;
};

template <class Operand>
inline void store_operand(const Operand& operand, unsigned char (&bytes)[gemm_operand_bytes]) {
  static_assert(sizeof(Operand) <= gemm_operand_bytes && std::is_trivially_copyable_v<Operand>);
  std::memcpy(bytes, &operand, sizeof(Operand));
}

struct GemmFinishParams {
  GemmOutput output;
  GemmShape shape;
};

constexpr int gemm_group_tile = 64;   // rows and columns of a work-group's tile
constexpr int gemm_group_depth = 16;  // of the operands in work-group memory at a time
constexpr int gemm_group_size = 256;
constexpr int gemm_finish_group_size = 256;

constexpr int gemv_group_size = 64;
constexpr int gemv_lane_rows = 4;  // rows of one work-item of gemv_rows

}  // namespace ipex::kernels
