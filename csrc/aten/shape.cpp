// Operators that rearrange tensors.
#include <ATen/core/Tensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/native/CanUse32BitIndexMath.h>
#include <ATen/native/TensorShape.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/flip_native.h>
#include <ATen/ops/repeat_interleave_native.h>
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

#include "aten/indexed.h"
#include "aten/kernel_table.h"
#include "kernels/shape_params.hpp"

namespace ipex::aten {
namespace {

OpaqueKernel cat_kernel{"shape", "cat"};
OpaqueKernel triangle_kernel{"shape", "triangle"};

// One launch of cat for up to cat_max_inputs inputs.
class CatLaunch {
 public:
  CatLaunch(const at::Tensor& out, std::size_t element, std::int64_t output_row)
      : element_(element), device_(out.device().index()) {
    params_.output = out.mutable_data_ptr();
    params_.output_row = output_row;
    params_.inputs = 0;
  }
  void add(const at::Tensor& tensor, std::int64_t row, std::int64_t offset) {
    const auto numel = static_cast<std::int64_t>(tensor.nbytes() / element_);
    auto& input = params_.input[params_.inputs++];
    input.data = tensor.const_data_ptr();
    input.numel = static_cast<std::uint32_t>(numel);
    input.first_group = static_cast<std::uint32_t>(groups_);
    input.offset = offset;
    input.row = kernels::Divider(static_cast<std::uint32_t>(row));
    groups_ += (numel + per_group - 1) / per_group;
    if (params_.inputs == kernels::cat_max_inputs) flush();
  }
  void flush() {
    if (groups_ > 0) launch(cat_kernel.get(element_, device_), {groups_, group_size}, params_);
    params_.inputs = 0;
    groups_ = 0;
  }

 private:
  static constexpr std::int64_t group_size = 256;
  static constexpr std::int64_t per_group = group_size * kernels::shape_items;
  std::size_t element_;
  int device_;
  std::int64_t groups_ = 0;
  kernels::CatParams params_;
};

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

// By one kernel, if all operands are dense in one format and dtype; says whether it did.
bool cat_dense(const at::MaterializedITensorListRef& tensors, std::int64_t dim, at::MemoryFormat format,
               const at::Tensor& out) {
  if (!out.is_contiguous(format)) return false;
  const auto output_row = row_bytes(out, dim, format);
  auto bits =
      reinterpret_cast<std::uintptr_t>(out.const_data_ptr()) | static_cast<std::uintptr_t>(output_row);
  for (const at::Tensor& tensor : tensors) {
    if (at::native::cat_should_skip_tensor(tensor)) continue;
    if (tensor.nbytes() >= std::size_t{1} << 31) return false;
    bits |= reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr()) |
            static_cast<std::uintptr_t>(row_bytes(tensor, dim, format));
  }
  const auto element = std::min<std::uintptr_t>(16, bits & (~bits + 1));
  const auto size = static_cast<std::int64_t>(element);
  CatLaunch launch(out, element, output_row / size);
  std::int64_t offset = 0;
  for (const at::Tensor& tensor : tensors) {
    if (tensor.numel() == 0) continue;
    const auto row = row_bytes(tensor, dim, format) / size;
    launch.add(tensor, row, offset);
    offset += row;
  }
  launch.flush();
  return true;
}

void triangle(const at::Tensor& self, std::int64_t diagonal, bool upper, const at::Tensor& out) {
  if (self.numel() == 0) return;
  const auto input = self.contiguous();
  const auto result = out.is_contiguous() ? out : at::empty(out.sizes(), out.options());
  kernels::TriangleParams params;
  params.output = result.mutable_data_ptr();
  params.input = input.const_data_ptr();
  params.numel = self.numel();
  params.columns = self.size(-1);
  params.rows = self.size(-2);
  params.diagonal = diagonal;
  params.upper = upper;
  launch(triangle_kernel.get(self.element_size(), self.device().index()),
         range_for((params.numel + kernels::shape_items - 1) / kernels::shape_items), params);
  if (!result.is_same(out)) const_cast<at::Tensor&>(out).copy_(result);
}

// out = self read backwards along the flipped dimensions. Steps through both with strides of their own: a
// view cannot have the negative ones that this takes.
void copy_flipped(const at::Tensor& out, const at::Tensor& self, std::bitset<64> flipped) {
  if (out.numel() == 0) return;
  const auto count = out.dim();
  if (count > kernels::index_max_dims) {
    for (std::int64_t i = 0; i < out.size(0); ++i)
      copy_flipped(out.select(0, i), self.select(0, flipped[0] ? out.size(0) - 1 - i : i), flipped >> 1);
    return;
  }
  if (!at::native::canUse32BitIndexMath(out) || !at::native::canUse32BitIndexMath(self) ||
      std::max(out.nbytes(), self.nbytes()) >= std::size_t{1} << 31) {
    const auto largest = std::max_element(out.sizes().begin(), out.sizes().end()) - out.sizes().begin();
    const auto half = out.size(largest) / 2, rest = out.size(largest) - half;
    const bool back = flipped[largest];
    copy_flipped(out.narrow(largest, 0, half), self.narrow(largest, back ? rest : 0, half), flipped);
    copy_flipped(out.narrow(largest, half, rest), self.narrow(largest, back ? 0 : half, rest), flipped);
    return;
  }
  std::vector<std::int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return out.stride(a) < out.stride(b) || (out.stride(a) == out.stride(b) && a > b);
  });
  kernels::IndexParams params;
  params.output = static_cast<char*>(out.mutable_data_ptr());
  params.input = static_cast<const char*>(self.const_data_ptr());
  params.numel = static_cast<std::uint32_t>(out.numel());
  params.items = kernels::index_items;
  params.dims = static_cast<int>(count);
  params.indices = 0;
  const auto element = static_cast<std::int64_t>(out.element_size());
  for (std::int64_t k = 0; k < count; ++k) {
    const auto d = order[k];
    const auto input_stride = self.stride(d) * element;
    params.sizes[k] = kernels::Divider(static_cast<std::uint32_t>(out.size(d)));
    params.strides[k][0] = static_cast<std::int32_t>(out.stride(d) * element);
    params.strides[k][1] = static_cast<std::int32_t>(flipped[d] ? -input_stride : input_stride);
    params.strides[k][2] = 0;
    if (flipped[d]) params.input += input_stride * (out.size(d) - 1);
  }
  launch(index_get.get(out.element_size(), out.device().index()),
         range_for((out.numel() + kernels::index_items - 1) / kernels::index_items), params);
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

// Windows that are `step` apart overlap; every ceil(size / step)-th does not, so each such set is added at
// once: no atomics, and the same sums every time.
Tensor unfold_backward_xpu(const Tensor& gradient, IntArrayRef input_sizes, int64_t dim, int64_t size,
                           int64_t step) {
  auto out = at::zeros(input_sizes, gradient.options());
  if (out.dim() == 0) {
    out.add_(gradient.squeeze(0));
    return out;
  }
  dim = maybe_wrap_dim(dim, out.dim());
  const auto windows = out.unfold(dim, size, step);
  const auto sets = std::max<int64_t>(1, (size + step - 1) / step);
  for (int64_t set = 0; set < std::min(sets, gradient.size(dim)); ++set) {
    windows.slice(dim, set, std::nullopt, sets).add_(gradient.slice(dim, set, std::nullopt, sets));
  }
  return out;
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

TORCH_IMPL_FUNC(tril_out_xpu)(const Tensor& self, int64_t diagonal, const Tensor& out) {
  triangle(self, diagonal, false, out);
}

TORCH_IMPL_FUNC(triu_out_xpu)(const Tensor& self, int64_t diagonal, const Tensor& out) {
  triangle(self, diagonal, true, out);
}

}  // namespace at::native
