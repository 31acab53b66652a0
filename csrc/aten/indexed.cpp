#include "aten/indexed.h"

#include <ATen/Context.h>

#include <cstring>

#include "aten/fault.h"

namespace ipex::aten {

OpaqueKernel index_get{"index", "index_get"};
OpaqueKernel index_put{"index", "index_put"};
OpaqueKernel index_fill{"index", "index_fill"};

namespace {

TypedKernel update_kernels[] = {{"index", "index_update", "op::sum"},
                                {"index", "index_update", "op::prod"},
                                {"index", "index_update", "op::amax"},
                                {"index", "index_update", "op::amin"}};

void launch_part(at::TensorIteratorBase& iterator, int inputs, kernels::IndexParams& params,
                 jit::Kernel& kernel, Order order) {
  if (!iterator.can_use_32bit_indexing()) {
    for (auto& part : iterator.with_32bit_indexing()) launch_part(part, inputs, params, kernel, order);
    return;
  }
  const int dims = iterator.ndim();
  if (dims > kernels::index_max_dims) {
    for (std::int64_t index = 0; index < iterator.shape()[dims - 1]; ++index) {
      at::TensorIterator part(iterator);
      part.narrow(dims - 1, index, 1);
      launch_part(part, inputs, params, kernel, order);
    }
    return;
  }
  params.output = static_cast<char*>(iterator.data_ptr(0));
  params.input = inputs > 0 ? static_cast<const char*>(iterator.data_ptr(1)) : nullptr;
  for (int k = 0; k < params.indices; ++k)
    params.indexed[k].index = static_cast<const std::int64_t*>(iterator.data_ptr(1 + inputs + k));
  params.numel = static_cast<std::uint32_t>(iterator.numel());
  params.dims = dims;
  for (int d = 0; d < dims; ++d) {
    const auto stride = [&](int operand) { return static_cast<std::int32_t>(iterator.strides(operand)[d]); };
    params.sizes[d] = kernels::Divider(static_cast<std::uint32_t>(iterator.shape()[d]));
    params.strides[d][0] = stride(0);
    params.strides[d][1] = inputs > 0 ? stride(1) : 0;
    params.strides[d][2] = params.indices > 0 ? stride(1 + inputs) : 0;
  }
  if (order == Order::sequential) {
    params.items = params.numel;
    launch(kernel, {1, 1}, params);
  } else {
    params.items = kernels::index_items;
    launch(kernel, range_for((params.numel + kernels::index_items - 1) / kernels::index_items), params);
  }
}

// The kernels walk all index tensors with the strides of the first.
bool strides_differ(const at::TensorIteratorBase& iterator, int first) {
  for (int operand = first + 1; operand < iterator.ntensors(); ++operand)
    if (iterator.strides(operand) != iterator.strides(first)) return true;
  return false;
}

at::TensorIterator with_contiguous_indices(const at::TensorIteratorBase& iterator, int first) {
  at::TensorIteratorConfig config;
  config.set_check_mem_overlap(false).check_all_same_dtype(false).resize_outputs(false);
  config.add_owned_output(iterator.tensor(0));
  for (int operand = 1; operand < iterator.ntensors(); ++operand) {
    const auto& tensor = iterator.tensor(operand);
    config.add_owned_const_input(operand < first ? tensor : tensor.contiguous());
  }
  return config.build();
}

}  // namespace

void launch_indexed(const char* name, at::TensorIteratorBase& iterator, int inputs,
                    c10::ArrayRef<Selected> selected, Negative negative, jit::Kernel& kernel,
                    const void* value, Order order) {
  if (iterator.numel() == 0) return;
  TORCH_CHECK_NOT_IMPLEMENTED(selected.size() <= kernels::index_max_indices, name, ": at most ",
                              kernels::index_max_indices, " index tensors are supported, got ",
                              selected.size());
  if (strides_differ(iterator, 1 + inputs)) {
    auto aligned = with_contiguous_indices(iterator, 1 + inputs);
    return launch_indexed(name, aligned, inputs, selected, negative, kernel, value, order);
  }
  kernels::IndexParams params;
  params.fault = fault_for(name);
  params.indices = static_cast<int>(selected.size());
  params.lowest = negative == Negative::wraps ? -1 : 0;
  for (int k = 0; k < params.indices; ++k) {
    params.indexed[k].size = selected[k].size;
    params.indexed[k].stride = selected[k].stride;
  }
  if (value != nullptr) std::memcpy(params.value, value, sizeof(params.value));
  launch_part(iterator, inputs, params, kernel, order);
}

Order order_of_writes() {
  return at::globalContext().deterministicAlgorithms() ? Order::sequential : Order::any;
}

jit::Kernel& update_kernel(const char* name, Update update, c10::ScalarType dtype, int device) {
  TORCH_CHECK_NOT_IMPLEMENTED(update == Update::sum || !c10::isComplexType(dtype), '"', name,
                              "\" not implemented for '", dtype, "'");
  return update_kernels[static_cast<int>(update)].get(name, dtype, device);
}

at::Tensor fixed_along(const at::Tensor& tensor, std::int64_t dim, c10::IntArrayRef sizes) {
  auto strides = tensor.strides().vec();
  strides[dim] = 0;
  return tensor.as_strided(sizes, strides);
}

Selected selected_along(const at::Tensor& tensor, std::int64_t dim) {
  return {tensor.size(dim), tensor.stride(dim) * static_cast<std::int64_t>(tensor.element_size())};
}

at::Tensor along(const at::Tensor& vector, std::int64_t dim, std::int64_t dims) {
  std::vector<std::int64_t> sizes(dims, 1), strides(dims, 0);
  sizes[dim] = vector.numel();
  strides[dim] = vector.dim() == 0 ? 1 : vector.stride(0);
  return vector.as_strided(sizes, strides);
}

at::Tensor as_int64(const at::Tensor& index) { return index.to(at::kLong); }

at::Tensor at_least_1d(const at::Tensor& tensor) { return tensor.dim() == 0 ? tensor.unsqueeze(0) : tensor; }

}  // namespace ipex::aten
