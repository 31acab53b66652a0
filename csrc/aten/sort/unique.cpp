// Different values, and different slices: sorted, then where each differs from the one before it.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_unique2_native.h>
#include <ATen/ops/_unique_native.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/unique_consecutive_native.h>
#include <ATen/ops/unique_dim_consecutive_native.h>
#include <ATen/ops/unique_dim_native.h>
#include <ATen/TensorOperators.h>
#include <ATen/WrapDimUtils.h>

#include "aten/kernel_table.h"
#include "aten/sort/sort.h"
#include "kernels/row_order_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

// What the operators return: the different values or rows, where each element's went, how many there were.
struct Unique {
  Tensor values, inverse, counts;
};

// The runs of equal neighbours; `order` says where the sorted elements were, if they were sorted.
Unique from_runs(const Tensor& sorted, const Tensor& is_first, const Tensor& order, bool return_inverse,
                 bool return_counts) {
  const auto starts = at::nonzero(is_first).view(-1);
  const auto none = at::empty({0}, starts.options());
  Unique result{sorted.index_select(0, starts), none, none};
  if (return_inverse) {
    result.inverse = is_first.cumsum(0).sub_(1);
    if (order.defined()) result.inverse = at::empty_like(order).scatter_(0, order, result.inverse);
  }
  if (return_counts) {
    const auto end = at::full({1}, sorted.size(0), starts.options());
    result.counts = at::cat({starts.slice(0, 1), end}).sub_(starts);
  }
  return result;
}

// Where each row (or element of a vector) differs from the one before it.
Tensor starts_run(const Tensor& rows) {
  auto differs = at::ones({rows.size(0)}, rows.options().dtype(at::kBool));
  auto changes = rows.slice(0, 1).ne(rows.slice(0, 0, -1));
  if (rows.dim() > 1) changes = changes.any(1);
  differs.slice(0, 1).copy_(changes);
  return differs;
}

// Where the rows of a dense matrix were before they are sorted as words are; equal ones keep their order.
Tensor order_rows(const Tensor& rows) {
  auto order = at::arange(rows.size(0), rows.options().dtype(at::kLong));
  auto merged = at::empty_like(order);
  static TypedKernel merge{"row_order", "merge_runs"};
  auto& kernel = merge.get("unique_dim", rows.scalar_type(), rows.get_device());
  for (std::int64_t run = 1; run < rows.size(0); run *= 2) {
    const kernels::RowOrderParams params{rows.const_data_ptr(),
                                         order.const_data_ptr<std::int64_t>(),
                                         merged.mutable_data_ptr<std::int64_t>(),
                                         rows.size(0),
                                         rows.size(1),
                                         run};
    launch(kernel, range_for(rows.size(0)), params);
    std::swap(order, merged);
  }
  return order;
}

std::tuple<Tensor, Tensor, Tensor> unique_slices(const Tensor& self, std::int64_t dim, bool sort,
                                                 bool return_inverse, bool return_counts) {
  dim = at::maybe_wrap_dim(dim, self.dim());
  const auto sizes = self.sizes();
  const auto empty_dims = std::count(sizes.begin(), sizes.end(), 0);
  if (self.dim() > 0 && self.size(dim) == 0) {
    TORCH_CHECK(empty_dims == 1,
                "Number of zero sized dimensions is more than one, so unique cannot be applied ");
    const auto none = at::empty({0}, self.options().dtype(at::kLong));
    return {at::empty(sizes, self.options()), none, none};
  }
  TORCH_CHECK(empty_dims == 0,
              "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
  const auto first = self.dim() == 0 ? self.reshape({1}) : self.movedim(dim, 0);
  auto rows = first.reshape({first.size(0), -1}).contiguous();
  Tensor order;
  if (sort) {
    order = order_rows(rows);
    rows = rows.index_select(0, order);
  }
  const auto result = from_runs(rows, starts_run(rows), order, return_inverse, return_counts);
  auto shape = first.sizes().vec();
  shape[0] = result.values.size(0);
  const auto values = result.values.view(shape);
  return {self.dim() == 0 ? values : values.movedim(0, dim).contiguous(), result.inverse, result.counts};
}

std::tuple<Tensor, Tensor, Tensor> unique_values(const Tensor& self, bool sort, bool return_inverse,
                                                 bool return_counts) {
  if (self.numel() == 0) {
    const auto options = self.options().dtype(at::kLong);
    return {at::empty({0}, self.options()),
            return_inverse ? at::empty(self.sizes(), options) : at::empty({0}, options),
            at::empty({0}, options)};
  }
  auto flat = self.reshape(-1);
  Tensor order;
  if (sort) {
    const auto [sorted, places] = sort_rows(flat.view({1, -1}).contiguous(), false);
    flat = sorted.view(-1);
    order = places.view(-1);
  }
  auto result = from_runs(flat, starts_run(flat), order, return_inverse, return_counts);
  if (return_inverse) result.inverse = result.inverse.view(self.sizes());
  return {result.values, result.inverse, result.counts};
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor, Tensor> _unique2_xpu(const Tensor& self, bool, bool return_inverse,
                                                bool return_counts) {
  return unique_values(self, true, return_inverse, return_counts);
}

std::tuple<Tensor, Tensor> _unique_xpu(const Tensor& self, bool, bool return_inverse) {
  const auto result = unique_values(self, true, return_inverse, false);
  return {std::get<0>(result), std::get<1>(result)};
}

std::tuple<Tensor, Tensor, Tensor> unique_consecutive_xpu(const Tensor& self, bool return_inverse,
                                                          bool return_counts, std::optional<int64_t> dim) {
  if (dim && self.dim() != 1) return unique_slices(self, *dim, false, return_inverse, return_counts);
  return unique_values(self, false, return_inverse, return_counts);
}

std::tuple<Tensor, Tensor, Tensor> unique_dim_xpu(const Tensor& self, int64_t dim, bool, bool return_inverse,
                                                  bool return_counts) {
  return unique_slices(self, dim, true, return_inverse, return_counts);
}

std::tuple<Tensor, Tensor, Tensor> unique_dim_consecutive_xpu(const Tensor& self, int64_t dim,
                                                              bool return_inverse, bool return_counts) {
  return unique_slices(self, dim, false, return_inverse, return_counts);
}

}  // namespace at::native
