#include <ATen/ops/_log_softmax_backward_data_native.h>
#include <ATen/ops/_log_softmax_native.h>
#include <ATen/ops/_softmax_backward_data_native.h>
#include <ATen/ops/_softmax_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/WrapDimUtils.h>

#include "aten/dtypes.h"
#include "aten/pointwise/runs.h"
#include "aten/reduce/reduce.h"
#include "kernels/softmax_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using at::Tensor;

// A contiguous tensor around one dimension.
struct Around {
  std::int64_t outer = 1, size = 1, inner = 1;

  Around(const Tensor& tensor, std::int64_t dim) {
    if (tensor.dim() == 0) return;
    size = tensor.size(dim);
    for (std::int64_t d = 0; d < dim; ++d) outer *= tensor.size(d);
    for (std::int64_t d = dim + 1; d < tensor.dim(); ++d) inner *= tensor.size(d);
  }

  // The last dimension, in rows enough for the device and short enough to stay in a cache.
  bool rows_suffice() const {
    constexpr std::int64_t short_row = 1 << 12;
    return inner == 1 && (outer >= runtime::device_limits().compute_units || size <= short_row);
  }
  Tensor view(const Tensor& tensor) const { return tensor.view({outer, size, inner}); }
  Runs runs() const {
    // Values for each [outer, inner]; with inner 1 a run is a row, else it is what lies behind one [outer,
    // size].
    return inner == 1 ? Runs{outer, size, false, 1, 1, 0} : Runs{outer * size, inner, true, size, inner, 0};
  }
  DimMask mask() const { return DimMask(2); }
};

// Calls function(contiguous output) and copies from it if `output` is not contiguous.
template <class Function>
void with_contiguous(const Tensor& output, Function function) {
  if (output.is_contiguous()) return function(output);
  const auto contiguous = at::empty_like(output, at::MemoryFormat::Contiguous);
  function(contiguous);
  output.copy_(contiguous);
}

void launch_rows(const char* kernel, bool log, const Around& around, const Tensor& input,
                 const Tensor* result, const Tensor& output) {
  kernels::SoftmaxParams params{input.const_data_ptr(),
                                result == nullptr ? nullptr : result->const_data_ptr(),
                                output.mutable_data_ptr(), around.outer, around.size};
  const auto [name, range] = row_kernel(kernel, around.outer);
  launch("softmax",
         instantiation(name, log ? "true" : "false", type_name(input.scalar_type()),
                       type_name(output.scalar_type())),
         range, params);
}

void compute_softmax(const char* name, bool log, const Tensor& self, std::int64_t dim, const Tensor& output) {
  if (self.numel() == 0) return;
  check_dtype(name, self.scalar_type());
  const auto input = self.contiguous();
  const Around around(input, at::maybe_wrap_dim(dim, self.dim()));
  with_contiguous(output, [&](const Tensor& out) {
    if (around.rows_suffice()) return launch_rows("softmax_rows", log, around, input, nullptr, out);
    const auto options = input.options().dtype(opmath_dtype(input.scalar_type()));
    const auto largest = at::empty({around.outer, 1, around.inner}, options);
    const auto sum = at::empty_like(largest);
    reduce({name, log ? "log_softmax_statistics" : "softmax_statistics", input.scalar_type()},
           {around.view(input)}, {largest, sum}, around.mask());
    apply_runs(log ? "apply_log_softmax" : "apply_softmax", around.runs(), {input}, out, {largest, sum});
  });
}

void compute_softmax_backward(const char* name, bool log, const Tensor& grad, const Tensor& output,
                              std::int64_t dim, const Tensor& grad_input) {
  if (grad.numel() == 0) return;
  check_dtype(name, grad.scalar_type());
  const auto gradient = grad.contiguous();
  const auto result = output.contiguous();
  const Around around(gradient, at::maybe_wrap_dim(dim, grad.dim()));
  with_contiguous(grad_input, [&](const Tensor& out) {
    if (around.rows_suffice())
      return launch_rows("softmax_backward_rows", log, around, gradient, &result, out);
    const auto sum = at::empty({around.outer, 1, around.inner},
                               gradient.options().dtype(opmath_dtype(gradient.scalar_type())));
    const Reduction reduction{name, log ? "sum" : "dot", gradient.scalar_type()};
    std::vector<Tensor> inputs{around.view(gradient)};
    if (!log) inputs.push_back(around.view(result));
    reduce(reduction, inputs, {sum}, around.mask());
    apply_runs(log ? "apply_log_softmax_backward" : "apply_softmax_backward", around.runs(),
               {gradient, result}, out, {sum});
  });
}

void check_half_to_float(const Tensor& self, bool half_to_float) {
  TORCH_CHECK(!half_to_float || self.scalar_type() == c10::kHalf,
              "conversion is supported for Half type only, but the input is ", self.scalar_type());
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(_softmax_out_xpu)(const Tensor& self, int64_t dim, bool half_to_float, const Tensor& output) {
  check_half_to_float(self, half_to_float);
  compute_softmax("_softmax", false, self, dim, output);
}

TORCH_IMPL_FUNC(_log_softmax_out_xpu)
(const Tensor& self, int64_t dim, bool half_to_float, const Tensor& output) {
  check_half_to_float(self, half_to_float);
  compute_softmax("_log_softmax", true, self, dim, output);
}

TORCH_IMPL_FUNC(_softmax_backward_data_out_xpu)
(const Tensor& grad, const Tensor& output, int64_t dim, ScalarType, const Tensor& grad_input) {
  compute_softmax_backward("_softmax_backward_data", false, grad, output, dim, grad_input);
}

TORCH_IMPL_FUNC(_log_softmax_backward_data_out_xpu)
(const Tensor& grad, const Tensor& output, int64_t dim, ScalarType, const Tensor& grad_input) {
  compute_softmax_backward("_log_softmax_backward_data", true, grad, output, dim, grad_input);
}

}  // namespace at::native
