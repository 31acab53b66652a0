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
#include "aten/kernel_table.h"
#include "aten/sort.h"
#include "kernels/embedding_params.hpp"

namespace ipex::aten {
namespace {

void check_indices(const char* name, const at::Tensor& indices) {
  TORCH_CHECK(
      indices.scalar_type() == at::kLong || indices.scalar_type() == at::kInt, name,
      ": Expected tensor for argument #2 'indices' to have one of the following scalar types: Long, Int; but "
      "got ",
      indices.scalar_type(), " instead");
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor embedding_dense_backward_xpu(const Tensor& gradient, const Tensor& indices, int64_t num_weights,
                                    int64_t padding_idx, bool scale_grad_by_freq) {
  check_indices("embedding_backward", indices);
  check_dtype("embedding_backward", gradient.scalar_type());
  const auto columns = gradient.size(-1);
  auto out = at::zeros({num_weights, columns}, gradient.options());
  if (indices.numel() == 0 || out.numel() == 0) return out;
  const auto rows = gradient.reshape({indices.numel(), columns}).contiguous();
  // Narrow keys are sorted in fewer passes.
  const auto dtype = num_weights <= std::numeric_limits<int32_t>::max() ? kInt : kLong;
  const auto [sorted, places] = sort_rows(indices.reshape({1, -1}).to(dtype).contiguous(), false);
  ipex::kernels::EmbeddingGradientParams params;
  params.gradient = rows.const_data_ptr();
  params.indices = sorted.const_data_ptr();
  params.places = places.const_data_ptr<int64_t>();
  params.output = out.mutable_data_ptr();
  params.fault = fault_for("embedding_backward");
  params.count = indices.numel();
  params.columns = columns;
  params.rows = num_weights;
  params.padding = padding_idx;
  params.average = scale_grad_by_freq;
  const auto chunks = (params.count + ipex::kernels::embedding_chunk - 1) / ipex::kernels::embedding_chunk;
  launch("embedding",
         instantiation("embedding_gradient", type_name(gradient.scalar_type()), type_name(dtype)),
         range_for(chunks * columns), params);
  return out;
}

Tensor& embedding_renorm__xpu(Tensor& self, const Tensor& indices, double max_norm, double norm_type) {
  TORCH_CHECK(self.dim() == 2, "Expected 2-dimensional tensor, but got ", self.dim(),
              "-dimensional tensor for argument #1 'self' (while checking arguments for embedding_renorm_)");
  check_indices("embedding_renorm_", indices);
  if (indices.numel() == 0) return self;
  const auto used = std::get<0>(at::_unique2(indices.reshape(-1)));
  const auto rows = self.index_select(0, used);
  const auto norms = rows.norm(norm_type, IntArrayRef{1}, true);
  const auto scale =
      at::where(norms > max_norm, max_norm / (norms + 1e-7), at::scalar_tensor(1, norms.options()));
  return self.index_copy_(0, used.to(kLong), rows * scale);
}

}  // namespace at::native
