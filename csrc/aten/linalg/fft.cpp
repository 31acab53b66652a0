// Fourier transforms over any dimensions, made of oneMKL's, which take up to three.
#include <ATen/core/Tensor.h>
#include <ATen/native/Resize.h>
#include <ATen/native/SpectralOpsUtils.h>
#include <ATen/ops/_fft_c2c.h>
#include <ATen/ops/_fft_c2c_native.h>
#include <ATen/ops/_fft_c2r_native.h>
#include <ATen/ops/_fft_r2c_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/roll.h>
#include <ATen/WrapDimUtils.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "aten/fallback.h"
#include "onemkl/fourier.h"

namespace ipex::aten {
namespace {

using at::DimVector;
using at::IntArrayRef;
using at::Tensor;

void check_dtype(const char* name, const Tensor& self, bool complex) {
  const auto dtype = self.scalar_type(), real = c10::toRealValueType(dtype);
  TORCH_CHECK((real == at::kFloat || real == at::kDouble) && self.is_complex() == complex, name, ": got ",
              dtype, ", expected ", complex ? "ComplexFloat or ComplexDouble" : "Float or Double");
}

bool by_library(const Tensor& self) { return onemkl::refusal(self.device(), self.scalar_type()) == nullptr; }

double scale_of(std::int64_t normalization, IntArrayRef sizes, IntArrayRef dims) {
  double count = 1;
  for (const auto dim : dims) count *= static_cast<double>(sizes[dim]);
  switch (static_cast<at::native::fft_norm_mode>(normalization)) {
    case at::native::fft_norm_mode::none:
      return 1;
    case at::native::fft_norm_mode::by_root_n:
      return 1 / std::sqrt(count);
    case at::native::fft_norm_mode::by_n:
      return 1 / count;
  }
  TORCH_CHECK(false, "fft: unknown normalization ", normalization, ", expected 0, 1 or 2");
}

DimVector wrapped(IntArrayRef dims, std::int64_t dimensions) {
  DimVector result(dims);
  at::maybe_wrap_dims(result, dimensions);
  return result;
}

void sort_by_stride(DimVector::iterator first, DimVector::iterator last, IntArrayRef strides) {
  std::stable_sort(first, last, [&](auto one, auto other) { return strides[one] > strides[other]; });
}

// All dimensions, those of `dims` last in their order, the others before by stride.
DimVector order_of(const Tensor& input, IntArrayRef dims) {
  DimVector order(input.dim());
  std::iota(order.begin(), order.end(), 0);
  const auto transformed = std::stable_partition(order.begin(), order.end(), [&](std::int64_t dim) {
    return std::find(dims.begin(), dims.end(), dim) == dims.end();
  });
  sort_by_stride(order.begin(), transformed, input.strides());
  std::copy(dims.begin(), dims.end(), transformed);
  return order;
}

DimVector inverse(IntArrayRef order) {
  DimVector result(order.size());
  for (std::size_t position = 0; position < order.size(); ++position) result[order[position]] = position;
  return result;
}

bool repeats_elements(const Tensor& tensor) {
  for (const auto dim : c10::irange(tensor.dim())) {
    if (tensor.stride(dim) == 0 && tensor.size(dim) > 1) return true;
  }
  return false;
}

// An empty tensor of these sizes and the dtype that lies in memory in this order of its dimensions.
Tensor empty_in_order(IntArrayRef sizes, IntArrayRef order, at::TensorOptions options) {
  DimVector ordered;
  for (const auto dim : order) ordered.push_back(sizes[dim]);
  return at::empty(ordered, options).permute(inverse(order));
}

// Transforms over `dims`, at most three; `output` lies in memory in the order `order`, which ends with them.
// Sizes may differ in the last one.
void run(const Tensor& output, const Tensor& input, IntArrayRef order, std::size_t dimensions, bool forward,
         double scale) {
  if (output.numel() == 0) return;
  const auto flat = [&](const Tensor& tensor) {
    const auto ordered = tensor.permute(order);
    DimVector sizes{1};
    const auto batch_dims = order.size() - dimensions;
    for (const auto position : c10::irange(order.size())) {
      if (position < batch_dims) {
        sizes[0] *= ordered.size(position);
      } else {
        sizes.push_back(ordered.size(position));
      }
    }
    return ordered.reshape(sizes);
  };
  auto source = flat(input);
  if (repeats_elements(source)) source = source.contiguous();
  onemkl::transform(flat(output), source, forward, scale);
}

// Those of `dims` that one transform takes; the others are cut off to `rest`.
DimVector split_off(DimVector& rest) {
  const auto count = std::min<std::size_t>(rest.size(), onemkl::most_dimensions);
  DimVector last(rest.end() - count, rest.end());
  rest.resize(rest.size() - count);
  return last;
}

Tensor complex_to_complex(Tensor values, DimVector dims, bool forward, double scale) {
  sort_by_stride(dims.begin(), dims.end(), values.strides());
  while (!dims.empty()) {
    const auto now = split_off(dims);
    const auto order = order_of(values, now);
    const auto result = empty_in_order(values.sizes(), order, values.options());
    run(result, values, order, now.size(), forward, scale);
    values = result;
    scale = 1;
  }
  return values;
}

// The other half of what a real signal becomes: X[-k] = conj(X[k]).
void fill_mirrored(const Tensor& result, IntArrayRef dims) {
  const auto last = dims.back();
  const auto size = result.size(last), half = size / 2 + 1;
  if (half == size || result.numel() == 0) return;
  auto mirrored = at::flip(result.narrow(last, 1, size - half), dims);
  const auto others = dims.slice(0, dims.size() - 1);
  if (!others.empty()) mirrored = at::roll(mirrored, DimVector(others.size(), 1), others);
  result.narrow(last, half, size - half).copy_(mirrored.conj());
}

Tensor real_to_complex(const Tensor& self, DimVector dims, bool onesided, double scale) {
  sort_by_stride(dims.begin(), dims.end() - 1, self.strides());
  const auto now = split_off(dims);
  const auto order = order_of(self, now);
  const auto last = now.back(), size = self.size(last), half = size / 2 + 1;
  DimVector sizes(self.sizes());
  if (onesided) sizes[last] = half;
  const auto options = self.options().dtype(c10::toComplexType(self.scalar_type()));
  auto result = empty_in_order(sizes, order, options);
  run(result.narrow(last, 0, half), self, order, now.size(), /*forward=*/true, scale);
  if (!onesided) fill_mirrored(result, now);
  return complex_to_complex(result, dims, /*forward=*/true, 1);
}

// Over the first dimensions apart: that is what signals without symmetry ask for, as stock defines it.
Tensor complex_to_real(const Tensor& self, DimVector dims, std::int64_t last_size, double scale) {
  const auto last = dims.back();
  dims.pop_back();
  const auto values = complex_to_complex(self, dims, /*forward=*/false, 1);
  const std::array<std::int64_t, 1> now{last};
  const auto order = order_of(values, now);
  DimVector sizes(self.sizes());
  sizes[last] = last_size;
  auto result = empty_in_order(sizes, order, self.options().dtype(c10::toRealValueType(self.scalar_type())));
  run(result, values.narrow(last, 0, last_size / 2 + 1), order, 1, /*forward=*/false, scale);
  return result;
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;

Tensor _fft_c2c_xpu(const Tensor& self, IntArrayRef dim, int64_t normalization, bool forward) {
  check_dtype("_fft_c2c", self, /*complex=*/true);
  if (dim.empty()) return self.clone();
  if (!by_library(self)) {
    return on_cpu<at::_ops::_fft_c2c>::call(self, c10::fromIntArrayRefSlow(dim), normalization, forward);
  }
  const auto dims = wrapped(dim, self.dim());
  return complex_to_complex(self, dims, forward, scale_of(normalization, self.sizes(), dims));
}

Tensor _fft_r2c_xpu(const Tensor& self, IntArrayRef dim, int64_t normalization, bool onesided) {
  check_dtype("_fft_r2c", self, /*complex=*/false);
  if (!by_library(self)) return on_cpu<at::_ops::_fft_r2c>::call(self, dim, normalization, onesided);
  const auto dims = wrapped(dim, self.dim());
  return real_to_complex(self, dims, onesided, scale_of(normalization, self.sizes(), dims));
}

Tensor _fft_c2r_xpu(const Tensor& self, IntArrayRef dim, int64_t normalization, int64_t last_dim_size) {
  check_dtype("_fft_c2r", self, /*complex=*/true);
  if (!by_library(self)) return on_cpu<at::_ops::_fft_c2r>::call(self, dim, normalization, last_dim_size);
  const auto dims = wrapped(dim, self.dim());
  DimVector sizes(self.sizes());
  sizes[dims.back()] = last_dim_size;
  return complex_to_real(self, dims, last_dim_size, scale_of(normalization, sizes, dims));
}

Tensor& _fft_c2c_out_xpu(const Tensor& self, IntArrayRef dim, int64_t normalization, bool forward,
                         Tensor& out) {
  const auto result = _fft_c2c_xpu(self, dim, normalization, forward);
  resize_output(out, result.sizes());
  return out.copy_(result);
}

Tensor& _fft_r2c_out_xpu(const Tensor& self, IntArrayRef dim, int64_t normalization, bool onesided,
                         Tensor& out) {
  const auto result = _fft_r2c_xpu(self, dim, normalization, onesided);
  resize_output(out, result.sizes());
  return out.copy_(result);
}

Tensor& _fft_c2r_out_xpu(const Tensor& self, IntArrayRef dim, int64_t normalization, int64_t last_dim_size,
                         Tensor& out) {
  const auto result = _fft_c2r_xpu(self, dim, normalization, last_dim_size);
  resize_output(out, result.sizes());
  return out.copy_(result);
}

}  // namespace at::native
