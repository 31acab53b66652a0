// Reductions along the dimension that an index selects, a line of elements at a time.
#include <ATen/Context.h>

#include "aten/fault.h"
#include "aten/indexed.h"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

TypedKernel kernels_of_updates[] = {{"index", "index_update_lines", "op::sum"},
                                    {"index", "index_update_lines", "op::prod"},
                                    {"index", "index_update_lines", "op::amax"},
                                    {"index", "index_update_lines", "op::amin"}};

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

// Few lines on the CPU: a work-group for each runs without idle lanes.
Range range_of_lines(std::int64_t lines) {
  const auto& limits = runtime::device_limits();
  constexpr std::int64_t lanes = 16;
  if (!limits.is_cpu) return range_for(lines, 64);
  const std::int64_t each = lines / limits.compute_units;
  return range_for(lines, each < lanes ? 1 : std::min<std::int64_t>(256, each / lanes * lanes));
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
  launch(
      kernels_of_updates[static_cast<int>(update)].get(name, output.scalar_type(), output.device().index()),
      range_of_lines(params.lines), params);
  return true;
}

}  // namespace ipex::aten
