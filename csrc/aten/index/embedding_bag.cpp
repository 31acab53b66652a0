// Embeddings summed, averaged or compared in bags. Bags that are not consecutive parts of the indices are
// reported when the device is waited for, as indices out of range are.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_embedding_bag_dense_backward_native.h>
#include <ATen/ops/_embedding_bag_forward_only_native.h>
#include <ATen/ops/_embedding_bag_native.h>
#include <ATen/ops/_embedding_bag_per_sample_weights_backward_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/TensorOperators.h>

#include "aten/fault.h"
#include "aten/index/embedding.h"
#include "aten/kernel_table.h"
#include "aten/reduce/reduce.h"
#include "kernels/embedding_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using kernels::BagMode;

TypedKernel bag_kernel{"embedding", "embedding_bag"};
TypedKernel weights_gradient_kernel{"embedding", "embedding_bag_weights_gradient"};

at::Tensor contiguous_int64(const at::Tensor& tensor) { return tensor.to(at::kLong).contiguous(); }

void check_arguments(const at::Tensor& table, const at::Tensor& indices, const at::Tensor& offsets,
                     std::int64_t mode, const at::Tensor& weights, bool include_last_offset) {
  constexpr auto name = "embedding_bag";
  check_embedding_indices(name, indices);
  TORCH_CHECK(offsets.scalar_type() == at::kLong || offsets.scalar_type() == at::kInt, name,
              ": Expected tensor for argument #1 'offsets' to have one of the following scalar types: Long, "
              "Int; but got ",
              offsets.scalar_type(), " instead");
  TORCH_CHECK(indices.dim() == 1 && offsets.dim() == 1,
              "input has to be a 1D or 2D Tensor, and offsets has "
              "to be a 1D Tensor, but got ",
              indices.sizes(), " and ", offsets.sizes());
  TORCH_CHECK(table.dim() == 2, name, ": Expected weight to be a 2D Tensor, but got ", table.sizes());
  TORCH_CHECK(at::isFloatingType(table.scalar_type()), name,
              ": Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, "
              "BFloat16, Float, Double; but got ",
              table.scalar_type(), " instead");
  TORCH_CHECK(mode >= 0 && mode <= 2, name, ": unknown mode ", mode);
  TORCH_CHECK(!include_last_offset || offsets.size(0) >= 1,
              "include_last_offset: number of offset should be at least 1");
  if (!weights.defined()) return;
  TORCH_CHECK(mode == 0, name, "(): per_sample_weights only supported with mode='sum'");
  TORCH_CHECK(weights.scalar_type() == table.scalar_type(),
              "expected per_sample_weights to have the same dtype as weight, ", table.scalar_type(),
              ", but got ", weights.scalar_type());
  TORCH_CHECK(weights.dim() == 1 && weights.numel() == indices.numel(),
              "expected per_sample_weights to be a 1D Tensor with as many elements as there are indices (",
              indices.numel(), "), but got ", weights.sizes());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> embedding_bag(
    const at::Tensor& table, const at::Tensor& indices, const at::Tensor& offsets, std::int64_t mode,
    const std::optional<at::Tensor>& sample_weights, bool include_last_offset, std::int64_t padding) {
  const auto weights = sample_weights.value_or(at::Tensor());
  check_arguments(table, indices, offsets, mode, weights, include_last_offset);
  const auto bags = offsets.size(0) - (include_last_offset ? 1 : 0), columns = table.size(1);
  const auto dtype = indices.scalar_type();
  const auto places = table.options().dtype(at::kLong);
  auto out = at::empty({bags, columns}, table.options());
  // Indices before the first bag or after the last belong to none; they are reported.
  auto index_bags = at::zeros({indices.numel()}, places), bag_sizes = at::zeros({bags}, places);
  const bool is_max = mode == static_cast<std::int64_t>(BagMode::max);
  auto max_indices = is_max ? at::empty({bags, columns}, places) : at::empty({0}, places);
  if (bags > 0 && columns > 0) {
    const auto index = contiguous_int64(indices), offset = contiguous_int64(offsets);
    const auto weight = weights.defined() ? weights.contiguous() : weights;
    kernels::EmbeddingBagParams params;
    params.table = table.const_data_ptr();
    params.rows = table.size(0);
    params.columns = columns;
    params.row_stride = table.stride(0);
    params.column_stride = table.stride(1);
    params.indices = index.const_data_ptr<std::int64_t>();
    params.count = index.numel();
    params.offsets = offset.const_data_ptr<std::int64_t>();
    params.offset_count = offset.numel();
    params.weights = weight.defined() ? weight.const_data_ptr() : nullptr;
    params.padding = padding;
    params.mode = static_cast<BagMode>(mode);
    params.fault = fault_for("embedding_bag");
    params.output = out.mutable_data_ptr();
    params.index_bags = index_bags.mutable_data_ptr<std::int64_t>();
    params.bag_sizes = bag_sizes.mutable_data_ptr<std::int64_t>();
    params.max_indices = is_max ? max_indices.mutable_data_ptr<std::int64_t>() : nullptr;
    const std::int64_t widest = runtime::device_limits().is_cpu ? 2048 : 256;
    const auto slices = (columns + widest - 1) / widest, lanes = (columns + slices - 1) / slices;
    params.slices = kernels::Divider(static_cast<std::uint32_t>(slices));
    launch(bag_kernel.get("embedding_bag", table.scalar_type(), table.device().index()),
           {bags * slices, lanes}, params);
  }
  return {out, index_bags.to(dtype), bag_sizes.to(dtype), max_indices.to(dtype)};
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor, Tensor, Tensor> _embedding_bag_xpu(const Tensor& weight, const Tensor& indices,
                                                              const Tensor& offsets, bool, int64_t mode, bool,
                                                              const std::optional<Tensor>& per_sample_weights,
                                                              bool include_last_offset, int64_t padding_idx) {
  return ipex::aten::embedding_bag(weight, indices, offsets, mode, per_sample_weights, include_last_offset,
                                   padding_idx);
}

std::tuple<Tensor, Tensor, Tensor, Tensor> _embedding_bag_forward_only_xpu(
    const Tensor& weight, const Tensor& indices, const Tensor& offsets, bool, int64_t mode, bool,
    const std::optional<Tensor>& per_sample_weights, bool include_last_offset, int64_t padding_idx) {
  return ipex::aten::embedding_bag(weight, indices, offsets, mode, per_sample_weights, include_last_offset,
                                   padding_idx);
}

Tensor _embedding_bag_dense_backward_xpu(const Tensor& grad, const Tensor& indices, const Tensor& offset2bag,
                                         const Tensor& bag_size, const Tensor& maximum_indices,
                                         int64_t num_weights, bool scale_grad_by_freq, int64_t mode,
                                         const std::optional<Tensor>& per_sample_weights,
                                         int64_t padding_idx) {
  const auto gradient = grad.contiguous();
  if (mode == static_cast<int64_t>(BagMode::max)) {
    // An empty bag has no largest element.
    const auto wanted = gradient.masked_fill((bag_size == 0).unsqueeze(1), 0);
    return at::zeros({num_weights, grad.size(1)}, grad.options())
        .scatter_add_(0, maximum_indices.to(kLong), wanted);
  }
  BagGradient bag;
  bag.bags = contiguous_int64(offset2bag);
  if (mode == static_cast<int64_t>(BagMode::mean)) bag.sizes = contiguous_int64(bag_size);
  if (per_sample_weights && per_sample_weights->defined()) bag.weights = per_sample_weights->contiguous();
  return embedding_gradient("embedding_bag_backward", gradient, indices, num_weights, padding_idx,
                            scale_grad_by_freq, bag);
}

Tensor _embedding_bag_per_sample_weights_backward_xpu(const Tensor& grad, const Tensor& weight,
                                                      const Tensor& indices, const Tensor&,
                                                      const Tensor& offset2bag, int64_t mode,
                                                      int64_t padding_idx) {
  TORCH_CHECK(mode == static_cast<int64_t>(BagMode::sum),
              "embedding_bag_backward: per_sample_weights only supported for mode='sum'");
  TORCH_CHECK(grad.dim() == 2 && weight.dim() == 2 && weight.size(1) == grad.size(1) &&
                  offset2bag.numel() == indices.numel() && weight.scalar_type() == grad.scalar_type(),
              "embedding_bag_backward: sizes or dtypes of grad ", grad.sizes(), ", weight ", weight.sizes(),
              " and indices ", indices.sizes(), " do not match");
  auto out = at::empty({indices.numel()}, grad.options());
  if (out.numel() == 0) return out;
  const auto gradient = grad.contiguous(), index = contiguous_int64(indices),
             bags = contiguous_int64(offset2bag);
  ipex::kernels::BagWeightsGradientParams params;
  params.table = weight.const_data_ptr();
  params.rows = weight.size(0);
  params.columns = weight.size(1);
  params.row_stride = weight.stride(0);
  params.column_stride = weight.stride(1);
  params.gradient = gradient.const_data_ptr();
  params.indices = index.const_data_ptr<int64_t>();
  params.index_bags = bags.const_data_ptr<int64_t>();
  params.count = index.numel();
  params.padding = padding_idx;
  params.output = out.mutable_data_ptr();
  launch(weights_gradient_kernel.get("embedding_bag_backward", grad.scalar_type(), grad.device().index()),
         sub_group_range(params.count), params);
  return out;
}

}  // namespace at::native
