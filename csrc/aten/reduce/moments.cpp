// Variances, standard deviations and vector norms.
#include <ATen/native/ReduceOpsUtils.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/imag.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linalg_vector_norm_native.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/norm_native.h>
#include <ATen/ops/real.h>
#include <ATen/ops/renorm_native.h>
#include <ATen/ops/std_mean_native.h>
#include <ATen/ops/std_native.h>
#include <ATen/ops/var_mean_native.h>
#include <ATen/ops/var_native.h>
#include <ATen/ops/where.h>

#include <cmath>

#include "aten/dtypes.h"
#include "aten/reduce/reduce.h"

namespace ipex::aten {
namespace {

using at::Tensor;

struct Variance {
  const char* name;
  bool root;  // the standard deviation
};

void warn_degrees(const Variance& variance, const Tensor& self, const Tensor& result, double correction) {
  const double per_result =
      static_cast<double>(self.numel()) / static_cast<double>(std::max<std::int64_t>(1, result.numel()));
  if (per_result - correction > 0) return;
  TORCH_WARN(
      variance.name,
      "(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input "
      "numel divided by output numel).");
}

void check_variance(const Variance& variance, const Tensor& self) {
  TORCH_CHECK(self.layout() == c10::kStrided, variance.name,
              "() only supports strided layout, got: ", self.layout());
  TORCH_CHECK(at::isFloatingType(self.scalar_type()) || at::isComplexType(self.scalar_type()),
              "std and var only support floating point and complex dtypes, but got ", self.scalar_type());
}

// The variance into results[0] and, if there is one, the mean into results[1].
void compute_variance(const Variance& variance, const Tensor& self, at::OptionalIntArrayRef dim,
                      const std::optional<c10::Scalar>& correction_or_one, bool keepdim,
                      at::ArrayRef<Tensor> results) {
  const double correction = correction_or_one.value_or(1).toDouble();
  warn_degrees(variance, self, results[0], correction);
  if (self.is_complex()) {
    // The parts vary independently.
    const auto options = self.options().dtype(c10::toRealValueType(self.scalar_type()));
    std::vector<Tensor> of_real, of_imag;
    for (const auto& result : results) {
      of_real.push_back(at::empty(result.sizes(), options));
      of_imag.push_back(at::empty(result.sizes(), options));
    }
    const Variance plain{variance.name, false};
    compute_variance(plain, at::real(self), dim, correction_or_one, keepdim, of_real);
    compute_variance(plain, at::imag(self), dim, correction_or_one, keepdim, of_imag);
    auto total = of_real[0].add_(of_imag[0]);
    results[0].copy_(variance.root ? total.sqrt_() : total);
    if (results.size() > 1) results[1].copy_(at::complex(of_real[1], of_imag[1]));
    return;
  }
  const auto dtype = results[0].scalar_type();
  reduce({variance.name, variance.root ? "deviation" : "variance", dtype, {correction}},
         loadable(self, dtype), results, dim, keepdim);
}

Tensor& variance_out(const Variance& variance, const Tensor& self, at::OptionalIntArrayRef dim,
                     const std::optional<c10::Scalar>& correction, bool keepdim, Tensor& out) {
  check_variance(variance, self);
  const auto natural = c10::toRealValueType(self.scalar_type());
  TORCH_CHECK(at::isFloatingType(out.scalar_type()) && c10::canCast(natural, out.scalar_type()),
              variance.name, ": result type ", natural, " can't be cast to the desired output type ",
              out.scalar_type());
  at::native::resize_reduction_result(out, self, at::native::make_dim_mask(dim, self.dim()), keepdim,
                                      out.scalar_type());
  compute_variance(variance, self, dim, correction, keepdim, {out});
  return out;
}

Tensor variance_of(const Variance& variance, const Tensor& self, at::OptionalIntArrayRef dim,
                   const std::optional<c10::Scalar>& correction, bool keepdim) {
  check_variance(variance, self);
  auto out =
      at::native::create_reduction_result(self, dim, keepdim, c10::toRealValueType(self.scalar_type()));
  compute_variance(variance, self, dim, correction, keepdim, {out});
  return out;
}

std::tuple<Tensor, Tensor> variance_and_mean(const Variance& variance, const Tensor& self,
                                             at::OptionalIntArrayRef dim,
                                             const std::optional<c10::Scalar>& correction, bool keepdim) {
  check_variance(variance, self);
  const auto dtype = self.scalar_type();
  auto out = at::native::create_reduction_result(self, dim, keepdim, c10::toRealValueType(dtype));
  auto mean = at::native::create_reduction_result(self, dim, keepdim, dtype);
  compute_variance(variance, self, dim, correction, keepdim, {out, mean});
  return {out, mean};
}

void compute_norm(const char* name, const Tensor& self, const c10::Scalar& order, at::OptionalIntArrayRef dim,
                  bool keepdim, std::optional<c10::ScalarType> dtype, const Tensor& result) {
  const double p = order.toDouble();
  const auto compute = c10::toRealValueType(dtype.value_or(result.scalar_type()));
  const auto input = loadable(self, self.is_complex() ? c10::toComplexType(compute) : compute);
  Reduction reduction{name, "norm_power", compute};
  if (p == 0) {
    reduction.operation = "norm_zero";
  } else if (p == 1) {
    reduction.operation = "norm_one";
  } else if (p == 2) {
    reduction.operation = "norm_two";
  } else if (std::isinf(p)) {
    reduction.operation = p > 0 ? "norm_max" : "norm_min";
  } else {
    reduction.scalars = {p};
  }
  reduce(reduction, input, {result}, dim, keepdim);
}

constexpr Variance variance_operator{"var", false};
constexpr Variance deviation_operator{"std", true};
constexpr Variance variance_mean_operator{"var_mean", false};
constexpr Variance deviation_mean_operator{"std_mean", true};

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor var_correction_xpu(const Tensor& self, OptionalIntArrayRef dim,
                          const std::optional<Scalar>& correction, bool keepdim) {
  return variance_of(variance_operator, self, dim, correction, keepdim);
}

Tensor& var_correction_out_xpu(const Tensor& self, OptionalIntArrayRef dim,
                               const std::optional<Scalar>& correction, bool keepdim, Tensor& out) {
  return variance_out(variance_operator, self, dim, correction, keepdim, out);
}

Tensor std_correction_xpu(const Tensor& self, OptionalIntArrayRef dim,
                          const std::optional<Scalar>& correction, bool keepdim) {
  return variance_of(deviation_operator, self, dim, correction, keepdim);
}

Tensor& std_correction_out_xpu(const Tensor& self, OptionalIntArrayRef dim,
                               const std::optional<Scalar>& correction, bool keepdim, Tensor& out) {
  return variance_out(deviation_operator, self, dim, correction, keepdim, out);
}

std::tuple<Tensor, Tensor> var_mean_correction_xpu(const Tensor& self, OptionalIntArrayRef dim,
                                                   const std::optional<Scalar>& correction, bool keepdim) {
  return variance_and_mean(variance_mean_operator, self, dim, correction, keepdim);
}

std::tuple<Tensor, Tensor> std_mean_correction_xpu(const Tensor& self, OptionalIntArrayRef dim,
                                                   const std::optional<Scalar>& correction, bool keepdim) {
  return variance_and_mean(deviation_mean_operator, self, dim, correction, keepdim);
}

TORCH_IMPL_FUNC(linalg_vector_norm_out_xpu)
(const Tensor& self, const Scalar& order, OptionalIntArrayRef dim, bool keepdim,
 std::optional<ScalarType> dtype, const Tensor& result) {
  compute_norm("linalg_vector_norm", self, order, dim, keepdim, dtype, result);
}

TORCH_IMPL_FUNC(norm_out_xpu)
(const Tensor& self, OptionalScalarRef p, IntArrayRef dim, bool keepdim, const Tensor& result) {
  compute_norm("norm", self, p ? p.get() : Scalar(2), dim, keepdim, std::nullopt, result);
}

TORCH_IMPL_FUNC(norm_dtype_out_xpu)
(const Tensor& self, OptionalScalarRef p, IntArrayRef dim, bool keepdim, ScalarType dtype,
 const Tensor& result) {
  compute_norm("norm", self, p ? p.get() : Scalar(2), dim, keepdim, dtype, result);
}

// Slices along `dim` whose norm is too large are scaled down to it.
TORCH_IMPL_FUNC(renorm_out_xpu)
(const Tensor& self, const Scalar& p, int64_t dim, const Scalar& largest, const Tensor& out) {
  dim = c10::maybe_wrap_dim(dim, self.dim());
  std::vector<int64_t> others;
  for (int64_t d = 0; d < self.dim(); ++d) {
    if (d != dim) others.push_back(d);
  }
  const auto dtype = self.scalar_type();
  const auto norm =
      at::linalg_vector_norm(self, p, others, true, self.is_complex() ? dtype : opmath_dtype(dtype));
  constexpr double tiny = 1e-7;  // keeps the result below the bound
  const auto factor = at::where(norm.gt(largest), norm.add(tiny).reciprocal_().mul_(largest), 1);
  at::mul_out(const_cast<Tensor&>(out), self, factor.to(c10::toRealValueType(dtype)));
}

}  // namespace at::native
