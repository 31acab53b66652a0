// The inverse of max pooling: values return to where their indices say, the rest is zero.
#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_unpool2d_native.h>
#include <ATen/ops/max_unpool3d_native.h>

namespace ipex::aten {
namespace {

using at::Tensor;

void check_unpool(const char* name, const Tensor& self, const Tensor& indices, at::IntArrayRef output_size,
                  std::int64_t dims) {
  TORCH_CHECK(indices.scalar_type() == at::kLong, name, ": elements in indices should be type int64 but got ",
              indices.scalar_type());
  TORCH_CHECK(static_cast<std::int64_t>(output_size.size()) == dims, name, ": output_size should have ", dims,
              " elements, but got ", output_size.size());
  TORCH_CHECK(self.dim() == dims + 1 || self.dim() == dims + 2, name, ": expected an input of ", dims + 1,
              " or ", dims + 2, " dimensions, but got shape ", self.sizes());
  TORCH_CHECK(self.sizes() == indices.sizes(), name, ": expected shape of indices to be same as that of the ",
              "input tensor (", self.sizes(), ") but got indices tensor with shape: ", indices.sizes());
  for (std::int64_t d = 1; d < self.dim(); ++d) {
    TORCH_CHECK(self.size(d) > 0, name,
                ": expected input to have non-zero size for non-batch dimensions, but "
                "got ",
                self.sizes(), " with dimension ", d, " being empty.");
  }
}

void unpool(const char* name, const Tensor& self, const Tensor& indices, at::IntArrayRef output_size,
            Tensor& out) {
  at::globalContext().alertNotDeterministic(name);
  const auto dims = static_cast<std::int64_t>(output_size.size());
  auto shape = self.sizes().vec();
  std::copy(output_size.begin(), output_size.end(), shape.end() - dims);
  at::native::resize_output(out, shape);
  out.zero_();
  if (out.numel() == 0 || self.numel() == 0) return;
  const auto planes = c10::multiply_integers(self.sizes().slice(0, self.dim() - dims));
  const auto flat = [planes](const Tensor& tensor) { return tensor.reshape({planes, -1}); };
  auto result = out.is_contiguous() ? out : out.contiguous();
  result.view({planes, -1}).scatter_(1, flat(indices), flat(self));
  if (!result.is_same(out)) out.copy_(result);
}

Tensor empty_like_input(const Tensor& self, at::IntArrayRef output_size) {
  auto shape = self.sizes().vec();
  std::copy(output_size.begin(), output_size.end(),
            shape.end() - static_cast<std::int64_t>(output_size.size()));
  return at::empty(shape, self.options().memory_format(self.suggest_memory_format()));
}

void check_unpool3d(const Tensor& self, const Tensor& indices, at::IntArrayRef output_size,
                    at::IntArrayRef stride, at::IntArrayRef padding) {
  check_unpool("max_unpool3d", self, indices, output_size, 3);
  TORCH_CHECK(stride.size() == 3, "max_unpool3d: stride should have 3 elements, but got ", stride.size());
  TORCH_CHECK(padding.size() == 3, "max_unpool3d: padding should have 3 elements, but got ", padding.size());
  TORCH_CHECK(stride[0] > 0 && stride[1] > 0 && stride[2] > 0,
              "max_unpool3d: strides should be greater than zero, but got ", stride);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor& max_unpool2d_out_xpu(const Tensor& self, const Tensor& indices, IntArrayRef output_size,
                             Tensor& out) {
  check_unpool("max_unpool2d", self, indices, output_size, 2);
  unpool("max_unpooling2d_forward_out", self, indices, output_size, out);
  return out;
}

Tensor max_unpool2d_xpu(const Tensor& self, const Tensor& indices, IntArrayRef output_size) {
  check_unpool("max_unpool2d", self, indices, output_size, 2);
  auto out = empty_like_input(self, output_size);
  unpool("max_unpooling2d_forward_out", self, indices, output_size, out);
  return out;
}

Tensor& max_unpool3d_out_xpu(const Tensor& self, const Tensor& indices, IntArrayRef output_size,
                             IntArrayRef stride, IntArrayRef padding, Tensor& out) {
  check_unpool3d(self, indices, output_size, stride, padding);
  unpool("max_unpooling3d_forward_out", self, indices, output_size, out);
  return out;
}

Tensor max_unpool3d_xpu(const Tensor& self, const Tensor& indices, IntArrayRef output_size,
                        IntArrayRef stride, IntArrayRef padding) {
  check_unpool3d(self, indices, output_size, stride, padding);
  auto out = at::empty({0}, self.options());
  unpool("max_unpooling3d_forward_out", self, indices, output_size, out);
  return out;
}

}  // namespace at::native
