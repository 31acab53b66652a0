// Reductions along the dimension that an index selects, a line of elements at a time.
#include <ATen/Context.h>

#include "aten/fault.h"
#include "aten/indexed.h"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

constexpr char kernel[] = "index_update_lines";
TypedKernel kernels_of_updates[][2] = {
    {{"index", kernel, "op::sum", "false"}, {"index", kernel, "op::sum", "true"}},
    {{"index", kernel, "op::prod", "false"}, {"index", kernel, "op::prod", "true"}},
    {{"index", kernel, "op::amax", "false"}, {"index", kernel, "op::amax", "true"}},
    {{"index", kernel, "op::amin", "false"}, {"index", kernel, "op::amin", "true"}}};

using Strides = std::array<std::int64_t, 3>;

Strides bytes_along(const std::array<at::Tensor, 3>& operands, std::int64_t dim) {
  Strides strides;
  for (int k = 0; k < 3; ++k) {
    strides[k] = operands[k].stride(dim) * static_cast<std::int64_t>(operands[k].element_size());
  }
  return strides;
}

// False if the lines have more dimensions, or are more, than the kernel can number.
bool set_lines(const std::array<at::Tensor, 3>& operands, c10::IntArrayRef sizes, std::int64_t dim,
               kernels::IndexLinesParams& params) {
  params.lines = 1;
  int count = 0;
  std::int64_t last_size = 1;
  Strides last{};
  for (auto d = static_cast<std::int64_t>(sizes.size()) - 1; d >= 0; --d) {
    if (d == dim || sizes[d] == 1) continue;
    const auto strides = bytes_along(operands, d);
    const bool continues = count > 0 && strides[0] == last[0] * last_size &&
                           strides[1] == last[1] * last_size && strides[2] == last[2] * last_size;
    if (continues) {
      last_size *= sizes[d];
    } else {
      if (count == kernels::index_line_dims) return false;
      ++count;
      last = strides;
      last_size = sizes[d];
      std::copy(strides.begin(), strides.end(), params.line_strides[count - 1]);
    }
    params.lines *= sizes[d];
    if (params.lines > INT32_MAX) return false;
    params.sizes[count - 1] = kernels::Divider(static_cast<std::uint32_t>(last_size));
  }
  return true;
}

// Whether lines lie side by side and share their indices.
bool are_columns(const kernels::IndexLinesParams& params, std::int64_t element_size) {
  const auto& strides = params.line_strides[0];
  return params.sizes[0].divisor == params.lines && strides[0] == element_size &&
         strides[1] == element_size && strides[2] == 0;
}

Range range_of_lines(const kernels::IndexLinesParams& params, bool columns) {
  const auto& limits = runtime::device_limits();
  if (!limits.is_cpu) return range_for(params.lines, 64);
  constexpr std::int64_t lanes = 16;
  const std::int64_t each = params.lines / limits.compute_units / lanes * lanes;
  // On the CPU lines far apart are followed faster one by one than side by side.
  if (!columns) return {params.lines, 1};
  return range_for(params.lines, std::clamp<std::int64_t>(each, lanes, 1024));
}

}  // namespace

bool update_lines(const char* name, Update update, const at::Tensor& output, std::int64_t dim,
                  const at::Tensor& index, const at::Tensor& source) {
  const auto& limits = runtime::device_limits();
  if (!limits.is_cpu && !at::globalContext().deterministicAlgorithms()) return false;
  const auto sizes = index.sizes();
  kernels::IndexLinesParams params{};
  const std::array<at::Tensor, 3> operands{output, source, index};
  if (!set_lines(operands, sizes, dim, params)) return false;
  params.output = output.mutable_data_ptr();
  params.input = source.const_data_ptr();
  params.index = index.const_data_ptr();
  params.fault = fault_for(name);
  params.length = sizes[dim];
  params.size = output.size(dim);
  const auto strides = bytes_along(operands, dim);
  std::copy(strides.begin(), strides.end(), params.strides);
  const bool columns = are_columns(params, static_cast<std::int64_t>(output.element_size()));
  auto& launched = kernels_of_updates[static_cast<int>(update)][columns];
  launch(launched.get(name, output.scalar_type(), output.device().index()), range_of_lines(params, columns),
         params);
  return true;
}

}  // namespace ipex::aten
