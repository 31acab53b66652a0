#include "aten/index/indexed.h"

#include <ATen/Context.h>

#include <cstring>

#include "aten/elements.h"
#include "aten/fault.h"
#include "aten/reduce/reduce.h"

namespace ipex::aten {

namespace {

constexpr const char* visits[] = {"Visits::lanes", "Visits::slices"};

// One kernel for each way of visiting.
OpaqueKernel get_kernels[] = {{"index", "index_get", visits[0]}, {"index", "index_get", visits[1]}};
OpaqueKernel fill_kernels[] = {{"index", "index_fill", visits[0]}, {"index", "index_fill", visits[1]}};
OpaqueKernel put_kernels[] = {{"index", "index_put", visits[0]}, {"index", "index_put", visits[1]}};
#define UPDATE_KERNELS(operation)                                                                      \
  {                                                                                                    \
    {"index", "index_update", operation, visits[0]}, { "index", "index_update", operation, visits[1] } \
  }
TypedKernel update_kernels[][2] = {UPDATE_KERNELS("op::sum"), UPDATE_KERNELS("op::prod"),
                                   UPDATE_KERNELS("op::amax"), UPDATE_KERNELS("op::amin")};
#undef UPDATE_KERNELS

Visits visits_of_device() { return walks_alone() ? Visits::slices : Visits::lanes; }

// For kernels whose result depends on the order.
bool writes_in_order() { return at::globalContext().deterministicAlgorithms(); }
Visits visits_of_writes() { return writes_in_order() ? Visits::slices : visits_of_device(); }

IndexKernel opaque_kernel(OpaqueKernel* kernels, Visits how, const at::Tensor& tensor,
                          bool in_order = false) {
  return {kernels[static_cast<int>(how)].get(tensor.element_size(), tensor.device().index()), how, in_order};
}

Walk walk_of(const Elements& elements, IndexKernel kernel) {
  if (kernel.in_order) return {};
  auto walk = walk_along_longest(elements);
  if (kernel.visits == Visits::slices && elements.dims() > 1) {
    constexpr std::int64_t most_steps = 16;
    walk.step = walk.row == 0 ? 1 : 0;
    const auto rows = elements.shape[walk.step];
    const auto each = rows / single_range(rows, 1).groups;
    walk.steps = divisor_of(rows, std::min(each, most_steps));
  }
  return walk;
}

void launch_part(const Elements& elements, kernels::IndexParams& params, IndexKernel kernel) {
  const auto walk = walk_of(elements, kernel);
  Range range;
  if (!set_grid(elements, walk, params.grid, range)) {
    for (const auto& part : split(elements, walk)) launch_part(part, params, kernel);
    return;
  }
  params.groups = static_cast<std::uint32_t>(range.groups);
  params.width = static_cast<std::uint32_t>(range.group_size);
  if (kernel.visits == Visits::slices) range = kernel.in_order ? Range{1, 1} : single_range(range.groups, 1);
  launch(kernel.kernel, range, params);
}

// Output, input and first index tensor; without an input the output stands in for it.
Elements elements_of(const at::TensorIteratorBase& iterator, int inputs) {
  Elements elements(iterator, 1);
  elements.operands = 3;
  int operand = 1;
  for (const int source : {inputs > 0 ? 1 : 0, 1 + inputs}) {
    elements.data[operand] = static_cast<char*>(iterator.data_ptr(source));
    elements.strides[operand] = iterator.strides(source);
    elements.element_size[operand++] = static_cast<std::int64_t>(iterator.element_size(source));
  }
  return elements;
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
                    c10::ArrayRef<Selected> selected, Negative negative, IndexKernel kernel,
                    const void* value) {
  if (iterator.numel() == 0) return;
  TORCH_CHECK_NOT_IMPLEMENTED(selected.size() <= kernels::index_max_indices, name, ": at most ",
                              kernels::index_max_indices, " index tensors are supported, got ",
                              selected.size());
  if (strides_differ(iterator, 1 + inputs)) {
    auto aligned = with_contiguous_indices(iterator, 1 + inputs);
    return launch_indexed(name, aligned, inputs, selected, negative, kernel, value);
  }
  kernels::IndexParams params;
  params.fault = fault_for(name);
  params.indices = static_cast<int>(selected.size());
  params.lowest = negative == Negative::wraps ? -1 : 0;
  const auto* first = static_cast<const char*>(iterator.data_ptr(1 + inputs));
  for (int k = 0; k < params.indices; ++k) {
    const auto* index = static_cast<const char*>(iterator.data_ptr(1 + inputs + k));
    params.indexed[k] = {index - first, selected[k].size, selected[k].stride};
  }
  if (value != nullptr) std::memcpy(params.value, value, sizeof(params.value));
  launch_part(elements_of(iterator, inputs), params, kernel);
}

IndexKernel get_kernel(const at::Tensor& input) {
  return opaque_kernel(get_kernels, visits_of_device(), input);
}

IndexKernel fill_kernel(const at::Tensor& output) {
  return opaque_kernel(fill_kernels, visits_of_device(), output);
}

IndexKernel put_kernel(const at::Tensor& output) {
  return opaque_kernel(put_kernels, visits_of_writes(), output, writes_in_order());
}

IndexKernel update_kernel(const char* name, Update update, const at::Tensor& output) {
  const auto dtype = output.scalar_type();
  TORCH_CHECK_NOT_IMPLEMENTED(update == Update::sum || !c10::isComplexType(dtype), '"', name,
                              "\" not implemented for '", dtype, "'");
  const auto how = visits_of_writes();
  auto& kernels = update_kernels[static_cast<int>(update)];
  return {kernels[static_cast<int>(how)].get(name, dtype, output.device().index()), how, writes_in_order()};
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
