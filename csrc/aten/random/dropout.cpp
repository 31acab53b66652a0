#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_dropout_backward_native.h>
#include <ATen/ops/native_dropout_native.h>
#include <ATen/ops/ones_like.h>

#include "aten/elementwise_rows.h"
#include "aten/random/random.h"

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor> native_dropout_xpu(const Tensor& input, double p, std::optional<bool> train) {
  TORCH_CHECK(p >= 0 && p <= 1, "native_dropout: expected p to be in [0, 1], but got ", p);
  const auto mask_options = input.options().dtype(kBool);
  if (!train.value_or(true)) return {input.clone(), at::ones_like(input, mask_options)};
  const auto dense = input.is_non_overlapping_and_dense() ? input : input.contiguous();
  auto output = at::empty_like(dense);
  auto mask = at::empty_like(dense, mask_options);
  if (input.numel() == 0) return {output, mask};
  TORCH_CHECK_NOT_IMPLEMENTED(isFloatingType(input.scalar_type()), "\"native_dropout\" not implemented for '",
                              input.scalar_type(), "'");
  check_dtype("native_dropout", input.scalar_type());
  ipex::kernels::DropoutParams params{dense.const_data_ptr(),
                                      output.mutable_data_ptr(),
                                      mask.mutable_data_ptr<bool>(),
                                      dense.numel(),
                                      reserve_random(std::nullopt, input.device()),
                                      random_threshold(1 - p),
                                      p == 1 ? 0.f : static_cast<float>(1 / (1 - p))};
  launch("random", instantiation("random_dropout", type_name(input.scalar_type())),
         random_range(params.numel, 4), params);
  return {output, mask};
}

Tensor native_dropout_backward_xpu(const Tensor& gradient, const Tensor& mask, double scale) {
  TORCH_CHECK(mask.scalar_type() == kBool, "Mask should be Bool Scalar Type", mask.scalar_type());
  auto output = at::empty_like(gradient);
  auto iterator = TensorIteratorConfig()
                      .check_all_same_dtype(false)
                      .add_output(output)
                      .add_const_input(mask)
                      .add_const_input(gradient)
                      .build();
  elementwise(iterator, rows::dropout_backward, {scale});
  return output;
}

}  // namespace at::native
