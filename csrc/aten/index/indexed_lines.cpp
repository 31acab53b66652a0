// Reductions along the dimension that an index selects, a line of elements at a time.
#include <ATen/ceil_div.h>
#include <ATen/Context.h>
#include <ATen/ops/empty.h>

#include "aten/fault.h"
#include "aten/index/indexed.h"
#include "aten/reduce/reduce.h"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

constexpr char kernel[] = "index_update_lines";
TypedKernel kernels_of_updates[][2] = {
    {{"index", kernel, "op::sum", "false"}, {"index", kernel, "op::sum", "true"}},
    {{"index", kernel, "op::prod", "false"}, {"index", kernel, "op::prod", "true"}},
    {{"index", kernel, "op::amax", "false"}, {"index", kernel, "op::amax", "true"}},
    {{"index", kernel, "op::amin", "false"}, {"index", kernel, "op::amin", "true"}}};

TypedKernel kernels_of_rows[] = {{"index", "index_update_rows", "op::sum"},
                                 {"index", "index_update_rows", "op::prod"},
                                 {"index", "index_update_rows", "op::amax"},
                                 {"index", "index_update_rows", "op::amin"}};

TypedKernel linked_sums{"index", "index_add_linked"};

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

// So that a work-item reads whole cache lines and each core has some.
std::int64_t lines_of_rows(const kernels::IndexLinesParams& params) {
  constexpr std::int64_t fewest = 64;
  const std::int64_t each = params.lines / runtime::device_limits().compute_units / fewest * fewest;
  return std::clamp<std::int64_t>(each, fewest, 4096);
}

Range range_of_rows(kernels::IndexLinesParams& params) {
  params.width = lines_of_rows(params);
  return {at::ceil_div(params.lines, params.width), 1};
}

// False as set_lines.
bool describe_lines(const char* name, const at::Tensor& output, std::int64_t dim, const at::Tensor& index,
                    const at::Tensor& source, kernels::IndexLinesParams& params) {
  params = {};
  const std::array<at::Tensor, 3> operands{output, source, index};
  if (!set_lines(operands, index.sizes(), dim, params)) return false;
  params.output = output.mutable_data_ptr();
  params.input = source.const_data_ptr();
  params.index = index.const_data_ptr();
  params.fault = fault_for(name);
  params.length = index.size(dim);
  params.size = output.size(dim);
  const auto strides = bytes_along(operands, dim);
  std::copy(strides.begin(), strides.end(), params.strides);
  return true;
}

}  // namespace

bool update_lines(const char* name, Update update, const at::Tensor& output, std::int64_t dim,
                  const at::Tensor& index, const at::Tensor& source) {
  const auto& limits = runtime::device_limits();
  if (!limits.is_cpu && !at::globalContext().deterministicAlgorithms()) return false;
  kernels::IndexLinesParams params;
  if (!describe_lines(name, output, dim, index, source, params)) return false;
  const bool columns = are_columns(params, static_cast<std::int64_t>(output.element_size()));
  const auto which = static_cast<int>(update);
  const auto kernel_in = [&](TypedKernel& kernels) -> jit::Kernel& {
    return kernels.get(name, output.scalar_type(), output.device().index());
  };
  if (walks_alone() && columns) {
    launch(kernel_in(kernels_of_rows[which]), range_of_rows(params), params);
  } else {
    // On the CPU lines far apart are followed faster one by one than side by side.
    launch(kernel_in(kernels_of_updates[which][columns]),
           limits.is_cpu ? Range{params.lines, 1} : range_for(params.lines, 64), params);
  }
  return true;
}

bool add_rows(const char* name, const at::Tensor& out, std::int64_t dim, const at::Tensor& index,
              const at::Tensor& source, const c10::Scalar& alpha, Negative negative) {
  constexpr std::int64_t shortest_row = 16;
  if (!c10::isReducedFloatingType(out.scalar_type()) || !walks_alone()) return false;
  const auto positions = along(as_int64(index), dim, out.dim()).expand(source.sizes());
  kernels::IndexSumsParams params;
  if (!describe_lines(name, out, dim, positions, source, params.lines)) return false;
  auto& lines = params.lines;
  if (!are_columns(lines, static_cast<std::int64_t>(out.element_size())) || lines.lines < shortest_row ||
      std::max(lines.length, lines.size) > INT32_MAX) {
    return false;
  }
  const auto links = at::empty({lines.size + lines.length}, out.options().dtype(at::kInt));
  params.first = links.mutable_data_ptr<std::int32_t>();
  params.next = params.first + lines.size;
  params.lowest = negative == Negative::wraps ? -1 : 0;
  params.alpha = alpha.to<float>();
  const auto range = range_of_rows(lines);
  launch("index", "index_link", {1, 1}, params);
  launch(linked_sums.get(name, out.scalar_type(), out.device().index()), range, params);
  return true;
}

}  // namespace ipex::aten
