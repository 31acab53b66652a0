#include "aten/matmul/gemm_launch.h"

#include <ATen/ceil_div.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/xpu/XPUFunctions.h>

#include <atomic>
#include <limits>

#include "aten/kernel_table.h"
#include "aten/pointwise/elementwise.h"
#include "aten/reduce/reduce.h"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using at::ScalarType;
using at::Tensor;
using kernels::GemmParams;
using kernels::GemmShape;
using kernels::GemmTiling;

enum class Kernel { automatic, vectors, tiles };
std::atomic<Kernel> chosen_kernel{Kernel::automatic};

bool uses_vectors() {
  const auto kernel = chosen_kernel.load(std::memory_order_relaxed);
  return kernel == Kernel::automatic ? runtime::device_limits().is_cpu : kernel == Kernel::vectors;
}

// Tiles of at most `most`, all of about the same size.
std::int64_t balanced(std::int64_t size, std::int64_t most, std::int64_t unit) {
  const auto count = at::ceil_div<std::int64_t>(size, most);
  return at::ceil_div<std::int64_t>(at::ceil_div<std::int64_t>(size, count), unit) * unit;
}

std::int64_t batches(const GemmShape& shape) { return std::int64_t{shape.batch[0]} * shape.batch[1]; }

// Work-groups that keep the device busy to the end.
std::int64_t wanted_groups() { return 4 * std::int64_t{runtime::device_limits().compute_units}; }

// Sums parts of the depth apart where there are too few work-groups.
void slice(std::int64_t groups, std::int64_t shortest, GemmShape& shape) {
  std::int64_t slices = 1;
  if (groups < runtime::device_limits().compute_units)
    slices = at::ceil_div<std::int64_t>(wanted_groups(), groups);
  slices = std::max<std::int64_t>(1, std::min<std::int64_t>(slices, shape.depth / shortest));
  shape.slice_depth = static_cast<std::int32_t>(at::ceil_div<std::int64_t>(shape.depth, slices));
  shape.slices = shape.depth == 0
                     ? 1
                     : static_cast<std::int32_t>(at::ceil_div<std::int64_t>(shape.depth, shape.slice_depth));
}

Tensor make_partial(ScalarType accumulator, GemmShape& shape) {
  if (shape.slices == 1) return {};
  const auto device = at::Device(at::kXPU, c10::xpu::current_device());
  auto partial = at::empty({shape.slices, batches(shape), shape.rows, shape.columns},
                           at::TensorOptions(accumulator).device(device));
  shape.partial = partial.mutable_data_ptr();
  return partial;
}

// What sums are kept in, as far as their bits matter.
ScalarType accumulator(ScalarType result) {
  if (!c10::isIntegralType(result, /*includeBool=*/false)) return opmath_dtype(result);
  return result == at::kLong ? at::kLong : at::kInt;
}

// The tiles of gemm_vectors: those of both operands and the sums fit into the processor's second cache.
struct VectorTiles {
  static constexpr std::int64_t most_bytes = 192 << 10;

  int vector_bytes, element_bytes, rows, width;  // those in registers

  explicit VectorTiles(ScalarType dtype)
      : vector_bytes(runtime::device_limits().vector_bytes >= 64 ? 64 : 32),
        element_bytes(static_cast<int>(c10::elementSize(dtype))) {
    const int parts = c10::isComplexType(dtype) ? 2 : 1;
    rows = (vector_bytes == 64 ? 8 : 4) / parts;
    width = 2 * vector_bytes * parts / element_bytes;
  }

  GemmTiling tiling(const GemmShape& shape) const {
    const std::int64_t most = element_bytes <= 8 ? 128 : 64;
    std::int64_t row_tile = balanced(shape.rows, most, rows),
                 column_tile = balanced(shape.columns, most, width);
    const auto groups = [&] {
      return at::ceil_div<std::int64_t>(shape.rows, row_tile) *
             at::ceil_div<std::int64_t>(shape.columns, column_tile) * batches(shape);
    };
    const auto wanted = wanted_groups();
    while (groups() < wanted && (row_tile > 4 * rows || column_tile > 2 * width)) {
      if (row_tile > 4 * rows && (row_tile >= column_tile || column_tile <= 2 * width)) {
        row_tile = at::ceil_div<std::int64_t>(row_tile / 2, rows) * rows;
      } else {
        column_tile = at::ceil_div<std::int64_t>(column_tile / 2, width) * width;
      }
    }
    const auto room = std::min<std::int64_t>(most_bytes, runtime::device_limits().local_memory_bytes);
    const auto sums = row_tile * column_tile * element_bytes;
    const auto depth =
        std::min<std::int64_t>(256, (room - sums) / ((row_tile + column_tile) * element_bytes));
    const auto narrow = [](std::int64_t value) { return static_cast<std::int32_t>(value); };
    return {narrow(row_tile), narrow(column_tile),
            narrow(std::max<std::int64_t>(1, std::min<std::int64_t>(depth, shape.slice_depth))),
            narrow(at::ceil_div<std::int64_t>(shape.rows, row_tile)),
            narrow(at::ceil_div<std::int64_t>(shape.columns, column_tile))};
  }

  std::size_t local_bytes(const GemmTiling& tiling) const {
    return (std::size_t(tiling.rows) * tiling.columns +
            std::size_t(tiling.rows + tiling.columns) * tiling.depth) *
           element_bytes;
  }
};

void finish_slices(ScalarType result, const kernels::GemmOutput& output, const GemmShape& shape) {
  const kernels::GemmFinishParams params{output, shape};
  launch("gemv", instantiation("gemm_finish", type_name(result)),
         range_for(batches(shape) * shape.rows * shape.columns, kernels::gemm_finish_group_size), params);
}

}  // namespace

void check_gemm_size(const char* name, std::int64_t size) {
  TORCH_CHECK(size <= std::numeric_limits<std::int32_t>::max(), name, ": a dimension of ", size,
              " elements is more than our matrix product takes (2^31 - 1)");
}

void launch_gemv(ScalarType operand, ScalarType result, bool along_rows, GemmParams& params) {
  auto& shape = params.shape;
  const auto blocks = along_rows
                          ? shape.rows
                          : at::ceil_div<std::int64_t>(
                                shape.rows, std::int64_t{kernels::gemv_group_size} * kernels::gemv_lane_rows);
  slice(blocks * batches(shape), along_rows ? 8192 : 64, shape);
  const auto partial = make_partial(accumulator(result), shape);
  params.tiling.row_count = static_cast<std::int32_t>(blocks);
  const auto groups = blocks * batches(shape) * shape.slices;
  launch("gemv",
         instantiation(along_rows ? "gemv_along_rows" : "gemv_along_columns", type_name(operand),
                       type_name(result)),
         along_rows ? sub_group_range(groups) : Range{groups, kernels::gemv_group_size}, params);
  if (shape.slices > 1) finish_slices(result, params.output, shape);
}

void set_gemm_kernel(std::string_view choice) {
  static constexpr std::pair<const char*, Kernel> kernels[] = {
      {"automatic", Kernel::automatic}, {"vectors", Kernel::vectors}, {"tiles", Kernel::tiles}};
  for (const auto& [text, kernel] : kernels) {
    if (choice == text) return chosen_kernel.store(kernel, std::memory_order_relaxed);
  }
  TORCH_CHECK_VALUE(false, "set_gemm_kernel: got \"", choice, "\", expected automatic, vectors or tiles");
}

void launch_gemm(const char* module, const char* name, ScalarType operand, ScalarType result,
                 const char* first, const char* second, GemmParams& params) {
  const std::string operand_type = type_name(operand), result_type = type_name(result);
  const auto sums = accumulator(result);
  auto& shape = params.shape;
  auto& tiling = params.tiling;
  const bool vectors = uses_vectors();
  std::string kernel;
  std::size_t local_bytes;
  shape.slice_depth = shape.depth;
  if (vectors) {
    const VectorTiles tiles(sums);
    tiling = tiles.tiling(shape);
    local_bytes = tiles.local_bytes(tiling);
    kernel = instantiation("gemm_vectors", operand_type, result_type, first, second,
                           std::to_string(tiles.vector_bytes));
  } else {
    constexpr auto tile = kernels::gemm_group_tile;
    tiling = {tile, tile, kernels::gemm_group_depth,
              static_cast<std::int32_t>(at::ceil_div<std::int64_t>(shape.rows, tile)),
              static_cast<std::int32_t>(at::ceil_div<std::int64_t>(shape.columns, tile))};
    local_bytes = 2 * std::size_t{tile} * kernels::gemm_group_depth * c10::elementSize(sums);
    kernel = instantiation("gemm_tiles", operand_type, result_type, first, second);
  }
  const auto tiles = std::int64_t{tiling.row_count} * tiling.column_count * batches(shape);
  slice(tiles, 512, shape);
  const auto partial = make_partial(sums, shape);
  const auto groups = tiles * shape.slices;
  check_gemm_size(name, groups);
  launch(module, kernel, {groups, vectors ? 1 : kernels::gemm_group_size}, params, local_bytes);
  if (shape.slices > 1) finish_slices(result, params.output, shape);
}

void store_factors(ScalarType result, const at::Scalar& alpha, const at::Scalar& beta,
                   kernels::GemmOutput& output) {
  const auto dtype = accumulator(result);
  const auto value_of = [&](const at::Scalar& factor) -> at::Scalar {
    if (dtype != at::kInt) return factor;
    return static_cast<std::int32_t>(factor.to<std::int64_t>());
  };
  store_scalars(dtype, {value_of(alpha)}, output.alpha);
  store_scalars(dtype, {value_of(beta)}, output.beta);
}

}  // namespace ipex::aten
