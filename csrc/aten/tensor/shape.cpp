// Operators that rearrange tensors.
#include <ATen/ceil_div.h>
#include <ATen/core/Tensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/native/Resize.h>
#include <ATen/native/TensorShape.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat_native.h>
#include <ATen/ops/channel_shuffle_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/flip_native.h>
#include <ATen/ops/narrow_copy_native.h>
#include <ATen/ops/native_channel_shuffle.h>
#include <ATen/ops/repeat_interleave_native.h>
#include <ATen/ops/roll_native.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/tril_native.h>
#include <ATen/ops/triu_native.h>
#include <ATen/ops/unfold_backward_native.h>
#include <ATen/ops/zeros.h>
#include <ATen/WrapDimUtils.h>
#include <ATen/WrapDimUtilsMulti.h>

#include <algorithm>
#include <bitset>
#include <numeric>

#include "aten/elements.h"
#include "aten/kernel_table.h"
#include "aten/reduce/reduce.h"
#include "aten/tensor/copy.h"
#include "kernels/shape_params.hpp"

namespace ipex::aten {
namespace {

OpaqueKernel cat_kernel{"shape", "cat"};
OpaqueKernel cat_packs_kernel{"shape", "cat_by_packs"};
OpaqueKernel triangle_kernel{"shape", "triangle"};

// Rows of `bytes` each, as many as the output has.
struct CatRows {
  const char* data;
  std::int64_t bytes;
  std::int64_t stride;  // in bytes, from a row to the next
};

// Each row of `bytes` of the output becomes the inputs' rows, one after the other.
void cat_rows(const at::Tensor& out, std::int64_t bytes, at::ArrayRef<CatRows> inputs) {
  constexpr std::int64_t group_size = 256, per_group = group_size * kernels::shape_items;
  // On a CPU, as many jobs keep all cores busy, and as many bytes are worth one.
  constexpr std::int64_t jobs = 64, job_bytes = 4096;
  auto* output = static_cast<char*>(out.mutable_data_ptr());
  const auto rows = static_cast<std::int64_t>(out.nbytes()) / bytes;
  auto bits = reinterpret_cast<std::uintptr_t>(output) | bytes;
  for (const auto& input : inputs) {
    bits |= reinterpret_cast<std::uintptr_t>(input.data) | input.bytes | input.stride;
  }
  const auto element = static_cast<std::int64_t>(std::min<std::uintptr_t>(8, bits & (~bits + 1)));
  const bool by_packs = walks_alone();
  auto& kernel = (by_packs ? cat_packs_kernel : cat_kernel).get(element, out.device().index());
  kernels::CatParams params;
  params.output_row = bytes / element;
  for (; !inputs.empty(); inputs = inputs.slice(params.inputs)) {
    params.output = output;
    params.inputs = static_cast<int>(std::min<std::size_t>(inputs.size(), kernels::cat_max_inputs));
    params.width = 0;
    std::int64_t groups = 0;
    for (int k = 0; k < params.inputs; ++k) {
      const auto row = inputs[k].bytes / element;
      auto& input = params.input[k];
      input.data = inputs[k].data;
      input.stride = inputs[k].stride / element;
      input.offset = params.width;
      params.width += row;
      if (by_packs) continue;
      const auto numel = rows * row;
      input.numel = static_cast<std::uint32_t>(numel);
      input.first_group = static_cast<std::uint32_t>(groups);
      input.row = kernels::Divider(static_cast<std::uint32_t>(row));
      groups += at::ceil_div(numel, per_group);
    }
    const auto bytes_together = params.width * element;
    params.parts = std::clamp<std::int64_t>(bytes_together / job_bytes, 1, at::ceil_div(jobs, rows));
    params.part = at::ceil_div(params.width, params.parts);
    params.jobs = rows * params.parts;
    launch(kernel, by_packs ? row_kernel("cat", params.jobs).range : Range{groups, group_size}, params);
    output += bytes_together;
  }
}

// Bytes from one `outer` to the next of a tensor that is dense in `format`, cut before dimension `dim`.
std::int64_t row_bytes(const at::Tensor& tensor, std::int64_t dim, at::MemoryFormat format) {
  auto bytes = static_cast<std::int64_t>(tensor.element_size());
  const bool channels_last = format != at::MemoryFormat::Contiguous;
  for (std::int64_t d = 0; d < tensor.dim(); ++d) {
    // Channels are innermost when they are last: nothing lies within them, they lie within every spatial
    // dimension.
    const bool within = !channels_last ? d > dim : dim == 0 ? d > 0 : dim == 1 ? false : d > dim || d == 1;
    if (d == dim || within) bytes *= tensor.size(d);
  }
  return bytes;
}

// Whether rows are better copied tensor by tensor: their launches take longer than it costs to enqueue them.
bool copies_apart(const at::Tensor& tensor) { return tensor.nbytes() >= 1 << 18 && !walks_alone(); }

// By one kernel, if all operands are dense in one format and none is better copied apart; says whether it
// did.
bool cat_dense(const at::MaterializedITensorListRef& tensors, std::int64_t dim, at::MemoryFormat format,
               const at::Tensor& out) {
  if (!out.is_contiguous(format)) return false;
  c10::SmallVector<CatRows, 8> rows;
  for (const at::Tensor& tensor : tensors) {
    if (tensor.numel() == 0) continue;
    if (copies_apart(tensor)) return false;
    const auto row = row_bytes(tensor, dim, format);
    rows.push_back({static_cast<const char*>(tensor.const_data_ptr()), row, row});
  }
  cat_rows(out, row_bytes(out, dim, format), rows);
  return true;
}

void triangle(const at::Tensor& self, std::int64_t diagonal, bool upper, const at::Tensor& out) {
  if (self.numel() == 0) return;
  const auto input = self.contiguous();
  const auto result = out.is_contiguous() ? out : at::empty(out.sizes(), out.options());
  const auto rows = self.size(-2), columns = self.size(-1), matrices = self.numel() / (rows * columns);
  // A launch has less than 2^31 elements: several matrices, or some rows of one.
  constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
  TORCH_CHECK_NOT_IMPLEMENTED(columns <= limit, upper ? "triu" : "tril",
                              ": at most 2^31 - 1 columns are supported, got ", columns);
  const auto rows_together = std::min(rows, limit / columns);
  const auto matrices_together = std::max<std::int64_t>(1, limit / (rows * columns));
  const auto element = static_cast<std::int64_t>(self.element_size());
  auto& kernel = triangle_kernel.get(self.element_size(), self.device().index());
  kernels::TriangleParams params;
  params.upper = upper;
  params.columns = kernels::Divider(static_cast<std::uint32_t>(columns));
  params.stride = rows * columns;
  for (std::int64_t matrix = 0; matrix < matrices; matrix += matrices_together) {
    for (std::int64_t row = 0; row < rows; row += rows_together) {
      const auto skipped = (matrix * rows + row) * columns * element;
      params.output = static_cast<char*>(result.mutable_data_ptr()) + skipped;
      params.input = static_cast<const char*>(input.const_data_ptr()) + skipped;
      params.diagonal = static_cast<std::int32_t>(std::clamp(diagonal + row, -limit, limit));
      Range range;
      const auto length = std::min(rows_together, rows - row) * columns;
      set_slices(std::min(matrices_together, matrices - matrix), length, slice_size(length), params.matrices,
                 range);
      launch(kernel, range, params);
    }
  }
  if (!result.is_same(out)) const_cast<at::Tensor&>(out).copy_(result);
}

// out = self read backwards along the flipped dimensions: with negative strides, which no view can have.
void copy_flipped(const at::Tensor& out, const at::Tensor& self, std::bitset<64> flipped) {
  if (out.numel() == 0) return;
  std::vector<std::int64_t> order(out.dim());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return out.stride(a) < out.stride(b) || (out.stride(a) == out.stride(b) && a > b);
  });
  const auto element = static_cast<std::int64_t>(out.element_size());
  Elements elements;
  elements.operands = 2;
  elements.data[0] = static_cast<char*>(out.mutable_data_ptr());
  elements.data[1] = static_cast<char*>(const_cast<void*>(self.const_data_ptr()));
  std::vector<std::int64_t> strides[2];
  for (const auto d : order) {
    const auto size = out.size(d), output = out.stride(d) * element;
    auto input = self.stride(d) * element;
    if (size == 1) continue;
    if (flipped[d]) {
      elements.data[1] += input * (size - 1);
      input = -input;
    }
    const bool continues = !elements.shape.empty() && output == strides[0].back() * elements.shape.back() &&
                           input == strides[1].back() * elements.shape.back();
    if (continues) {
      elements.shape.back() *= size;
    } else {
      elements.shape.push_back(size);
      strides[0].push_back(output);
      strides[1].push_back(input);
    }
  }
  for (int operand = 0; operand < 2; ++operand) {
    elements.strides[operand] = strides[operand];
    elements.element_size[operand] = element;
  }
  copy_elements(elements, out.scalar_type(), self.scalar_type(), out.device().index());
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(cat_out_xpu)
(const ITensorListRef& list, int64_t dim, int64_t, bool all_contiguous, bool all_same_dtype, bool,
 MemoryFormat format, const Tensor& out) {
  if (out.numel() == 0) return;
  const auto tensors = list.materialize();
  if (all_contiguous && all_same_dtype && tensors[0].get().scalar_type() == out.scalar_type() &&
      cat_dense(tensors, dim, format, out)) {
    return;
  }
  int64_t start = 0;
  for (const Tensor& tensor : tensors) {
    if (cat_should_skip_tensor(tensor)) continue;
    out.narrow(dim, start, tensor.size(dim)).copy_(tensor);
    start += tensor.size(dim);
  }
}

Tensor flip_xpu(const Tensor& self, IntArrayRef dims) {
  const auto flipped = at::dim_list_to_bitset(dims, self.dim());
  auto out = at::empty_like(self, MemoryFormat::Preserve);
  copy_flipped(out, self, flipped);
  return out;
}

// A roll of one dimension puts the two parts of each row in the other order.
Tensor roll_xpu(const Tensor& self, IntArrayRef shifts, IntArrayRef dims) {
  const bool one = shifts.size() == 1 && dims.size() == 1;
  if (!one || self.numel() == 0 || !self.is_contiguous() || copies_apart(self)) {
    return at::native::roll(self, shifts, dims);
  }
  const auto dim = maybe_wrap_dim(dims[0], self.dim());
  const auto size = self.size(dim), moved = (shifts[0] % size + size) % size;
  if (moved == 0) return self.clone(MemoryFormat::Contiguous);
  const auto out = at::empty_like(self, MemoryFormat::Contiguous);
  const auto line = self.stride(dim) * static_cast<int64_t>(self.element_size()), row = line * size;
  const auto* data = static_cast<const char*>(self.const_data_ptr());
  cat_rows(out, row, {{data + row - moved * line, moved * line, row}, {data, row - moved * line, row}});
  return out;
}

// Windows that are `step` apart overlap; every ceil(size / step)-th does not, so each such set is added at
// once: no atomics, and the same sums every time.
Tensor unfold_backward_xpu(const Tensor& gradient, IntArrayRef input_sizes, int64_t dim, int64_t size,
                           int64_t step) {
  if (input_sizes.empty()) return gradient.squeeze(0).clone();
  const auto dtype = gradient.scalar_type();
  const auto out = at::zeros(input_sizes, gradient.options().dtype(opmath_dtype(dtype)));
  dim = maybe_wrap_dim(dim, out.dim());
  const auto windows = out.unfold(dim, size, step);
  const auto sets = std::max<int64_t>(1, (size + step - 1) / step);
  for (int64_t set = 0; set < std::min(sets, gradient.size(dim)); ++set) {
    windows.slice(dim, set, std::nullopt, sets).add_(gradient.slice(dim, set, std::nullopt, sets));
  }
  return out.to(dtype);
}

Tensor repeat_interleave_Tensor_xpu(const Tensor& repeats, std::optional<int64_t> output_size) {
  TORCH_CHECK(repeats.dim() == 1, "repeat_interleave only accept 1D vector as repeat");
  TORCH_CHECK(repeats.scalar_type() == kLong || repeats.scalar_type() == kInt,
              "repeats has to be Long or Int tensor");
  if (repeats.numel() == 0) return at::empty_like(repeats);
  const auto ends = repeats.cumsum(0);
  if (!output_size) {
    TORCH_CHECK(repeats.min().item<int64_t>() >= 0, "repeats can not be negative");
    output_size = ends[-1].item<int64_t>();
  }
  // Position p belongs to the first range that ends after p.
  const auto positions = at::arange(*output_size, ends.options());
  return at::searchsorted(ends, positions, repeats.scalar_type() == kInt, true);
}

// The stock code views its input in groups of channels.
Tensor channel_shuffle_xpu(const Tensor& self, int64_t groups) {
  return at::native_channel_shuffle(self.contiguous(), groups).contiguous(self.suggest_memory_format());
}

Tensor& narrow_copy_out_xpu(const Tensor& self, int64_t dim, int64_t start, int64_t length, Tensor& out) {
  const auto part = self.narrow(dim, start, length);
  at::native::resize_output(out, part.sizes());
  return out.copy_(part);
}

TORCH_IMPL_FUNC(tril_out_xpu)(const Tensor& self, int64_t diagonal, const Tensor& out) {
  triangle(self, diagonal, false, out);
}

TORCH_IMPL_FUNC(triu_out_xpu)(const Tensor& self, int64_t diagonal, const Tensor& out) {
  triangle(self, diagonal, true, out);
}

}  // namespace at::native
