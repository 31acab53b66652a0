#include "aten/matmul/few_rows.h"

#include <algorithm>

#include "aten/kernel_table.h"
#include "aten/reduce/reduce.h"
#include "kernels/few_rows_params.hpp"
#include "runtime/libraries.h"

namespace ipex::aten {
namespace {

TypedKernel kernel{"few_rows", "few_rows"};

// Of weights, that a work-item reads.
constexpr std::int64_t tile_bytes = 64 << 10;

bool is_dense_row(const at::Tensor& matrix) { return matrix.stride(1) == 1 || matrix.size(1) == 1; }

}  // namespace

bool multiply_few_rows(const char* name, const at::Tensor& out, const at::Tensor& first,
                       const at::Tensor& second, const at::Tensor& bias) {
  const auto dtype = first.scalar_type();
  const bool known = dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf;
  if (!known || out.scalar_type() != dtype || out.dim() != 2 || out.numel() == 0 || first.numel() == 0 ||
      first.size(0) > kernels::few_rows_most || !walks_alone() ||
      runtime::libraries() != runtime::Libraries::automatic) {
    return false;
  }
  const bool fits = is_dense_row(first) && is_dense_row(out) && second.stride(0) == 1 &&
                    second.stride(1) >= second.size(0) &&
                    (!bias.defined() || (bias.is_contiguous() && bias.scalar_type() == dtype));
  if (!fits) return false;
  kernels::FewRowsParams params{};
  params.vectors = first.const_data_ptr();
  params.weights = second.const_data_ptr();
  params.bias = bias.defined() ? bias.const_data_ptr() : nullptr;
  params.output = out.mutable_data_ptr();
  params.vector_stride = first.stride(0);
  params.weight_stride = second.stride(1);
  params.output_stride = out.stride(0);
  params.rows = second.size(1);
  params.depth = second.size(0);
  params.count = static_cast<int>(first.size(0));
  const auto row_bytes = params.depth * static_cast<std::int64_t>(first.element_size());
  params.tile = std::min(std::max<std::int64_t>(tile_bytes / row_bytes / 4 * 4, 4), params.rows);
  const auto groups = (params.rows + params.tile - 1) / params.tile;
  launch(kernel.get(name, dtype, out.device().index()), {groups, 1}, params);
  return true;
}

}  // namespace ipex::aten
