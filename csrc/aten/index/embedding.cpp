#include "aten/index/embedding.h"

#include <ATen/ceil_div.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_unique2.h>
#include <ATen/ops/embedding_dense_backward_native.h>
#include <ATen/ops/embedding_renorm_native.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/TensorOperators.h>

#include <limits>

#include "aten/fault.h"
#include "aten/reduce/reduce.h"
#include "aten/sort/sort.h"
#include "kernels/embedding_params.hpp"

namespace ipex::aten {

void check_embedding_indices(const char* name, const at::Tensor& indices) {
  TORCH_CHECK(
      indices.scalar_type() == at::kLong || indices.scalar_type() == at::kInt, name,
      ": Expected tensor for argument #2 'indices' to have one of the following scalar types: Long, Int; but "
      "got ",
      indices.scalar_type(), " instead");
}

at::Tensor embedding_gradient(const char* name, const at::Tensor& gradient, const at::Tensor& indices,
                              std::int64_t rows, std::int64_t padding, bool average, const BagGradient& bag) {
  check_dtype(name, gradient.scalar_type());
  const auto columns = gradient.size(-1);
  auto out = at::zeros({rows, columns}, gradient.options());
  if (indices.numel() == 0 || out.numel() == 0) return out;
  // Narrow keys are sorted in fewer passes.
  const auto dtype = rows <= std::numeric_limits<std::int32_t>::max() ? at::kInt : at::kLong;
  const auto [sorted, places] = sort_rows(indices.reshape({1, -1}).to(dtype).contiguous(), false);
  kernels::EmbeddingGradientParams params;
  params.gradient = gradient.const_data_ptr();
  params.indices = sorted.const_data_ptr();
  params.places = places.const_data_ptr<std::int64_t>();
  params.output = out.mutable_data_ptr();
  params.fault = fault_for(name);
  params.count = indices.numel();
  params.columns = columns;
  params.rows = rows;
  params.padding = padding;
  params.average = average;
  params.bags = bag.bags.defined() ? bag.bags.const_data_ptr<std::int64_t>() : nullptr;
  params.bag_sizes = bag.sizes.defined() ? bag.sizes.const_data_ptr<std::int64_t>() : nullptr;
  params.weights = bag.weights.defined() ? bag.weights.const_data_ptr() : nullptr;
  const auto [kernel, range] =
      row_kernel("embedding_gradient", at::ceil_div(params.count, std::int64_t{kernels::embedding_chunk}));
  launch("embedding", instantiation(kernel, type_name(gradient.scalar_type()), type_name(dtype)), range,
         params);
  return out;
}

}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor embedding_dense_backward_xpu(const Tensor& gradient, const Tensor& indices, int64_t num_weights,
                                    int64_t padding_idx, bool scale_grad_by_freq) {
  check_embedding_indices("embedding_backward", indices);
  const auto rows = gradient.reshape({indices.numel(), gradient.size(-1)}).contiguous();
  return embedding_gradient("embedding_backward", rows, indices, num_weights, padding_idx,
                            scale_grad_by_freq);
}

Tensor& embedding_renorm__xpu(Tensor& self, const Tensor& indices, double max_norm, double norm_type) {
  TORCH_CHECK(self.dim() == 2, "Expected 2-dimensional tensor, but got ", self.dim(),
              "-dimensional tensor for argument #1 'self' (while checking arguments for embedding_renorm_)");
  check_embedding_indices("embedding_renorm_", indices);
  if (indices.numel() == 0) return self;
  const auto used = std::get<0>(at::_unique2(indices.reshape(-1)));
  const auto rows = self.index_select(0, used);
  const auto norms = rows.norm(norm_type, IntArrayRef{1}, true);
  const auto scale =
      at::where(norms > max_norm, max_norm / (norms + 1e-7), at::scalar_tensor(1, norms.options()));
  return self.index_copy_(0, used.to(kLong), rows * scale);
}

}  // namespace at::native
