#include "aten/reduce/reduce.h"

#include <ATen/ceil_div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <numeric>

#include "aten/dtypes.h"
#include "aten/pointwise/elementwise.h"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using kernels::ReduceDims;
using kernels::ReduceParams;

// The sub-group size that work is planned for; kernels are correct with any.
constexpr std::int64_t lanes = 16;
// A chain sums at most about this many elements before partial results are joined as a tree.
constexpr std::int64_t longest_chain = 256;

// Elements that the caches of a core do not hold, and so many that a job is worth its start.
constexpr std::int64_t uncached = 1 << 19;
constexpr std::int64_t shortest_run = 1024;

// The operations that reduce_packs.hpp computes, of floating elements.
constexpr std::string_view packed_operations[] = {"sum",
                                                  "mean",
                                                  "nansum",
                                                  "prod",
                                                  "amax",
                                                  "amin",
                                                  "norm_one",
                                                  "norm_two",
                                                  "norm_max",
                                                  "norm_min",
                                                  "variance",
                                                  "deviation",
                                                  "dot",
                                                  "softmax_statistics",
                                                  "log_softmax_statistics",
                                                  "row_gradients",
                                                  "channel_gradients"};

std::atomic<bool> only_sub_groups{false};

struct Dim {
  std::int64_t size, input, output;
};

// Neighbours in memory first, and dimensions that continue one another as one.
std::vector<Dim> simplify(std::vector<Dim> dims) {
  const auto order = [](const Dim& dim) { return dim.input == 0 ? INT64_MAX : dim.input; };
  std::stable_sort(dims.begin(), dims.end(), [&](const Dim& a, const Dim& b) { return order(a) < order(b); });
  std::vector<Dim> result;
  for (const auto& dim : dims) {
    if (!result.empty() && dim.input == result.back().size * result.back().input &&
        dim.output == result.back().size * result.back().output) {
      result.back().size *= dim.size;
    } else {
      result.push_back(dim);
    }
  }
  return result;
}

bool store_dims(const std::vector<Dim>& dims, ReduceDims& result) {
  for (const auto& dim : dims) result.numel *= dim.size;
  if (result.numel == 0) return true;
  if (dims.size() > kernels::reduce_max_dims || (dims.size() > 1 && result.numel > INT32_MAX)) return false;
  result.count = static_cast<int>(dims.size());
  for (int d = 0; d < result.count; ++d) {
    result.sizes[d] = dims[d].size;
    result.input[d] = dims[d].input;
    result.output[d] = dims[d].output;
    if (result.count > 1) result.dividers[d] = kernels::Divider(static_cast<std::uint32_t>(dims[d].size));
  }
  return true;
}

// False if the tensors have more dimensions, or more elements in several, than the kernels take.
bool set_geometry(const at::Tensor& input, const at::Tensor& output, const DimMask& mask,
                  ReduceParams& params) {
  std::vector<Dim> kept, reduced;
  for (std::int64_t d = 0; d < input.dim(); ++d) {
    if (input.size(d) == 1) continue;
    if (mask[d]) {
      reduced.push_back({input.size(d), input.stride(d), 0});
    } else {
      // Nothing is read of an empty input, and no copy would mend its strides.
      const auto stride = input.numel() == 0 ? output.stride(d) : input.stride(d);
      kept.push_back({input.size(d), stride, output.stride(d)});
    }
  }
  return store_dims(simplify(kept), params.kept) && store_dims(simplify(reduced), params.reduced);
}

std::int64_t stride_of(const ReduceDims& dims) { return dims.count == 0 ? 0 : dims.input[0]; }

// Whether neighbouring work-items should take elements of one result, rather than neighbouring results.
bool is_inner(const ReduceParams& params, std::int64_t wanted_jobs) {
  const auto& kept = params.kept;
  const auto& reduced = params.reduced;
  if (kept.numel == 1) return true;
  if (stride_of(reduced) == 1) return reduced.numel >= 2 * lanes;
  if (stride_of(kept) == 1 && kept.sizes[0] >= lanes / 2) return false;
  return kept.numel < wanted_jobs * lanes && reduced.numel >= lanes;
}

// What a sub-group, or a work-item that folds packs, takes at a time: how many there are for each chunk.
std::int64_t jobs_of(bool inner, bool packs, const ReduceParams& params) {
  if (inner) return params.kept.numel;
  if (!packs) return at::ceil_div(params.kept.numel, lanes);
  return at::ceil_div(params.kept.numel, lanes * kernels::reduce_tile_packs);
}

// Whether a CPU folds packs: where the elements of a pack follow each other.
bool folds_packs(const Reduction& reduction, bool inner, c10::ScalarType input, const ReduceParams& params) {
  if (!c10::isFloatingType(input) || !c10::isFloatingType(reduction.compute)) return false;
  if (!reduction.arguments.empty() || params.reduced.numel == 0) return false;
  if (reduction.module != "reduce") return false;
  const auto& names = packed_operations;
  if (std::find(std::begin(names), std::end(names), reduction.operation) == std::end(names)) return false;
  const auto& together = inner ? params.reduced : params.kept;
  return together.count > 0 && together.input[0] == 1 && together.sizes[0] >= (inner ? 2 : 1) * lanes;
}

// Splits the reduced elements: so many that the device is busy, and no chain gets too long.
void set_chunks(bool inner, bool packs, std::int64_t wanted_jobs, bool is_cpu, ReduceParams& params) {
  const std::int64_t reduced = params.reduced.numel;
  const std::int64_t together = inner ? lanes * kernels::reduce_chains : 1;
  const std::int64_t jobs = jobs_of(inner, packs, params);
  const std::int64_t fewest = inner ? (is_cpu ? 1 << 15 : 1 << 11) : (is_cpu ? 256 : 32);
  const std::int64_t wanted = std::min(at::ceil_div(wanted_jobs, jobs), reduced / fewest);
  const std::int64_t chunks =
      std::max({wanted, at::ceil_div(reduced, longest_chain * together), std::int64_t{1}});
  params.chunk = at::ceil_div(at::ceil_div(reduced, chunks), together) * together;
  if (inner && packs && params.reduced.count > 1 && params.kept.numel * reduced >= uncached) {
    // Whole rows, few enough that the memory is read from one end to the other; long ones stay cut.
    const auto row = params.reduced.sizes[0];
    params.chunk = std::min(params.chunk, at::ceil_div(shortest_run, row) * row);
  }
  params.chunk = std::max<std::int64_t>(params.chunk, 1);
  params.chunks = std::max<std::int64_t>(at::ceil_div(reduced, params.chunk), 1);
}

// Each row that is read side by side with others in a page of its own: processors follow one sequence of
// addresses in a page, and fetch ahead what comes next.
std::int64_t rows_apart(const ReduceParams& params, std::int64_t element_size) {
  constexpr std::int64_t page = 4096;
  if (params.reduced.count != 1) return 1;
  const std::int64_t row = std::abs(params.reduced.input[0]) * element_size;
  return row == 0 ? 1 : std::max<std::int64_t>(page / row, 1);
}

std::string kernel_name(std::string_view kernel, const Reduction& reduction, const c10::ScalarType* input,
                        at::ArrayRef<at::Tensor> outputs) {
  std::string text{kernel};
  text.append("<")
      .append(reduction.scope)
      .append(reduction.operation)
      .append("<")
      .append(reduction.arguments);
  text.append(type_name(opmath_dtype(reduction.compute))).append(">");
  if (input != nullptr) text.append(",").append(type_name(*input));
  for (const auto& output : outputs) text.append(",").append(type_name(output.scalar_type()));
  return text.append(">");
}

std::string packs_kernel_name(bool inner, const Reduction& reduction, c10::ScalarType input,
                              at::ArrayRef<at::Tensor> outputs) {
  std::string text = inner ? "reduce_inner_packs<op::" : "reduce_outer_packs<op::";
  text.append(reduction.operation).append(",").append(type_name(opmath_dtype(reduction.compute)));
  text.append(",").append(type_name(input));
  for (const auto& output : outputs) text.append(",").append(type_name(output.scalar_type()));
  return text.append(">");
}

void reduce_aligned(const Reduction& reduction, at::ArrayRef<at::Tensor> inputs,
                    at::ArrayRef<at::Tensor> outputs, const DimMask& mask);

// What the kernels cannot follow: brings the kept ones and the reduced ones together.
void reduce_simplified(const Reduction& reduction, at::ArrayRef<at::Tensor> inputs,
                       at::ArrayRef<at::Tensor> outputs, const DimMask& mask) {
  std::vector<std::int64_t> order(inputs[0].dim());
  std::iota(order.begin(), order.end(), 0);
  const auto split = std::stable_partition(order.begin(), order.end(), [&](auto d) { return !mask[d]; });
  DimMask last;
  for (auto d = split - order.begin(); d < inputs[0].dim(); ++d) last.set(d);
  std::vector<at::Tensor> simple, results;
  for (const auto& input : inputs) simple.push_back(input.permute(order).contiguous());
  for (const auto& output : outputs) {
    results.push_back(at::empty_like(output.permute(order), at::MemoryFormat::Contiguous));
  }
  reduce_aligned(reduction, simple, results, last);
  for (std::size_t k = 0; k < outputs.size(); ++k) outputs[k].permute(order).copy_(results[k]);
}

// Writes to outputs that share strides.
void reduce_aligned(const Reduction& reduction, at::ArrayRef<at::Tensor> inputs,
                    at::ArrayRef<at::Tensor> outputs, const DimMask& mask) {
  ReduceParams params{};
  if (!set_geometry(inputs[0], outputs[0], mask, params)) {
    return reduce_simplified(reduction, inputs, outputs, mask);
  }
  for (std::size_t k = 0; k < inputs.size(); ++k) params.inputs[k] = inputs[k].const_data_ptr();
  for (std::size_t k = 0; k < outputs.size(); ++k) params.outputs[k] = outputs[k].mutable_data_ptr();
  std::copy(reduction.context.begin(), reduction.context.end(), params.context);
  std::copy(reduction.integers.begin(), reduction.integers.end(), params.integers);
  store_scalars(reduction.compute, reduction.scalars, params.scalars);
  if (reduction.fault) std::memcpy(params.scalars, &*reduction.fault, sizeof *reduction.fault);

  const auto& limits = runtime::device_limits();
  const std::int64_t wanted_jobs = std::int64_t{limits.compute_units} * (limits.is_cpu ? 4 : 8);
  const bool inner = is_inner(params, wanted_jobs);
  const auto input = inputs[0].scalar_type();
  const bool packs = walks_alone() && folds_packs(reduction, inner, input, params);
  set_chunks(inner, packs, wanted_jobs, limits.is_cpu, params);
  if (packs && !inner) params.rows_apart = rows_apart(params, inputs[0].element_size());
  at::Tensor partials;
  if (params.chunks > 1) {
    const auto bytes =
        params.kept.numel * params.chunks * static_cast<std::int64_t>(kernels::reduce_partial_bytes);
    partials = at::empty({bytes}, inputs[0].options().dtype(c10::kByte));
    params.partials = partials.mutable_data_ptr();
  }
  const auto jobs = params.chunks * jobs_of(inner, packs, params);
  if (packs) {
    launch("reduce_packs", packs_kernel_name(inner, reduction, input, outputs), single_range(jobs, 1),
           params);
  } else {
    launch(reduction.module, kernel_name(inner ? "reduce_inner" : "reduce_outer", reduction, &input, outputs),
           sub_group_range(jobs), params);
  }
  if (params.chunks > 1) {
    const auto results = params.kept.numel;
    launch(
        reduction.module, kernel_name("reduce_combine", reduction, nullptr, outputs),
        sub_group_range(params.chunks <= kernels::reduce_few_chunks ? at::ceil_div(results, lanes) : results),
        params);
  }
}

}  // namespace

Range single_range(std::int64_t jobs, std::int64_t group_size) {
  return {std::min<std::int64_t>(jobs, std::int64_t{runtime::device_limits().compute_units} * 32),
          group_size};
}

Range sub_group_range(std::int64_t jobs) {
  const auto& limits = runtime::device_limits();
  if (limits.is_cpu) return single_range(jobs, lanes);
  constexpr std::int64_t group_size = 128;
  return {
      std::min<std::int64_t>(at::ceil_div(jobs * lanes, group_size), std::int64_t{limits.compute_units} * 64),
      group_size};
}

bool walks_alone() { return runtime::device_limits().is_cpu && !only_sub_groups; }

RowKernel row_kernel(const std::string& name, std::int64_t jobs) {
  if (walks_alone()) return {name + "_by_packs", single_range(jobs, 1)};
  return {name, sub_group_range(jobs)};
}

void set_row_kernels(std::string_view choice) {
  TORCH_CHECK_VALUE(choice == "automatic" || choice == "sub_groups", "set_row_kernels: got \"", choice,
                    "\", expected automatic or sub_groups");
  only_sub_groups = choice == "sub_groups";
}

void reduce(const Reduction& reduction, at::ArrayRef<at::Tensor> inputs, at::ArrayRef<at::Tensor> outputs,
            const DimMask& mask) {
  if (outputs[0].numel() == 0) return;
  for (const auto& input : inputs) check_dtype(reduction.name, input.scalar_type());
  check_dtype(reduction.name, reduction.compute);
  std::array<at::Tensor, 2> dense;
  if (inputs.size() > 1 && inputs[0].strides() != inputs[1].strides()) {
    // They may still differ along dimensions that nothing steps along.
    dense = {inputs[0].contiguous(), inputs[1].contiguous()};
    inputs = dense;
  }
  if (outputs.size() > 1 && outputs[0].strides() != outputs[1].strides()) {
    const auto first = at::empty_like(outputs[0], at::MemoryFormat::Contiguous);
    const auto second = at::empty_like(outputs[1], at::MemoryFormat::Contiguous);
    reduce_aligned(reduction, inputs, {first, second}, mask);
    outputs[0].copy_(first);
    outputs[1].copy_(second);
    return;
  }
  reduce_aligned(reduction, inputs, outputs, mask);
}

void reduce(const Reduction& reduction, const at::Tensor& input, at::ArrayRef<at::Tensor> outputs,
            at::OptionalIntArrayRef dim, bool keepdim) {
  const auto mask = at::native::make_dim_mask(dim, input.dim());
  std::vector<at::Tensor> views;
  for (const auto& output : outputs) {
    views.push_back(at::native::review_reduce_result(output, static_cast<int>(input.dim()), mask, keepdim));
  }
  reduce(reduction, {input}, views, mask);
}

at::Tensor loadable(const at::Tensor& input, c10::ScalarType dtype) {
  const auto from = input.scalar_type();
  const bool widened = from == dtype || opmath_dtype(from) == dtype ||
                       (dtype == c10::kLong && c10::isIntegralType(from, true));
  return widened ? input : input.to(dtype);
}

}  // namespace ipex::aten
