// Advanced indexing, and selection along one dimension.
#define AT_PER_OPERATOR_HEADERS  // torch's own helpers then include only the operators they use
#include <ATen/core/Tensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/native/Resize.h>
#include <ATen/native/TensorAdvancedIndexingUtils.h>
#include <ATen/ops/_index_put_impl_native.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_native.h>
#include <ATen/ops/index_select_native.h>
#include <ATen/ops/put_native.h>
#include <ATen/ops/take_native.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/WrapDimUtils.h>

#include "aten/elements.h"
#include "aten/fault.h"
#include "aten/index/indexed.h"

namespace ipex::aten {
namespace {

std::vector<Selected> selected_of(c10::IntArrayRef sizes, c10::IntArrayRef strides) {
  std::vector<Selected> selected;
  for (std::size_t k = 0; k < sizes.size(); ++k) selected.push_back({sizes[k], strides[k]});
  return selected;
}

at::TensorIteratorConfig iterator_over(const at::Tensor& output) {
  at::TensorIteratorConfig config;
  config.set_check_mem_overlap(false).check_all_same_dtype(false).resize_outputs(false);
  config.add_owned_output(output);
  return config;
}

// self with its indexed dimensions replaced by those of the indices, where the indices say what to read.
struct Indexed {
  at::Tensor self;
  std::vector<at::Tensor> indices;
  std::vector<Selected> selected;
  std::int64_t before = 1;  // how many elements of self's dimensions come before those of the indices
};

Indexed indexed_by(at::Tensor self, std::vector<at::Tensor> indices) {
  try {
    indices = at::expand_outplace(indices);
  } catch (const c10::Error&) {
    TORCH_CHECK_INDEX(false, "shape mismatch: indexing tensors could not be broadcast together with shapes ",
                      at::native::shapes_as_str(indices));
  }
  indices.resize(self.dim());
  if (!at::native::hasContiguousSubspace(indices)) {
    std::tie(self, indices) = at::native::transposeToFront(self, indices);
  }
  Indexed result;
  std::vector<std::int64_t> sizes, strides, index_sizes;
  std::int64_t before = 0, after = 0;
  for (std::int64_t d = 0; d < self.dim(); ++d) {
    const auto& index = indices[d];
    if (index.defined()) {
      if (result.selected.empty()) {
        index_sizes = index.sizes().vec();
        sizes.insert(sizes.end(), index_sizes.begin(), index_sizes.end());
        strides.insert(strides.end(), index_sizes.size(), 0);
      }
      TORCH_CHECK_INDEX(self.size(d) > 0 || index.numel() == 0,
                        "index is out of bounds for dimension with size 0");
      result.selected.push_back(selected_along(self, d));
    } else {
      if (result.selected.empty()) result.before *= self.size(d);
      ++(result.selected.empty() ? before : after);
      sizes.push_back(self.size(d));
      strides.push_back(self.stride(d));
    }
  }
  index_sizes.insert(index_sizes.begin(), before, 1);
  index_sizes.insert(index_sizes.end(), after, 1);
  for (const auto& index : indices)
    if (index.defined()) result.indices.push_back(as_int64(index).reshape(index_sizes));
  result.self = self.as_strided(sizes, strides);
  return result;
}

// Visits what the indices select: input or output is indexed.self, the other has its sizes.
void launch_selected(const char* name, const at::Tensor& output, const at::Tensor& input,
                     const Indexed& indexed, Negative negative, IndexKernel kernel) {
  auto config = iterator_over(output);
  config.add_const_input(input);
  for (const auto& index : indexed.indices) config.add_const_input(index);
  auto iterator = config.build();
  launch_indexed(name, iterator, 1, indexed.selected, negative, kernel);
}

// For each index a number that equal indices have in common: that of one of them.
at::Tensor shared_numbers(const char* name, const Indexed& indexed, Negative negative) {
  std::vector<std::int64_t> sizes;
  for (const auto& selected : indexed.selected) sizes.push_back(selected.size);
  const auto count = indexed.indices.front().numel();
  const auto numbers = at::arange(count, indexed.indices.front().options());
  const auto table = at::empty(sizes, numbers.options());
  Indexed of_table;
  of_table.self = table.as_strided({count}, {0});
  for (std::int64_t d = 0; d < table.dim(); ++d) {
    of_table.indices.push_back(indexed.indices[d].reshape({count}));
    of_table.selected.push_back(selected_along(table, d));
  }
  launch_selected(name, of_table.self, numbers, of_table, negative, put_kernel(table));
  const auto shared = at::zeros_like(numbers);  // those out of range stay 0
  launch_selected(name, shared, of_table.self, of_table, negative, get_kernel(table));
  return shared;
}

// add_rows where one vector of indices selects along one dimension.
bool add_rows_at(const char* name, const at::Tensor& self, const std::vector<at::Tensor>& indices,
                 const at::Tensor& values) {
  std::int64_t dim = -1;
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (!indices[d].defined()) continue;
    if (dim >= 0 || indices[d].dim() != 1) return false;
    dim = static_cast<std::int64_t>(d);
  }
  if (dim < 0) return false;
  auto sizes = self.sizes().vec();
  sizes[dim] = indices[dim].numel();
  return add_rows(name, self, dim, indices[dim], values.expand(sizes), 1, Negative::wraps);
}

void index_put_values(at::Tensor& self, const std::vector<at::Tensor>& indices, const at::Tensor& values,
                      bool accumulate) {
  constexpr const char* name = "index_put_";
  const auto indexed = indexed_by(self, indices);
  TORCH_CHECK(at::is_expandable_to(values.sizes(), indexed.self.sizes()),
              "shape mismatch: value tensor of shape ", values.sizes(),
              " cannot be broadcast to indexing result of shape ", indexed.self.sizes());
  TORCH_CHECK(values.scalar_type() == indexed.self.scalar_type(),
              "Index put requires the source and destination dtypes match, got ", indexed.self.scalar_type(),
              " for the destination and ", values.scalar_type(), " for the source.");
  if (!accumulate) {
    launch_selected(name, indexed.self, values, indexed, Negative::wraps, put_kernel(self));
  } else if (!add_rows_at(name, self, indices, values) &&
             !add_at_few(name, self, indices, values, Negative::wraps)) {
    rounded_once(self, Update::sum, [&](const at::Tensor& result) {
      const auto sums = indexed_by(result, indices);
      launch_selected(name, sums.self, values.to(result.scalar_type()), sums, Negative::wraps,
                      update_kernel(name, Update::sum, result));
    });
  }
}

void take_values(const at::Tensor& self, const at::Tensor& index, const at::Tensor& out) {
  const auto flat = self.reshape(-1);
  auto config = iterator_over(out);
  config.add_owned_const_input(flat.as_strided(index.sizes(), std::vector<std::int64_t>(index.dim(), 0)));
  config.add_owned_const_input(index);
  auto iterator = config.build();
  launch_indexed("take", iterator, 1, selected_along(flat, 0), Negative::wraps, get_kernel(self));
}

}  // namespace

bool add_at_few(const char* name, const at::Tensor& self, const std::vector<at::Tensor>& indices,
                const at::Tensor& values, Negative negative) {
  constexpr std::int64_t small = 1 << 16, few = 4;  // self, and its share, where a copy of it costs more
  const auto wide = opmath_dtype(self.scalar_type());
  if (wide == self.scalar_type() || self.numel() < small) return false;
  const auto indexed = indexed_by(self, indices);
  const auto sizes = indexed.self.sizes();
  if (indexed.self.numel() > self.numel() / few) return false;
  if (indexed.self.numel() == 0) return true;
  const auto numbers = shared_numbers(name, indexed, negative);
  const std::vector<std::int64_t> lines{indexed.before, numbers.numel(), -1};
  const auto picked = at::zeros(sizes, self.options());
  launch_selected(name, picked, indexed.self, indexed, negative, get_kernel(self));
  const auto sums = picked.to(wide).view(lines);
  sums.index_add_(1, numbers, values.to(wide).expand(sizes).reshape(lines));
  picked.view(lines).copy_(sums.index_select(1, numbers));
  launch_selected(name, indexed.self, picked, indexed, negative, put_kernel(self));
  return true;
}

}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(index_Tensor_out_xpu)
(const Tensor& self, DimVector sizes, DimVector strides, const Tensor&) {
  launch_indexed("index", *this, 1, selected_of(sizes, strides), Negative::wraps, get_kernel(self));
}

Tensor& _index_put_impl__xpu(Tensor& self, const torch::List<std::optional<Tensor>>& indices,
                             const Tensor& values, bool accumulate, bool) {
  TORCH_CHECK_INDEX(indices.size() <= static_cast<std::size_t>(self.dim()),
                    "too many indices for tensor of dimension ", self.dim(), " (got ", indices.size(), ")");
  if (at::has_internal_overlap(self) == MemOverlap::Yes) {
    TORCH_WARN(
        "Use of index_put_ on expanded tensors is deprecated. Please clone() the tensor before performing "
        "this "
        "operation. This also applies to advanced indexing e.g. tensor[indices] = tensor");
  }
  if (!accumulate) {
    const auto [by_mask, mask] = canDispatchToMaskedFill(self, indices, values);
    if (by_mask) return self.masked_fill_(mask, values.item());
  }
  const auto on_device =
      values.device() != self.device() && values.dim() == 0 ? values.to(self.device()) : values;
  TORCH_CHECK(on_device.device() == self.device(),
              "expected self and values to be on the same device, but got ", self.device(), " and ",
              values.device());
  at::assert_no_overlap(self, on_device);
  for (const std::optional<Tensor>& index : indices) {
    if (index.has_value() && index->defined()) at::assert_no_overlap(self, *index);
  }
  checkIndexTensorTypes(indices, true);
  index_put_values(self, expandTensors(self, indices, true), on_device, accumulate);
  return self;
}

Tensor& index_select_out_xpu(const Tensor& self, int64_t dim, const Tensor& index, Tensor& out) {
  dim = maybe_wrap_dim(dim, self.dim());
  TORCH_CHECK_INDEX(index.dim() <= 1,
                    "index_select(): Index is supposed to be a vector, but got dim: ", index.dim(),
                    " with type: ", index.scalar_type(), " and size: ", index.sizes());
  TORCH_CHECK(index.scalar_type() == kLong || index.scalar_type() == kInt,
              "index_select(): Expected dtype int32 or int64 for index but got: ", index.scalar_type());
  TORCH_CHECK(self.scalar_type() == out.scalar_type(),
              "index_select(): self and result must have the same scalar type, but got ", self.scalar_type(),
              " and ", out.scalar_type());
  TORCH_CHECK(self.device() == index.device() && self.device() == out.device(),
              "index_select(): expected self, index and result on one device, but got ", self.device(), ", ",
              index.device(), " and ", out.device());
  TORCH_CHECK(self.dim() > 0 || index.numel() == 1,
              "index_select(): Index to scalar can have only 1 value, got ", index.numel(), " value(s)");
  at::assert_no_internal_overlap(out);
  at::assert_no_overlap(out, self);
  at::assert_no_overlap(out, index);
  auto sizes = self.sizes().vec();
  if (!sizes.empty()) sizes[dim] = index.numel();
  at::native::resize_output(out, sizes);
  if (out.numel() == 0) return out;
  const auto source = at_least_1d(self);
  const auto destination = at_least_1d(out);
  const auto indices = as_int64(index);
  auto config = iterator_over(destination);
  config.add_owned_const_input(fixed_along(source, dim, destination.sizes()));
  config.add_owned_const_input(along(indices, dim, destination.dim()));
  auto iterator = config.build();
  launch_indexed("index_select", iterator, 1, selected_along(source, dim), Negative::out_of_range,
                 get_kernel(self));
  return out;
}

Tensor index_select_xpu(const Tensor& self, int64_t dim, const Tensor& index) {
  auto out = at::empty({0}, self.options());
  return index_select_out_xpu(self, dim, index, out);
}

Tensor& take_out_xpu(const Tensor& self, const Tensor& index, Tensor& out) {
  TORCH_CHECK(index.scalar_type() == kLong, "take(): Expected a long tensor for index, but got ",
              index.scalar_type());
  TORCH_CHECK(self.scalar_type() == out.scalar_type(),
              "take(): self and out expected to have the same dtype, but got self.dtype = ",
              self.scalar_type(), " and out.dtype = ", out.scalar_type());
  TORCH_CHECK(self.device() == out.device() && self.device() == index.device(),
              "take(): self, index and out expected to be in the same device, but got self.device = ",
              self.device(), ", index.device = ", index.device(), ", and out.device = ", out.device());
  TORCH_CHECK_INDEX(self.numel() != 0 || index.numel() == 0, "take(): tried to take from an empty tensor");
  at::assert_no_internal_overlap(out);
  at::assert_no_overlap(out, index);
  at::assert_no_overlap(out, self);
  at::native::resize_output(out, index.sizes());
  if (index.numel() > 0) take_values(self, index, out);
  return out;
}

Tensor take_xpu(const Tensor& self, const Tensor& index) {
  auto out = at::empty(index.sizes(), self.options());
  return take_out_xpu(self, index, out);
}

Tensor& put__xpu(Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
  TORCH_CHECK(index.scalar_type() == kLong, "put_(): Expected a long tensor for index, but got ",
              index.scalar_type());
  TORCH_CHECK(self.scalar_type() == source.scalar_type(),
              "put_(): self and source expected to have the same dtype, but got self.dtype = ",
              self.scalar_type(), " and source.dtype = ", source.scalar_type());
  TORCH_CHECK(self.device() == source.device() && self.device() == index.device(),
              "put_(): self, index and source expected to be in the same device, but got self.device = ",
              self.device(), ", index.device = ", index.device(), ", and source.device = ", source.device());
  TORCH_CHECK_INDEX(source.numel() == index.numel(),
                    "put_(): Expected source and index to have the same number of elements, but got "
                    "source.numel() = ",
                    source.numel(), ", index.numel() = ", index.numel());
  TORCH_CHECK_INDEX(self.numel() != 0 || index.numel() == 0,
                    "put_(): Tried to put elements into an empty tensor");
  at::assert_no_internal_overlap(self);
  at::assert_no_overlap(self, index);
  at::assert_no_overlap(self, source);
  if (index.numel() == 0) return self;
  auto dense = self.contiguous();
  auto flat = dense.view(-1);
  index_put_values(flat, {index.reshape(-1)}, source.reshape(-1), accumulate);
  if (!dense.is_same(self)) self.copy_(dense);
  return self;
}

}  // namespace at::native
