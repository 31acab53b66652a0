// Distances between rows of matrices: cdist and pdist.
#include <ATen/core/Tensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/ops/_cdist_backward_native.h>
#include <ATen/ops/_cdist_forward_native.h>
#include <ATen/ops/_euclidean_dist.h>
#include <ATen/ops/_pdist_backward_native.h>
#include <ATen/ops/_pdist_forward_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "aten/launch.h"
#include "aten/pointwise/elementwise.h"
#include "kernels/distance_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using kernels::DistanceParams;

const char* norm_of(double p) {
  if (p == 0) return "op::distance_zero";
  if (p == 1) return "op::distance_one";
  if (p == 2) return "op::distance_two";
  return std::isinf(p) ? "op::distance_infinity" : "op::distance_any";
}

struct Distance {
  const char* name;
  double p;
  bool pairs;

  // A slice of each of `rows` rows of `length` for each work-group.
  void launch_rows(const char* kernel, at::ScalarType dtype, std::int64_t rows, std::int64_t length,
                   DistanceParams& params) const {
    TORCH_CHECK_NOT_IMPLEMENTED(dtype == at::kFloat || dtype == at::kDouble, '"', name,
                                "\" not implemented for '", c10::toString(dtype), "'");
    check_dtype(name, dtype);
    const std::int64_t widest = runtime::device_limits().is_cpu ? 512 : 128;
    params.slices = static_cast<std::int32_t>((length + widest - 1) / widest);
    store_scalars(dtype, {p}, params.exponent);
    launch("distance", instantiation(kernel, type_name(dtype), norm_of(p), pairs ? "true" : "false"),
           {rows * params.slices, (length + params.slices - 1) / params.slices}, params);
  }

  // `first` and `second` are [batch, rows, depth].
  void forward(const Tensor& output, const Tensor& first, const Tensor& second) const {
    auto params = sizes(first, second);
    const auto x = first.contiguous(), y = second.mT().contiguous();
    params.output = output.mutable_data_ptr();
    params.first = x.const_data_ptr();
    params.second = y.const_data_ptr();
    launch_rows("distances", output.scalar_type(), x.size(0) * x.size(1), second.size(1), params);
  }

  void backward(const Tensor& output, const Tensor& first, const Tensor& second, const Tensor& gradient,
                const Tensor& distance) const {
    auto params = sizes(first, second);
    const auto x = first.contiguous(), y = second.contiguous();
    const auto g = gradient.contiguous(), d = distance.contiguous();
    params.output = output.mutable_data_ptr();
    params.first = x.const_data_ptr();
    params.second = y.const_data_ptr();
    params.gradient = g.const_data_ptr();
    params.distance = d.const_data_ptr();
    launch_rows("distances_backward", output.scalar_type(), x.size(0) * x.size(1), x.size(2), params);
  }

 private:
  DistanceParams sizes(const Tensor& first, const Tensor& second) const {
    DistanceParams params{};
    const auto narrow = [&](std::int64_t size) {
      TORCH_CHECK(size <= std::numeric_limits<std::int32_t>::max(), name, ": a dimension of ", size,
                  " elements is too large");
      return static_cast<std::int32_t>(size);
    };
    params.first_rows = narrow(first.size(1));
    params.second_rows = narrow(second.size(1));
    params.depth = narrow(first.size(2));
    return params;
  }
};

// Both matrices with their batch dimensions broadcast and made one.
struct Batches {
  std::vector<std::int64_t> sizes;  // of the batch
  Tensor first, second;

  Batches(const Tensor& x, const Tensor& y)
      : sizes(at::infer_size(x.sizes().slice(0, x.dim() - 2), y.sizes().slice(0, y.dim() - 2))),
        first(flat(x)),
        second(flat(y)) {}

  std::vector<std::int64_t> with(std::int64_t rows, std::int64_t columns) const {
    auto result = sizes;
    result.push_back(rows);
    result.push_back(columns);
    return result;
  }

  Tensor flat(const Tensor& tensor) const {
    const auto rows = tensor.size(-2), columns = tensor.size(-1);
    return tensor.expand(with(rows, columns)).reshape({c10::multiply_integers(sizes), rows, columns});
  }
};

void check_cdist(const Tensor& x, const Tensor& y, double p) {
  TORCH_CHECK(x.dim() >= 2, "cdist only supports at least 2D tensors, X1 got: ", x.dim(), "D");
  TORCH_CHECK(y.dim() >= 2, "cdist only supports at least 2D tensors, X2 got: ", y.dim(), "D");
  TORCH_CHECK(x.size(-1) == y.size(-1), "X1 and X2 must have the same number of columns. X1: ", x.size(-1),
              " X2: ", y.size(-1));
  TORCH_CHECK(at::isFloatingType(x.scalar_type()),
              "cdist only supports floating-point dtypes, X1 got: ", x.scalar_type());
  TORCH_CHECK(at::isFloatingType(y.scalar_type()),
              "cdist only supports floating-point dtypes, X2 got: ", y.scalar_type());
  TORCH_CHECK(p >= 0, "cdist only supports non-negative p values");
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;

Tensor _cdist_forward_xpu(const Tensor& x, const Tensor& y, double p, std::optional<int64_t> compute_mode) {
  check_cdist(x, y, p);
  const auto mode = compute_mode.value_or(0);
  TORCH_CHECK(mode >= 0 && mode <= 2, "possible modes: 0, 1, 2, but was: ", mode);
  const auto rows = x.size(-2), columns = y.size(-2);
  const Batches batches(x, y);
  const auto sizes = batches.with(rows, columns);
  if (c10::multiply_integers(sizes) == 0) return at::empty(sizes, x.options());
  if (x.size(-1) == 0) return at::zeros(sizes, x.options());
  // As stock: a product of matrices where that is worth it.
  constexpr int64_t many = 25;
  if (p == 2 && (mode == 1 || (mode == 0 && (rows > many || columns > many)))) {
    const auto result = at::_euclidean_dist(batches.first, batches.second);
    return result.view(sizes);
  }
  auto result = at::empty(sizes, x.options());
  Distance{"cdist", p, false}.forward(result, batches.first, batches.second);
  return result;
}

Tensor _cdist_backward_xpu(const Tensor& gradient, const Tensor& x, const Tensor& y, double p,
                           const Tensor& distance) {
  if (x.numel() == 0 || y.numel() == 0) return at::zeros_like(x);
  const Batches batches(x, y);
  auto result = at::empty(batches.with(x.size(-2), x.size(-1)), x.options());
  if (result.numel() == 0) return result;
  const Distance kind{"_cdist_backward", p, false};
  kind.backward(result, batches.first, batches.second, batches.flat(gradient), batches.flat(distance));
  return result;
}

Tensor _pdist_forward_xpu(const Tensor& self, double p) {
  const auto rows = self.size(0);
  if (rows <= 1) return at::empty({0}, self.options());
  auto result = at::empty({rows * (rows - 1) / 2}, self.options());
  if (self.size(1) == 0) return result.zero_();
  const auto matrix = self.unsqueeze(0);
  Distance{"pdist", p, true}.forward(result, matrix, matrix);
  return result;
}

Tensor _pdist_backward_xpu(const Tensor& gradient, const Tensor& self, double p, const Tensor& distance) {
  auto result = at::empty_like(self, at::MemoryFormat::Contiguous);
  if (self.numel() == 0) return result;
  if (self.size(0) == 1) return result.zero_();
  const auto matrix = self.unsqueeze(0);
  Distance{"_pdist_backward", p, true}.backward(result, matrix, matrix, gradient, distance);
  return result;
}

}  // namespace at::native
