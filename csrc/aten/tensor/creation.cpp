// Tensors made from a formula.
#include <ATen/core/Tensor.h>
#include <ATen/Dispatch.h>
#include <ATen/native/RangeUtils.h>
#include <ATen/native/TensorFactories.h>
#include <ATen/ops/arange_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye_native.h>
#include <ATen/ops/linspace_native.h>
#include <ATen/ops/logspace_native.h>
#include <ATen/ops/nonzero_static.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/range_native.h>
#include <ATen/ops/tril_indices_native.h>
#include <ATen/ops/triu_indices_native.h>

#include <cmath>
#include <cstring>

#include "aten/kernel_table.h"
#include "aten/pointwise/elementwise.h"
#include "kernels/range_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

// The type that values of `dtype` are computed in: integers between two ends take fractional steps.
c10::ScalarType fractional(c10::ScalarType dtype) {
  if (!c10::isIntegralType(dtype, true)) return opmath_dtype(dtype);
  return runtime::device_limits().fp64 ? c10::kDouble : c10::kFloat;
}

struct Sequence {
  c10::Scalar start, end, step, base = 0;
};

// Fills `out`, of `numel` elements whatever its strides, by op::<functor>.
void generate(const char* functor, at::Tensor& out, c10::ScalarType compute, const Sequence& sequence) {
  if (out.numel() == 0) return;
  check_dtype(functor, out.scalar_type());
  const auto result = out.is_contiguous() ? out : at::empty(out.sizes(), out.options());
  kernels::RangeParams params;
  params.output = result.mutable_data_ptr();
  params.numel = out.numel();
  store_scalars(compute, {sequence.start}, params.start);
  store_scalars(compute, {sequence.end}, params.end);
  store_scalars(compute, {sequence.step}, params.step);
  store_scalars(compute, {sequence.base}, params.base);
  launch("range",
         instantiation("generate", std::string("op::") + functor, type_name(compute),
                       type_name(out.scalar_type())),
         range_for((params.numel + kernels::range_items - 1) / kernels::range_items), params);
  if (!result.is_same(out)) out.copy_(result);
}

// An end of linspace is a value of the output's dtype before it is anything else.
c10::Scalar as_end(const c10::Scalar& value, c10::ScalarType dtype) {
  if (dtype == at::kUInt64) return value.to<std::uint64_t>();
  return c10::isIntegralType(dtype, true) ? c10::Scalar(value.toLong()) : value;
}

// linspace and logspace, for their `steps` values from start to end.
void generate_between(const char* functor, at::Tensor& out, const c10::Scalar& start, const c10::Scalar& end,
                      std::int64_t steps, double base) {
  if (steps == 0) return;  // ends that the dtype does not hold are no matter then
  const auto dtype = out.scalar_type();
  const auto first = as_end(start, dtype), last = as_end(steps == 1 ? start : end, dtype);
  const auto intervals = static_cast<double>(std::max<std::int64_t>(steps - 1, 1));
  const auto step = c10::isComplexType(dtype)
                        ? c10::Scalar((last.toComplexDouble() - first.toComplexDouble()) / intervals)
                        : c10::Scalar((last.toDouble() - first.toDouble()) / intervals);
  generate(functor, out, fractional(dtype), {first, last, step, base});
}

void resize_to_steps(at::Tensor& out, std::int64_t steps) {
  TORCH_CHECK(steps >= 0, "number of steps must be non-negative");
  if (out.numel() != steps) out.resize_({steps});
}

at::Tensor triangle_indices(std::int64_t rows, std::int64_t columns, std::int64_t offset, bool lower,
                            std::optional<c10::ScalarType> dtype, std::optional<c10::Layout> layout,
                            std::optional<c10::Device> device, std::optional<bool> pin_memory) {
  at::native::check_args(rows, columns, layout);
  const auto options =
      at::TensorOptions().device(device.value_or(c10::Device(at::kXPU))).pinned_memory(pin_memory);
  auto kept = at::ones({rows, columns}, options.dtype(at::kBool));
  if (lower) {
    kept.tril_(offset);
  } else {
    kept.triu_(offset);
  }
  const auto lower_size = at::native::get_tril_size(rows, columns, lower ? offset : offset - 1);
  const auto size = lower ? lower_size : rows * columns - lower_size;
  return at::nonzero_static(kept, size)
      .t()
      .to(dtype.value_or(at::kLong), false, true, at::MemoryFormat::Contiguous);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor& arange_start_out_xpu(const Scalar& start, const Scalar& end, const Scalar& step, Tensor& out) {
  const auto size = AT_DISPATCH_ALL_TYPES_AND2(kHalf, kBFloat16, out.scalar_type(), "arange_xpu", [&] {
    return compute_arange_size<scalar_t>(start, end, step);
  });
  if (out.numel() != size) {
    if (out.numel() > 0) {
      TORCH_WARN(
          "The number of elements in the out tensor of shape ", out.sizes(), " is ", out.numel(),
          " which does not match the computed number of elements ", size,
          ". Note that this may occur as a result of rounding error. The out tensor will be resized to a "
          "tensor of shape (",
          size, ",).");
    }
    out.resize_({size});
  }
  generate("arange", out,
           c10::isIntegralType(out.scalar_type(), true) ? kLong : opmath_dtype(out.scalar_type()),
           {start, end, step});
  return out;
}

Tensor& range_out_xpu(const Scalar& start, const Scalar& end, const Scalar& step, Tensor& out) {
  arange_check_bounds(start, end, step);
  const auto size = static_cast<int64_t>((end.toDouble() - start.toDouble()) / step.toDouble() + 1);
  if (out.numel() != size) out.resize_({size});
  generate("arange", out,
           c10::isIntegralType(out.scalar_type(), true) ? kLong : opmath_dtype(out.scalar_type()),
           {start, end, step});
  return out;
}

Tensor& linspace_out_xpu(const Scalar& start, const Scalar& end, int64_t steps, Tensor& out) {
  resize_to_steps(out, steps);
  generate_between("linspace", out, start, end, steps, 0);
  return out;
}

Tensor& logspace_out_xpu(const Scalar& start, const Scalar& end, int64_t steps, double base, Tensor& out) {
  resize_to_steps(out, steps);
  generate_between("logspace", out, start, end, steps, base);
  return out;
}

Tensor& eye_m_out_xpu(int64_t rows, int64_t columns, Tensor& out) {
  TORCH_CHECK(rows >= 0, "n must be greater or equal to 0, got ", rows);
  TORCH_CHECK(columns >= 0, "m must be greater or equal to 0, got ", columns);
  out.resize_({rows, columns});
  out.zero_();
  out.diagonal().fill_(1);
  return out;
}

Tensor& eye_out_xpu(int64_t n, Tensor& out) { return eye_m_out_xpu(n, n, out); }

Tensor tril_indices_xpu(int64_t row, int64_t col, int64_t offset, std::optional<ScalarType> dtype,
                        std::optional<Layout> layout, std::optional<Device> device, std::optional<bool> pin) {
  return triangle_indices(row, col, offset, true, dtype, layout, device, pin);
}

Tensor triu_indices_xpu(int64_t row, int64_t col, int64_t offset, std::optional<ScalarType> dtype,
                        std::optional<Layout> layout, std::optional<Device> device, std::optional<bool> pin) {
  return triangle_indices(row, col, offset, false, dtype, layout, device, pin);
}

}  // namespace at::native
