// Pooling of windows at random distances.
#include <ATen/core/Tensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fractional_max_pool2d_backward_native.h>
#include <ATen/ops/fractional_max_pool2d_native.h>
#include <ATen/ops/fractional_max_pool3d_backward_native.h>
#include <ATen/ops/fractional_max_pool3d_native.h>

#include "aten/kernel_table.h"
#include "kernels/fractional_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

// `samples` in the order of the dimensions they belong to, the first of them 3 - spatial.
void pool(const char* name, const Tensor& self, at::IntArrayRef window, const Tensor& random_samples,
          std::initializer_list<int> samples, const Tensor& output, const Tensor& indices) {
  if (output.numel() == 0) return;
  TORCH_CHECK(random_samples.scalar_type() == self.scalar_type(), name,
              ": Expect _random_samples to have the same dtype as input, but got ",
              random_samples.scalar_type(), " and ", self.scalar_type());
  const int spatial = static_cast<int>(samples.size());
  const auto input = self.contiguous(), draws = random_samples.contiguous();
  auto values = output.is_contiguous() ? output : at::empty(output.sizes(), output.options());
  auto places = indices.is_contiguous() ? indices : at::empty(indices.sizes(), indices.options());
  kernels::FractionalParams params{};
  params.input = input.const_data_ptr();
  params.samples = draws.const_data_ptr();
  params.output = values.mutable_data_ptr();
  params.indices = places.mutable_data_ptr<std::int64_t>();
  params.numel = output.numel();
  params.spatial = spatial;
  for (int d = 0; d < 3; ++d) {
    const int own = d - (3 - spatial);
    params.input_sizes[d] = own < 0 ? 1 : input.size(input.dim() - spatial + own);
    params.output_sizes[d] = own < 0 ? 1 : output.size(output.dim() - spatial + own);
    params.window[d] = own < 0 ? 1 : window[window.size() == 1 ? 0 : own];
    params.sample[d] = own < 0 ? -1 : samples.begin()[own];
  }
  static TypedKernel kernel{"fractional", "fractional_max_pool"};
  launch(kernel.get(name, self.scalar_type(), self.get_device()), range_for(params.numel), params);
  if (!values.is_same(output)) const_cast<Tensor&>(output).copy_(values);
  if (!places.is_same(indices)) const_cast<Tensor&>(indices).copy_(places);
}

void spread(const Tensor& gradient, const Tensor& self, const Tensor& indices, int spatial,
            const Tensor& out) {
  const_cast<Tensor&>(out).zero_();
  if (gradient.numel() == 0) return;
  const auto planes = c10::multiply_integers(self.sizes().slice(0, self.dim() - spatial));
  const auto flat = [planes](const Tensor& tensor) { return tensor.reshape({planes, -1}); };
  auto result = out.is_contiguous() ? out : out.contiguous();
  result.view({planes, -1}).scatter_add_(1, flat(indices), flat(gradient));
  if (!result.is_same(out)) const_cast<Tensor&>(out).copy_(result);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

TORCH_IMPL_FUNC(fractional_max_pool2d_output_xpu)
(const Tensor& self, IntArrayRef kernel_size, IntArrayRef, const Tensor& random_samples, const Tensor& output,
 const Tensor& indices) {
  ipex::aten::pool("fractional_max_pool2d", self, kernel_size, random_samples, {1, 0}, output, indices);
}

TORCH_IMPL_FUNC(fractional_max_pool3d_output_xpu)
(const Tensor& self, int64_t depth, int64_t height, int64_t width, int64_t, int64_t, int64_t,
 const Tensor& random_samples, int64_t, int64_t, int64_t, int64_t, int64_t, const Tensor& output,
 const Tensor& indices) {
  ipex::aten::pool("fractional_max_pool3d", self, {depth, height, width}, random_samples, {0, 1, 2}, output,
                   indices);
}

TORCH_IMPL_FUNC(fractional_max_pool2d_backward_grad_input_xpu)
(const Tensor& gradient, const Tensor& self, IntArrayRef, IntArrayRef, const Tensor& indices,
 const Tensor& out) {
  ipex::aten::spread(gradient, self, indices, 2, out);
}

Tensor& fractional_max_pool3d_backward_grad_input_xpu(const Tensor& gradient, const Tensor& self, IntArrayRef,
                                                      IntArrayRef, const Tensor& indices, Tensor& out) {
  at::native::resize_output(out, self.sizes());
  ipex::aten::spread(gradient, self, indices, 3, out);
  return out;
}

Tensor fractional_max_pool3d_backward_xpu(const Tensor& gradient, const Tensor& self, IntArrayRef kernel_size,
                                          IntArrayRef output_size, const Tensor& indices) {
  auto out = at::empty(self.sizes(), self.options());
  return fractional_max_pool3d_backward_grad_input_xpu(gradient, self, kernel_size, output_size, indices,
                                                       out);
}

}  // namespace at::native
