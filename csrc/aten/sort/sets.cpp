// Tensors as collections of values: equality, membership, the most frequent value.
#include <ATen/core/Tensor.h>
#include <ATen/native/ReduceOpsUtils.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/equal_native.h>
#include <ATen/ops/isin.h>
#include <ATen/ops/isin_native.h>
#include <ATen/ops/mode_native.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/result_type.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/TensorOperators.h>
#include <ATen/WrapDimUtils.h>

#include "aten/sort/sort.h"

namespace at::native {

bool equal_xpu(const Tensor& self, const Tensor& other) {
  TORCH_CHECK(self.device() == other.device(), "equal: expected tensors on one device, but got ",
              self.device(), " and ", other.device());
  TORCH_CHECK(self.scalar_type() == other.scalar_type(), "equal: expected tensors of one dtype, but got ",
              self.scalar_type(), " and ", other.scalar_type());
  if (self.sizes() != other.sizes()) return false;
  return self.numel() == 0 || self.eq(other).all().item<bool>();
}

TORCH_IMPL_FUNC(isin_Tensor_Tensor_out_xpu)
(const Tensor& elements, const Tensor& test_elements, bool, bool invert, const Tensor& out) {
  if (elements.numel() == 0) return;
  const auto count = test_elements.numel();
  if (count == 0) {
    out.fill_(invert);
    return;
  }
  const auto common = at::result_type(elements, test_elements);
  const auto dtype = common == kBool ? kByte : common;
  const auto wanted = elements.to(dtype);
  const auto sorted = std::get<0>(at::sort(test_elements.to(dtype).reshape(-1)));
  const auto nearest = at::searchsorted(sorted, wanted.contiguous()).clamp_max_(count - 1);
  const auto found = sorted.take(nearest);
  out.copy_(invert ? wanted.ne(found) : wanted.eq(found));
}

TORCH_IMPL_FUNC(isin_Tensor_Scalar_out_xpu)
(const Tensor& elements, const Scalar& test_element, bool, bool invert, const Tensor& out) {
  out.copy_(invert ? elements.ne(test_element) : elements.eq(test_element));
}

TORCH_IMPL_FUNC(isin_Scalar_Tensor_out_xpu)
(const Scalar& element, const Tensor& test_elements, bool assume_unique, bool invert, const Tensor& out) {
  const auto dtype = at::result_type(test_elements, element);
  const auto wanted = at::scalar_tensor(element, test_elements.options().dtype(dtype));
  at::isin_out(const_cast<Tensor&>(out), wanted, test_elements, assume_unique, invert);
}

// In a sorted row a value's last element is as many places behind its first as it is frequent. The smallest
// of equally frequent values wins.
std::tuple<Tensor, Tensor> mode_xpu(const Tensor& self, int64_t dim, bool keepdim) {
  TORCH_CHECK_NOT_IMPLEMENTED(!self.is_complex(), "\"mode\" not implemented for '", self.scalar_type(), "'");
  if (self.dim() == 0) return {self.clone(), at::zeros_like(self, kLong)};
  zero_numel_check_dims(self, dim, "mode()");
  dim = maybe_wrap_dim(dim, self.dim());
  const auto last = self.movedim(dim, -1);
  auto sizes = last.sizes().vec();
  const auto length = sizes.back();
  sizes.back() = 1;
  const auto shape = [&](const Tensor& column) {
    const auto line = column.view(sizes);
    return keepdim ? line.movedim(-1, dim).contiguous() : line.squeeze(-1);
  };
  const auto indices = self.options().dtype(kLong);
  if (self.numel() == 0) return {shape(at::empty(sizes, self.options())), shape(at::empty(sizes, indices))};

  const auto [sorted, places] = ipex::aten::sort_rows(last.reshape({-1, length}).contiguous(), false);
  auto is_first = at::ones(sorted.sizes(), self.options().dtype(kBool));
  is_first.slice(1, 1).copy_(sorted.slice(1, 1).ne(sorted.slice(1, 0, -1)));
  const auto position = at::arange(length, indices);
  const auto run_start = std::get<0>(at::where(is_first, position, 0).cummax(1));
  const auto chosen = position.sub(run_start).argmax(1, true);
  return {shape(sorted.gather(1, chosen)), shape(places.gather(1, chosen))};
}

std::tuple<Tensor&, Tensor&> mode_values_xpu(const Tensor& self, int64_t dim, bool keepdim, Tensor& values,
                                             Tensor& indices) {
  TORCH_CHECK(values.scalar_type() == self.scalar_type(), "mode(): expected values of dtype ",
              self.scalar_type(), ", but got ", values.scalar_type());
  TORCH_CHECK(indices.scalar_type() == kLong, "mode(): expected indices of dtype int64, but got ",
              indices.scalar_type());
  const auto [frequent, places] = mode_xpu(self, dim, keepdim);
  resize_output(values, frequent.sizes());
  resize_output(indices, places.sizes());
  values.copy_(frequent);
  indices.copy_(places);
  return {values, indices};
}

}  // namespace at::native
