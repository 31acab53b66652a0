#include "aten/tensor/strided_copy.h"

#include <ATen/ceil_div.h>
#include <c10/core/Allocator.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "aten/reduce/reduce.h"
#include "kernels/strided_copy_params.hpp"

namespace ipex::aten {
namespace {

constexpr std::int64_t most_jobs = std::numeric_limits<std::int32_t>::max();

// What a work-item copies: enough to be worth its start, and some parts for each core.
std::int64_t group_bytes(const Elements& elements) {
  const auto parts = std::int64_t{runtime::device_limits().compute_units} * 8;
  return std::clamp<std::int64_t>(elements.numel() * elements.element_size[0] / parts, 1 << 15, 1 << 17);
}

// A dimension in which the operand is consecutive and which is long enough for the tiles of the kernel.
int consecutive_dimension(const Elements& elements, int operand) {
  for (int d = 0; d < elements.dims(); ++d) {
    if (elements.is_consecutive(operand, d) && elements.shape[d] >= shortest_row) return d;
  }
  return -1;
}

kernels::Divider divider(std::int64_t size) { return kernels::Divider(static_cast<std::uint32_t>(size)); }

std::string word_of(const Elements& elements) {
  return "uint" + std::to_string(8 * elements.element_size[0]) + "_t";
}

bool transpose(const Elements& elements) {
  const int row = consecutive_dimension(elements, 0), column = consecutive_dimension(elements, 1);
  if (row < 0 || column < 0 || row == column) return false;
  if (elements.dims() > kernels::transpose_outer_dims + 2) return false;
  kernels::TransposeParams params{};
  params.source = elements.data[1];
  params.destination = elements.data[0];
  params.rows = elements.shape[row];
  params.columns = elements.shape[column];
  params.source_row = elements.strides[1][row];
  params.destination_column = elements.strides[0][column];
  const auto row_blocks = at::ceil_div<std::int64_t>(params.rows, kernels::transpose_block_rows);
  const auto column_blocks = at::ceil_div<std::int64_t>(params.columns, kernels::transpose_block_columns);
  params.jobs = elements.numel() / (params.rows * params.columns) * row_blocks * column_blocks;
  if (params.jobs > most_jobs) return false;
  params.row_blocks = divider(row_blocks);
  params.column_blocks = divider(column_blocks);
  int outer = 0;
  for (int d = 0; d < elements.dims(); ++d) {
    if (d == row || d == column) continue;
    params.outer_sizes[outer] = divider(elements.shape[d]);
    params.outer_source[outer] = elements.strides[1][d];
    params.outer_destination[outer] = elements.strides[0][d];
    ++outer;
  }
  const auto [kernel, range] = row_kernel("transpose", params.jobs);
  launch("strided_copy", instantiation(kernel, word_of(elements)), range, params);
  return true;
}

// The dimension besides `row` in which the source's elements are nearest.
int next_in_source(const Elements& elements, int row) {
  int nearest = row == 0 ? 1 : 0;
  for (int d = nearest + 1; d < elements.dims(); ++d) {
    const auto& strides = elements.strides[1];
    if (d != row && std::abs(strides[d]) < std::abs(strides[nearest])) nearest = d;
  }
  return nearest;
}

void copy_words(const Elements& elements, Walk walk, std::int64_t partner = 0) {
  walk.lanes = group_bytes(elements) / elements.element_size[0];
  if (elements.dims() > 1) {
    walk.step = partner ? next_in_source(elements, walk.row) : walk.row == 0 ? 1 : 0;
    const auto rows = std::max<std::int64_t>(1, walk.lanes / elements.shape[walk.row]);
    walk.steps = divisor_of(elements.shape[walk.step], rows);
  }
  kernels::CopyWordsParams params;
  Range range;
  if (!set_grid(elements, walk, params.grid, range)) {
    for (const auto& part : split(elements, walk))
      copy_words(part, partner ? walk : walk_along_longest(part), partner);
    return;
  }
  params.width = static_cast<std::uint32_t>(range.group_size);
  params.partner = partner;
  range.group_size = 1;
  launch("strided_copy", instantiation("copy_words_by_packs", word_of(elements)), range, params);
}

// Rows of the source whose words alternate in the destination.
bool interleave(const Elements& elements) {
  const auto size = elements.element_size[0];
  const int row = consecutive_dimension(elements, 1), pair = 0;
  if (row <= 0 || elements.shape[pair] != 2 || !elements.is_consecutive(0, pair) ||
      elements.strides[0][row] != 2 * size || elements.strides[1][pair] == 0) {
    return false;
  }
  Elements first;
  first.operands = 2;
  first.shape.assign(elements.shape.begin() + 1, elements.shape.end());
  for (int operand = 0; operand < 2; ++operand) {
    first.data[operand] = elements.data[operand];
    first.strides[operand] = elements.strides[operand].slice(1);
    first.element_size[operand] = size;
  }
  Walk walk;
  walk.row = row - 1;
  copy_words(first, walk, elements.strides[1][pair]);
  return true;
}

}  // namespace

bool copy_strided(const Elements& elements) {
  const auto size = elements.element_size[0];
  if (!walks_alone() || size > 8 || elements.dims() == 0) return false;
  const auto walk = walk_along_longest(elements);
  const bool from_row = elements.is_consecutive(1, walk.row), to_row = elements.is_consecutive(0, walk.row);
  if (to_row && from_row && elements.dims() == 1) return false;
  if ((from_row && to_row) || !(transpose(elements) || interleave(elements))) copy_words(elements, walk);
  return true;
}

void with_dense_copies(const Elements& elements, OperandSet copied,
                       c10::function_ref<void(const Elements&)> function) {
  const int outer = elements.dims() - 1;
  const std::int64_t within = elements.numel() / elements.shape[outer];
  const std::int64_t cached = std::int64_t{runtime::device_limits().compute_units} << 17;
  const std::int64_t step = std::max<std::int64_t>(1, cached / within);
  const std::int64_t largest = std::min(step, elements.shape[outer]) * within;
  // Freed on return, which the caching allocator orders after the work enqueued here.
  c10::DataPtr memory[Elements::max_operands];
  c10::SmallVector<std::int64_t, 5> strides[Elements::max_operands];
  for (int operand = 1; operand < elements.operands; ++operand) {
    if (!copied[operand]) continue;
    const auto size = elements.element_size[operand];
    memory[operand] = c10::GetAllocator(c10::kXPU)->allocate(static_cast<std::size_t>(largest * size));
    strides[operand].push_back(size);
    for (int d = 0; d < outer; ++d) strides[operand].push_back(strides[operand].back() * elements.shape[d]);
  }
  for (std::int64_t begin = 0; begin < elements.shape[outer]; begin += step) {
    auto part = elements.part(outer, begin, std::min(step, elements.shape[outer] - begin));
    for (int operand = 1; operand < elements.operands; ++operand) {
      if (!copied[operand]) continue;
      Elements copy;
      copy.shape = part.shape;
      copy.operands = 2;
      copy.data[0] = static_cast<char*>(memory[operand].get());
      copy.data[1] = part.data[operand];
      copy.strides[0] = strides[operand];
      copy.strides[1] = part.strides[operand];
      copy.element_size[0] = copy.element_size[1] = part.element_size[operand];
      if (!copy_strided(copy)) continue;  // then vectors read it as it is
      part.data[operand] = copy.data[0];
      part.strides[operand] = strides[operand];
    }
    function(part);
  }
}

}  // namespace ipex::aten
