// Operators whose result's size depends on the data: all of them count, wait for the count, and write.
#include <ATen/core/Tensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/bincount_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/masked_scatter_native.h>
#include <ATen/ops/masked_select_native.h>
#include <ATen/ops/nonzero_native.h>
#include <ATen/ops/nonzero_static_native.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/take.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/TensorOperators.h>

#include "aten/launch.h"
#include "aten/reduce/scan.h"
#include "kernels/compact_params.hpp"

namespace ipex::aten {
namespace {

// The true elements of a mask, found in two steps so that the host can make room between them.
class TrueElements {
 public:
  explicit TrueElements(const at::Tensor& tensor) : mask_(as_mask(tensor)) {
    TORCH_CHECK_NOT_IMPLEMENTED(mask_.dim() <= kernels::compact_max_dims, "nonzero: at most ",
                                kernels::compact_max_dims, " dimensions are supported, got ", mask_.dim());
    params_.mask = mask_.const_data_ptr<bool>();
    params_.numel = mask_.numel();
    groups_ = (params_.numel + kernels::compact_tile - 1) / kernels::compact_tile;
    counts_ = at::zeros({1 + groups_}, mask_.options().dtype(at::kLong));
    params_.counts = counts_.mutable_data_ptr<std::int64_t>();
    launch("compact", "count_true", range(), params_);
    scan("cumsum", counts_, 0, counts_);
  }

  // Waits for the device.
  std::int64_t count() const { return counts_[groups_].item<std::int64_t>(); }

  // Writes to `out` [capacity, dims] the coordinates of the first `capacity` true elements; dense.
  void write_coordinates(const at::Tensor& out) { write(out, mask_.sizes(), out.size(0)); }

  // Writes to `out` [capacity] their places in the flattened mask.
  void write_places(const at::Tensor& out) { write(out, {mask_.numel()}, out.size(0)); }

 private:
  static at::Tensor as_mask(const at::Tensor& tensor) {
    return (tensor.scalar_type() == at::kBool ? tensor : tensor.ne(0)).contiguous();
  }
  Range range() const { return {groups_, kernels::compact_group}; }
  void write(const at::Tensor& out, c10::IntArrayRef sizes, std::int64_t capacity) {
    if (out.numel() == 0) return;
    params_.positions = out.mutable_data_ptr<std::int64_t>();
    params_.capacity = capacity;
    params_.dims = static_cast<int>(sizes.size());
    std::copy(sizes.begin(), sizes.end(), params_.sizes);
    launch("compact", "write_true", range(), params_);
  }

  at::Tensor mask_, counts_;
  std::int64_t groups_;
  kernels::CompactParams params_;
};

at::Tensor places_of(const at::Tensor& mask) {
  TrueElements elements(mask);
  auto places = at::empty({elements.count()}, mask.options().dtype(at::kLong));
  elements.write_places(places);
  return places;
}

at::Tensor empty_indices(const at::Tensor& self, c10::IntArrayRef sizes) {
  return at::empty(sizes, self.options().dtype(at::kLong));
}

void check_nonzero_out(const at::Tensor& self, const at::Tensor& out) {
  TORCH_CHECK(out.scalar_type() == at::kLong,
              "nonzero: Expected out tensor to have scalar type Long but got scalar type", out.scalar_type());
  TORCH_CHECK(self.device() == out.device(),
              "expected self and out to be on the same device, but got out on ", out.device(),
              " and self on ", self.device());
  at::assert_no_internal_overlap(out);
  at::assert_no_overlap(out, self);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor& nonzero_out_xpu(const Tensor& self, Tensor& out) {
  check_nonzero_out(self, out);
  TrueElements elements(self);
  const auto count = elements.count();
  at::native::resize_output(out, {count, self.dim()});
  auto coordinates = out.is_contiguous() ? out : at::empty(out.sizes(), out.options());
  elements.write_coordinates(coordinates);
  if (!coordinates.is_same(out)) out.copy_(coordinates);
  return out;
}

Tensor nonzero_xpu(const Tensor& self) {
  auto out = empty_indices(self, {0});
  return nonzero_out_xpu(self, out);
}

Tensor& nonzero_static_out_xpu(const Tensor& self, int64_t size, int64_t fill_value, Tensor& out) {
  TORCH_CHECK(size >= 0, "nonzero_static: 'size' must be an non-negative integer");
  check_nonzero_out(self, out);
  at::native::resize_output(out, {size, self.dim()});
  auto coordinates = at::full({size, self.dim()}, fill_value, out.options());
  if (coordinates.numel() > 0) TrueElements(self).write_coordinates(coordinates);
  out.copy_(coordinates);
  return out;
}

Tensor nonzero_static_xpu(const Tensor& self, int64_t size, int64_t fill_value) {
  auto out = empty_indices(self, {size, self.dim()});
  return nonzero_static_out_xpu(self, size, fill_value, out);
}

Tensor& masked_select_out_xpu(const Tensor& self, const Tensor& mask, Tensor& out) {
  TORCH_CHECK(mask.scalar_type() == kBool, "masked_select: expected BoolTensor for mask");
  TORCH_CHECK(self.scalar_type() == out.scalar_type(),
              "masked_select(): self and result must have the same scalar type");
  TORCH_CHECK(self.device() == mask.device() && self.device() == out.device(),
              "masked_select(): expected self, mask and out on one device, but got ", self.device(), ", ",
              mask.device(), " and ", out.device());
  at::assert_no_internal_overlap(out);
  at::assert_no_overlap(out, self);
  at::assert_no_overlap(out, mask);
  const auto [wanted, values] = expand_outplace(mask, self);
  return at::take_out(out, *values, places_of(*wanted));
}

Tensor masked_select_xpu(const Tensor& self, const Tensor& mask) {
  auto out = at::empty({0}, self.options());
  return masked_select_out_xpu(self, mask, out);
}

// The n-th true element takes the n-th of source: no position needs to be known by the host.
Tensor& masked_scatter__xpu(Tensor& self, const Tensor& mask, const Tensor& source) {
  TORCH_CHECK(self.scalar_type() == source.scalar_type(),
              "masked_scatter: expected self and source to have same dtypes but got ", self.scalar_type(),
              " and ", source.scalar_type());
  TORCH_CHECK(self.device() == mask.device() && self.device() == source.device(),
              "masked_scatter_: expected self, mask and source on one device, but got ", self.device(), ", ",
              mask.device(), " and ", source.device());
  TORCH_CHECK(mask.scalar_type() == kBool,
              "masked_scatter_ only supports boolean masks, but got mask with dtype ", mask.scalar_type());
  at::assert_no_internal_overlap(self);
  at::assert_no_overlap(self, source);
  const auto expanded = mask.expand_as(self).contiguous();
  if (self.numel() == 0) return self;
  if (source.numel() == 0) {
    TORCH_CHECK(!expanded.any().item<bool>(),
                "masked_scatter: expected self and source to have same number of elements");
    return self;
  }
  // Where the mask is false any element will do.
  auto place = expanded.view(-1).cumsum(0).sub_(1).view(self.sizes());
  place.masked_fill_(expanded.logical_not(), 0);
  self.copy_(at::where(expanded, source.take(place), self));
  return self;
}

Tensor bincount_xpu(const Tensor& self, const std::optional<Tensor>& weights, int64_t minlength) {
  TORCH_CHECK(minlength >= 0, "minlength should be >= 0");
  TORCH_CHECK(self.dim() == 1, "bincount only supports 1-d non-negative integral inputs.");
  TORCH_CHECK(c10::isIntegralType(self.scalar_type(), false),
              "bincount only supports 1-d non-negative integral inputs.");
  const bool weighted = weights.has_value() && weights->defined();
  TORCH_CHECK(!weighted || (weights->dim() == 1 && weights->numel() == self.numel()),
              "weights should be 1-d and have the same length as input");
  const auto dtype = !weighted ? kLong : weights->scalar_type() == kFloat ? kFloat : kDouble;
  ipex::aten::check_dtype("bincount", dtype);
  if (self.numel() == 0) return at::zeros({minlength}, self.options().dtype(kLong));
  const auto places = self.to(kLong);
  const auto range = at::stack({places.min(), places.max()}).cpu();
  TORCH_CHECK(range[0].item<int64_t>() >= 0, "bincount only supports 1-d non-negative integral inputs.");
  auto counts = at::zeros({std::max(minlength, range[1].item<int64_t>() + 1)}, self.options().dtype(dtype));
  return counts.scatter_add_(0, places, weighted ? weights->to(dtype) : at::ones_like(places));
}

}  // namespace at::native
