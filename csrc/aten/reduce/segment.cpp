// Reductions of segments of different lengths.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_segment_reduce_backward_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/segment_reduce_native.h>
#include <ATen/ops/zeros.h>
#include <ATen/TensorOperators.h>
#include <ATen/WrapDimUtils.h>

#include "aten/kernel_table.h"
#include "kernels/segment_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;
using kernels::SegmentReduction;

SegmentReduction reduction_of(std::string_view name) {
  if (name == "sum") return SegmentReduction::sum;
  if (name == "mean") return SegmentReduction::mean;
  if (name == "max") return SegmentReduction::max;
  if (name == "min") return SegmentReduction::min;
  TORCH_CHECK(name == "prod", "segment_reduce: expected reduce to be sum, mean, max, min or prod, but got ",
              name);
  return SegmentReduction::prod;
}

// Where the segments begin and end, [..., segments + 1].
Tensor offsets_of(const Tensor& data, const std::optional<Tensor>& lengths,
                  const std::optional<Tensor>& offsets, std::int64_t axis, bool check) {
  const bool has_offsets = offsets.has_value() && offsets->defined();
  const bool has_lengths = lengths.has_value() && lengths->defined();
  TORCH_CHECK(has_offsets || has_lengths, "segment_reduce(): Either lengths or offsets must be defined.");
  const auto& given = has_offsets ? *offsets : *lengths;
  TORCH_CHECK(data.device() == given.device(),
              "segment_reduce(): expected data and segments on one device, but "
              "got ",
              data.device(), " and ", given.device());
  TORCH_CHECK(axis == given.dim() - 1,
              "segment_reduce(): Expected axis to be the last dimension of lengths or offsets but got ",
              axis);
  TORCH_CHECK(data.sizes().slice(0, axis) == given.sizes().slice(0, axis),
              "segment_reduce(): expected segments of shape ", data.sizes().slice(0, axis),
              " before the axis, but got ", given.sizes());
  if (has_offsets) return offsets->to(at::kLong).contiguous();
  const auto counts = lengths->to(at::kLong);
  if (check && counts.numel() > 0) {
    TORCH_CHECK(counts.min().item<std::int64_t>() >= 0, "lengths contains negative value!");
    TORCH_CHECK(counts.sum(-1).eq(data.size(axis)).all().item<bool>(),
                "segment_reduce(): Expected all rows of lengths along axis to sum to "
                "data.size(lengths.dim()-1) when !unsafe.");
  }
  auto shape = counts.sizes().vec();
  ++shape.back();
  auto result = at::zeros(shape, counts.options());
  result.narrow(-1, 1, shape.back() - 1).copy_(counts.cumsum(-1));
  return result;
}

kernels::SegmentParams params_for(const Tensor& data, const Tensor& offsets, std::int64_t axis,
                                  std::string_view reduce, const std::optional<c10::Scalar>& initial) {
  kernels::SegmentParams params{};
  params.data = data.const_data_ptr();
  params.offsets = offsets.const_data_ptr<std::int64_t>();
  params.outer = c10::multiply_integers(data.sizes().slice(0, axis));
  params.length = data.size(axis);
  params.inner = c10::multiply_integers(data.sizes().slice(axis + 1));
  params.segments = offsets.size(-1) - 1;
  params.reduction = reduction_of(reduce);
  params.has_initial = initial.has_value();
  params.initial = initial.has_value() ? initial->to<float>() : 0.f;
  return params;
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor segment_reduce_xpu(const Tensor& self, std::string_view reduce, const std::optional<Tensor>& lengths,
                          const std::optional<Tensor>& indices, const std::optional<Tensor>& offsets,
                          int64_t axis, bool unsafe, const std::optional<Scalar>& initial) {
  TORCH_CHECK(!indices.has_value() || !indices->defined(),
              "segment_reduce(): indices based reduction is not supported yet.");
  TORCH_CHECK_NOT_IMPLEMENTED(isFloatingType(self.scalar_type()), "\"segment_reduce\" not implemented for '",
                              self.scalar_type(), "'");
  axis = maybe_wrap_dim(axis, self.dim());
  const auto data = self.contiguous();
  const auto bounds = offsets_of(data, lengths, offsets, axis, !unsafe);
  auto params = params_for(data, bounds, axis, reduce, initial);
  auto shape = data.sizes().vec();
  shape[axis] = params.segments;
  auto output = at::empty(shape, data.options());
  params.output = output.mutable_data_ptr();
  static TypedKernel kernel{"segment", "segment_reduce"};
  auto& found = kernel.get("segment_reduce", data.scalar_type(), data.get_device());
  if (output.numel() > 0) launch(found, range_for(output.numel()), params);
  return output;
}

Tensor _segment_reduce_backward_xpu(const Tensor& grad, const Tensor& output, const Tensor& self,
                                    std::string_view reduce, const std::optional<Tensor>& lengths,
                                    const std::optional<Tensor>& offsets, int64_t axis,
                                    const std::optional<Scalar>& initial) {
  axis = maybe_wrap_dim(axis, self.dim());
  const auto data = self.contiguous(), gradient = grad.contiguous(), result = output.contiguous();
  const auto bounds = offsets_of(data, lengths, offsets, axis, false);
  auto params = params_for(data, bounds, axis, reduce, initial);
  auto data_gradient = at::zeros(data.sizes(), gradient.options());
  params.output = const_cast<void*>(result.const_data_ptr());
  params.gradient = gradient.const_data_ptr();
  params.data_gradient = data_gradient.mutable_data_ptr();
  static TypedKernel kernel{"segment", "segment_gradient"};
  auto& found = kernel.get("_segment_reduce_backward", data.scalar_type(), data.get_device());
  if (result.numel() > 0) launch(found, range_for(result.numel()), params);
  return data_gradient;
}

}  // namespace at::native
