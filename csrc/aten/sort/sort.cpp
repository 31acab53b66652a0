#include "aten/sort/sort.h"

#define AT_PER_OPERATOR_HEADERS  // torch's own helpers then include only the operators they use
#include <ATen/MemoryOverlap.h>
#include <ATen/native/SortingUtils.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/kthvalue_native.h>
#include <ATen/ops/median_native.h>
#include <ATen/ops/nanmedian_native.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/sort_native.h>
#include <ATen/ops/topk_native.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/WrapDimUtils.h>

#include <bit>
#include <limits>

#include "aten/kernel_table.h"
#include "aten/reduce/reduce.h"
#include "aten/reduce/scan.h"
#include "kernels/sort_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

// Of SortEntry in device code: the key and a 32-bit index, in one word where they fit.
std::size_t entry_size(c10::ScalarType dtype) { return c10::elementSize(dtype) == 8 ? 16 : 8; }

int power_of_two(std::int64_t value) {
  return static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(value)));
}

void sort_short_rows(const at::Tensor& input, bool descending, const at::Tensor& values,
                     const at::Tensor& indices) {
  kernels::SortParams params;
  params.input = input.const_data_ptr();
  params.values = values.mutable_data_ptr();
  params.indices = indices.mutable_data_ptr<std::int64_t>();
  params.rows = input.size(0);
  params.length = input.size(1);
  params.descending = descending;
  params.segment = power_of_two(params.length);
  const auto tile = std::max<std::int64_t>(params.segment, kernels::sort_group);
  const auto rows_per_group = tile / params.segment;
  launch("sort", instantiation("sort_rows", type_name(input.scalar_type())),
         {(params.rows + rows_per_group - 1) / rows_per_group, kernels::sort_group}, params,
         static_cast<std::size_t>(tile) * entry_size(input.scalar_type()));
}

void sort_long_rows(const at::Tensor& input, bool descending, const at::Tensor& values,
                    const at::Tensor& indices) {
  const auto dtype = input.scalar_type();
  const char* type = type_name(dtype);
  const auto key_bits = static_cast<int>(c10::elementSize(dtype)) * 8;
  const char* key = key_bits == 64 ? "uint64_t" : "uint32_t";
  const auto bytes = input.numel() * static_cast<std::int64_t>(entry_size(dtype));
  auto entries = at::empty({bytes}, input.options().dtype(at::kByte)), sorted = at::empty_like(entries);
  kernels::RadixParams params;
  params.rows = input.size(0);
  params.length = input.size(1);
  params.part = std::clamp<std::int64_t>(params.length / 64, 256, 4096);
  params.parts = (params.length + params.part - 1) / params.part;
  params.descending = descending;
  params.original = params.input = input.const_data_ptr();
  params.output = entries.mutable_data_ptr();
  const auto all = range_for(input.numel());
  launch("sort", instantiation("radix_entries", type), all, params);

  auto counters =
      at::zeros({params.rows, 1 + kernels::radix_bins * params.parts}, input.options().dtype(at::kInt));
  params.counters = counters.mutable_data_ptr<std::int32_t>();
  const auto parts = range_for(params.rows * params.parts, kernels::radix_group);
  constexpr std::size_t local_bytes = kernels::radix_bins * kernels::radix_group * sizeof(std::int32_t);
  for (params.shift = 0; params.shift < key_bits; params.shift += kernels::radix_bits) {
    params.input = entries.const_data_ptr();
    params.output = sorted.mutable_data_ptr();
    if (params.shift > 0) counters.select(1, 0).zero_();
    launch("sort", instantiation("radix_count", key), parts, params, local_bytes);
    scan("cumsum", counters, 1, counters);
    launch("sort", instantiation("radix_scatter", key), parts, params, local_bytes);
    std::swap(entries, sorted);
  }
  params.input = entries.const_data_ptr();
  params.output = values.mutable_data_ptr();
  params.indices = indices.mutable_data_ptr<std::int64_t>();
  launch("sort", instantiation("radix_values", type), all, params);
}

void check_sortable(const char* name, c10::ScalarType dtype) {
  TORCH_CHECK_NOT_IMPLEMENTED(!c10::isComplexType(dtype), '"', name, "\" not implemented for '", dtype, "'");
  check_dtype(name, dtype);
}

// The first `count` of each row; `parents` are the places of the input's elements in the rows they come from.
std::tuple<at::Tensor, at::Tensor> top_of_rows(const at::Tensor& input, const at::Tensor& parents,
                                               std::int64_t count, bool descending) {
  kernels::TopParams params;
  params.input = input.const_data_ptr();
  params.input_indices = parents.defined() ? parents.const_data_ptr<std::int64_t>() : nullptr;
  params.rows = input.size(0);
  params.length = input.size(1);
  params.count = static_cast<int>(count);
  params.tile = std::min(kernels::sort_tile, power_of_two(std::max<std::int64_t>(4 * count, 512)));
  params.descending = descending;
  const auto wanted = (4 * runtime::device_limits().compute_units + params.rows - 1) / params.rows;
  const auto least_part = std::max<std::int64_t>(16384, 8 * count);
  params.parts = std::clamp<std::int64_t>(params.length / least_part, 1, wanted);
  params.part = params.length / params.parts;
  auto values = at::empty({params.rows, params.parts * count}, input.options());
  auto indices = at::empty(values.sizes(), input.options().dtype(at::kLong));
  params.values = values.mutable_data_ptr();
  params.indices = indices.mutable_data_ptr<std::int64_t>();
  const char* type = type_name(input.scalar_type());
  if (count <= kernels::top_few) {
    launch("sort", instantiation("top_few_of_rows", type), sub_group_range(params.rows * params.parts),
           params);
  } else {
    launch("sort", instantiation("top_of_rows", type), {params.rows * params.parts, kernels::sort_group},
           params,
           static_cast<std::size_t>(params.tile) * entry_size(input.scalar_type()) + sizeof(std::int64_t));
  }
  if (params.parts == 1) return {values, indices};
  return top_of_rows(values, indices, count, descending);
}

// Calls rows(dense [rows, length]) -> (values, indices) along `dim` and puts what it gives into the outputs.
template <class Rows>
void along_rows(const at::Tensor& self, std::int64_t dim, const at::Tensor& values, const at::Tensor& indices,
                Rows rows) {
  const auto last = self.transpose(dim, -1);
  const auto [sorted, places] = rows(last.reshape({-1, self.size(dim)}).contiguous());
  auto sizes = last.sizes().vec();
  sizes.back() = sorted.size(1);
  const_cast<at::Tensor&>(values).copy_(sorted.view(sizes).transpose(dim, -1));
  const_cast<at::Tensor&>(indices).copy_(places.view(sizes).transpose(dim, -1));
}

// The element at place `rank` of each sorted line.
void select_rank(const at::Tensor& self, std::int64_t dim, bool keepdim, const at::Tensor& values,
                 const at::Tensor& indices, c10::function_ref<at::Tensor(const at::Tensor& sorted)> rank) {
  const auto [sorted, places] = at::sort(self, true, dim, false);
  const auto ranks = rank(sorted);
  auto chosen = sorted.gather(dim, ranks), chosen_places = places.gather(dim, ranks);
  const_cast<at::Tensor&>(values).copy_(chosen);
  const_cast<at::Tensor&>(indices).copy_(chosen_places);
  if (!keepdim) {
    const_cast<at::Tensor&>(values).squeeze_(dim);
    const_cast<at::Tensor&>(indices).squeeze_(dim);
  }
}

void median_along(const at::Tensor& self, std::int64_t dim, bool keepdim, bool ignore_nan, at::Tensor& values,
                  at::Tensor& indices) {
  dim = at::maybe_wrap_dim(dim, self.dim());
  TORCH_CHECK(self.dim() == 0 || self.size(dim) > 0, "median(): Expected reduction dim ", dim,
              " to have non-zero size.");
  at::native::_reduction_with_indices_allocate_or_resize_output(values, indices, self, dim, keepdim);
  if (self.numel() == 0) {
    if (!keepdim && self.dim() > 0) {
      values.squeeze_(dim);
      indices.squeeze_(dim);
    }
    return;
  }
  if (self.dim() == 0) {
    values.copy_(self);
    indices.zero_();
    return;
  }
  const auto n = self.size(dim);
  select_rank(self, dim, keepdim, values, indices, [&](const at::Tensor& sorted) {
    const auto last = sorted.narrow(dim, n - 1, 1);
    const auto options = self.options().dtype(at::kLong);
    if (!at::isFloatingType(self.scalar_type())) return at::full(last.sizes(), (n - 1) / 2, options);
    // NaN sorts last: the median of a line that has one is NaN, unless it is ignored.
    if (!ignore_nan) {
      return at::where(last.isnan(), at::full({}, n - 1, options), at::full({}, (n - 1) / 2, options));
    }
    const auto count = sorted.isnan().logical_not_().sum(dim, true);
    return count.sub_(1).clamp_min_(0).div_(2, "floor");
  });
}

at::Tensor median_of_all(const at::Tensor& self, bool ignore_nan) {
  TORCH_CHECK(self.numel() > 0 || at::isFloatingType(self.scalar_type()),
              "median(): input tensor cannot be empty");
  if (self.numel() == 0) return at::full({}, std::numeric_limits<double>::quiet_NaN(), self.options());
  at::Tensor values, indices;
  median_along(self.reshape(-1), 0, false, ignore_nan, values, indices);
  return values;
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> sort_rows(const at::Tensor& input, bool descending) {
  TORCH_CHECK(input.size(1) <= std::numeric_limits<std::int32_t>::max(), "sort: lines of ", input.size(1),
              " elements are too long: at most 2^31 - 1 are supported");
  auto values = at::empty(input.sizes(), input.options());
  auto indices = at::empty(input.sizes(), input.options().dtype(at::kLong));
  if (input.numel() == 0) return {values, indices};
  (input.size(1) <= kernels::sort_tile ? sort_short_rows : sort_long_rows)(input, descending, values,
                                                                           indices);
  return {values, indices};
}

}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(sort_values_stable_xpu)
(const Tensor& self, std::optional<bool>, int64_t dim, bool descending, const Tensor& values,
 const Tensor& indices) {
  check_sortable("sort", self.scalar_type());
  if (self.numel() == 0) return;
  if (self.dim() == 0) {
    const_cast<Tensor&>(values).copy_(self);
    const_cast<Tensor&>(indices).zero_();
    return;
  }
  along_rows(self, maybe_wrap_dim(dim, self.dim()), values, indices,
             [&](const Tensor& rows) { return ipex::aten::sort_rows(rows, descending); });
}

TORCH_IMPL_FUNC(topk_values_xpu)
(const Tensor& self, int64_t k, int64_t dim, bool largest, bool, const Tensor& values,
 const Tensor& indices) {
  check_sortable("topk", self.scalar_type());
  if (values.numel() == 0) return;
  if (self.dim() == 0) {
    const_cast<Tensor&>(values).copy_(self);
    const_cast<Tensor&>(indices).zero_();
    return;
  }
  dim = maybe_wrap_dim(dim, self.dim());
  along_rows(self, dim, values, indices, [&](const Tensor& rows) {
    const auto length = rows.size(1);
    const bool worth_selecting = length > 256 && 2 * k <= ipex::kernels::sort_tile && k <= length / 2;
    if (k <= ipex::kernels::top_few || worth_selecting) return ipex::aten::top_of_rows(rows, {}, k, largest);
    const auto [sorted, places] = ipex::aten::sort_rows(rows, largest);
    return std::make_tuple(sorted.narrow(1, 0, k).contiguous(), places.narrow(1, 0, k).contiguous());
  });
}

std::tuple<Tensor&, Tensor&> kthvalue_values_xpu(const Tensor& self, int64_t k, int64_t dim, bool keepdim,
                                                 Tensor& values, Tensor& indices) {
  dim = maybe_wrap_dim(dim, self.dim());
  const auto n = self.dim() > 0 ? self.size(dim) : 1;
  TORCH_CHECK(k >= 1 && k <= n, "kthvalue(): selected number k out of range for dimension ", dim);
  at::assert_no_overlap(self, values);
  _reduction_with_indices_allocate_or_resize_output(values, indices, self, dim, keepdim);
  if (self.dim() == 0) {
    values.copy_(self);
    indices.zero_();
    return {values, indices};
  }
  select_rank(self, dim, keepdim, values, indices, [&](const Tensor& sorted) {
    return at::full(sorted.narrow(dim, 0, 1).sizes(), k - 1, sorted.options().dtype(kLong));
  });
  return {values, indices};
}

std::tuple<Tensor&, Tensor&> median_dim_values_xpu(const Tensor& self, int64_t dim, bool keepdim,
                                                   Tensor& values, Tensor& indices) {
  median_along(self, dim, keepdim, false, values, indices);
  return {values, indices};
}

std::tuple<Tensor&, Tensor&> nanmedian_dim_values_xpu(const Tensor& self, int64_t dim, bool keepdim,
                                                      Tensor& values, Tensor& indices) {
  median_along(self, dim, keepdim, true, values, indices);
  return {values, indices};
}

Tensor median_xpu(const Tensor& self) { return median_of_all(self, false); }

Tensor nanmedian_xpu(const Tensor& self) { return median_of_all(self, true); }

}  // namespace at::native
