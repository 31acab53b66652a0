// Gather, scatter, and writes along one dimension.
#include <ATen/core/Tensor.h>
#include <ATen/Dispatch.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/native/ReductionType.h>
#include <ATen/ops/gather_native.h>
#include <ATen/ops/index_add_native.h>
#include <ATen/ops/index_copy_native.h>
#include <ATen/ops/index_fill_native.h>
#include <ATen/ops/index_reduce_native.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/scatter_add_native.h>
#include <ATen/ops/scatter_native.h>
#include <ATen/ops/scatter_reduce_native.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/WrapDimUtils.h>

#include <cstring>

#include "aten/index/indexed.h"

namespace ipex::aten {
namespace {

using at::native::ReductionType;

at::TensorIterator iterator_of(const at::Tensor& output, std::initializer_list<at::Tensor> inputs) {
  at::TensorIteratorConfig config;
  config.set_check_mem_overlap(false).check_all_same_dtype(false).resize_outputs(false);
  config.add_owned_output(output);
  for (const auto& input : inputs) config.add_owned_const_input(input);
  return config.build();
}

// out[..., index[i], ...] <- source[i] by `kernel`, at every position i of `index`.
void scatter(const char* name, const at::Tensor& out, std::int64_t dim, const at::Tensor& index,
             const at::Tensor& source, IndexKernel kernel) {
  const auto self = at_least_1d(out);
  const auto positions = as_int64(at_least_1d(index));
  const auto values = at_least_1d(source);
  auto iterator = iterator_of(fixed_along(self, dim, positions.sizes()),
                              {values.as_strided(positions.sizes(), values.strides()), positions});
  launch_indexed(name, iterator, 1, selected_along(self, dim), Negative::out_of_range, kernel);
}

// The bytes of `value` as an element of `dtype`. Throws RuntimeError if it does not fit.
struct Element {
  alignas(16) unsigned char bytes[16] = {};
  Element(const c10::Scalar& value, c10::ScalarType dtype) {
    const auto tensor = at::scalar_tensor(value, at::TensorOptions(at::kCPU).dtype(dtype));
    std::memcpy(bytes, tensor.const_data_ptr(), tensor.element_size());
  }
};

void scatter_value(const char* name, const at::Tensor& out, std::int64_t dim, const at::Tensor& index,
                   const c10::Scalar& value) {
  const auto self = at_least_1d(out);
  const auto positions = as_int64(at_least_1d(index));
  auto iterator = iterator_of(fixed_along(self, dim, positions.sizes()), {positions});
  const Element element(value, out.scalar_type());
  launch_indexed(name, iterator, 0, selected_along(self, dim), Negative::out_of_range, fill_kernel(out),
                 element.bytes);
}

// self[..., index[n], ...] <- source[..., n, ...] by `kernel`, for a vector of indices.
void write_along(const char* name, const at::Tensor& self, std::int64_t dim, const at::Tensor& index,
                 const at::Tensor& source, Negative negative, IndexKernel kernel) {
  const auto destination = at_least_1d(self);
  const auto values = at_least_1d(source);
  auto iterator = iterator_of(fixed_along(destination, dim, values.sizes()),
                              {values, along(as_int64(index), dim, destination.dim())});
  launch_indexed(name, iterator, 1, selected_along(destination, dim), negative, kernel);
}

// The same for a reduction.
void update_along(const char* name, const at::Tensor& self, std::int64_t dim, const at::Tensor& index,
                  const at::Tensor& source, Update update) {
  const auto destination = at_least_1d(self);
  const auto values = at_least_1d(source);
  const auto kernel = update_kernel(name, update, self);
  const auto positions = along(as_int64(index), dim, destination.dim()).expand(values.sizes());
  if (update_lines(name, update, destination, dim, positions, values)) return;
  write_along(name, self, dim, index, source, Negative::out_of_range, kernel);
}

void copy_unless_same(const at::Tensor& out, const at::Tensor& self) {
  if (!out.is_same(self)) const_cast<at::Tensor&>(out).copy_(self);
}

Update update_of(ReductionType reduction) {
  switch (reduction) {
    case ReductionType::PROD:
      return Update::prod;
    case ReductionType::MAX:
      return Update::amax;
    case ReductionType::MIN:
      return Update::amin;
    default:
      return Update::sum;
  }
}

// The value that a reduction of nothing starts from.
c10::Scalar identity_of(ReductionType reduction, c10::ScalarType dtype) {
  const bool floating = c10::isFloatingType(dtype);
  const auto extreme = [&](bool largest) -> c10::Scalar {
    const double infinity = std::numeric_limits<double>::infinity();
    if (floating) return largest ? infinity : -infinity;
    if (dtype == c10::kBool) return largest;
    return AT_DISPATCH_INTEGRAL_TYPES(dtype, "scatter_reduce", [&]() -> c10::Scalar {
      return largest ? std::numeric_limits<scalar_t>::max() : std::numeric_limits<scalar_t>::lowest();
    });
  };
  switch (reduction) {
    case ReductionType::PROD:
      return 1;
    case ReductionType::MAX:
      return extreme(false);
    case ReductionType::MIN:
      return extreme(true);
    default:
      return 0;
  }
}

// Divides sums by how many values each has, where it has any.
void divide_by_count(const at::Tensor& out, at::Tensor count) {
  count.masked_fill_(count.eq(0), 1);
  auto result = out;
  if (c10::isIntegralType(out.scalar_type(), true)) {
    result.div_(count, "floor");
  } else {
    result.div_(count);
  }
}

at::Tensor initial_count(const at::Tensor& out, bool include_self) {
  return include_self ? at::ones_like(out) : at::zeros_like(out);
}

void scatter_update(const char* name, const at::Tensor& out, std::int64_t dim, const at::Tensor& index,
                    const at::Tensor& source, Update update) {
  if (index.numel() == 0) return;
  dim = at::maybe_wrap_dim(dim, out.dim());
  const auto positions = as_int64(at_least_1d(index));
  rounded_once(out, update, [&](const at::Tensor& result) {
    const auto kernel = update_kernel(name, update, result);
    const auto values = at_least_1d(source.to(result.scalar_type()));
    const auto visited = values.as_strided(positions.sizes(), values.strides());
    if (update_lines(name, update, at_least_1d(result), dim, positions, visited)) return;
    scatter(name, result, dim, positions, values, kernel);
  });
}

ReductionType scatter_reduction(std::string_view name) {
  return name == "multiply" ? ReductionType::PROD : ReductionType::SUM;
}

at::Tensor expanded_scalar(const c10::Scalar& value, const at::Tensor& out, const at::Tensor& index) {
  return at::scalar_tensor(value, out.options()).expand(index.sizes());
}

void check_index_fill(const at::Tensor& self, const at::Tensor& index) {
  TORCH_CHECK_INDEX(index.scalar_type() == at::kLong || index.scalar_type() == at::kInt,
                    "index_fill_(): Expected dtype int32 or int64 for index.");
  TORCH_CHECK(index.dim() <= 1, "Index has to be a vector/scalar");
  TORCH_CHECK(self.device() == index.device(),
              "index_fill_(): self and index must be on one device, but got ", self.device(), " and ",
              index.device());
  at::assert_no_overlap(self, index);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

TORCH_IMPL_FUNC(gather_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, bool, const Tensor& out) {
  if (index.numel() == 0) return;
  dim = maybe_wrap_dim(dim, self.dim());
  const auto source = at_least_1d(self);
  const auto positions = as_int64(at_least_1d(index));
  auto iterator = iterator_of(at_least_1d(out), {fixed_along(source, dim, positions.sizes()), positions});
  launch_indexed("gather", iterator, 1, selected_along(source, dim), Negative::out_of_range,
                 get_kernel(self));
}

TORCH_IMPL_FUNC(scatter_src_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Tensor& out) {
  copy_unless_same(out, self);
  if (index.numel() == 0) return;
  ipex::aten::scatter("scatter", out, maybe_wrap_dim(dim, self.dim()), index, source, put_kernel(out));
}

TORCH_IMPL_FUNC(scatter_value_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value, const Tensor& out) {
  copy_unless_same(out, self);
  if (index.numel() == 0) return;
  scatter_value("scatter", out, maybe_wrap_dim(dim, self.dim()), index, value);
}

TORCH_IMPL_FUNC(scatter_reduce_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const std::string_view reduce,
 const Tensor& out) {
  copy_unless_same(out, self);
  scatter_update("scatter", out, dim, index, source, update_of(scatter_reduction(reduce)));
}

TORCH_IMPL_FUNC(scatter_value_reduce_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value, const std::string_view reduce,
 const Tensor& out) {
  copy_unless_same(out, self);
  scatter_update("scatter", out, dim, index, expanded_scalar(value, out, index),
                 update_of(scatter_reduction(reduce)));
}

TORCH_IMPL_FUNC(scatter_add_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Tensor& out) {
  copy_unless_same(out, self);
  scatter_update("scatter_add", out, dim, index, source, Update::sum);
}

TORCH_IMPL_FUNC(scatter_reduce_two_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const std::string_view reduce,
 bool include_self, const Tensor& out) {
  copy_unless_same(out, self);
  if (index.numel() == 0) return;
  dim = maybe_wrap_dim(dim, self.dim());
  const auto reduction = get_reduction_enum(reduce);
  if (!include_self)
    scatter_value("scatter_reduce", out, dim, index, identity_of(reduction, out.scalar_type()));
  const auto update = update_of(reduction);
  rounded_once(out, update, [&](const Tensor& result) {
    scatter_update("scatter_reduce", result, dim, index, source, update);
    if (reduction != ReductionType::MEAN) return;
    const auto count = initial_count(result, include_self);
    scatter_update("scatter_reduce", count, dim, index, expanded_scalar(1, count, index), update);
    divide_by_count(result, count);
  });
}

TORCH_IMPL_FUNC(index_add_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha,
 const Tensor& out) {
  copy_unless_same(out, self);
  if (index.numel() == 0 || source.numel() == 0) return;
  dim = maybe_wrap_dim(dim, self.dim());
  if (add_rows("index_add", at_least_1d(out), dim, at_least_1d(index), at_least_1d(source), alpha,
               Negative::out_of_range)) {
    return;
  }
  const auto values = source.to(opmath_dtype(out.scalar_type()));
  const auto addends = alpha.equal(1) ? values : values.mul(alpha);
  std::vector<Tensor> indices(dim + 1);
  indices[dim] = index.reshape(-1);
  if (add_at_few("index_add", at_least_1d(out), indices, addends, Negative::out_of_range)) return;
  rounded_once(out, Update::sum, [&](const Tensor& result) {
    update_along("index_add", result, dim, index, addends, Update::sum);
  });
}

TORCH_IMPL_FUNC(index_reduce_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const std::string_view reduce,
 bool include_self, const Tensor& out) {
  TORCH_CHECK(reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin",
              "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ", reduce, ".");
  copy_unless_same(out, self);
  if (index.numel() == 0 || source.numel() == 0) return;
  const auto reduction = get_reduction_enum(reduce);
  if (!include_self)
    const_cast<Tensor&>(out).index_fill_(dim, index, identity_of(reduction, out.scalar_type()));
  const auto update = update_of(reduction);
  rounded_once(out, update, [&](const Tensor& result) {
    update_along("index_reduce", result, dim, index, source.to(result.scalar_type()), update);
    if (reduction != ReductionType::MEAN) return;
    const auto count = initial_count(result, include_self);
    const auto ones = at::scalar_tensor(1, count.options()).expand_as(source);
    update_along("index_reduce", count, dim, index, ones, update);
    divide_by_count(result, count);
  });
}

TORCH_IMPL_FUNC(index_copy_out_xpu)
(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Tensor& out) {
  copy_unless_same(out, self);
  if (index.numel() == 0 || source.numel() == 0) return;
  write_along("index_copy_", out, dim, index, source, Negative::out_of_range, put_kernel(out));
}

Tensor& index_fill__int_Scalar_xpu(Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  check_index_fill(self, index);
  if (at::has_internal_overlap(self) == MemOverlap::Yes) {
    TORCH_WARN(
        "Use of index_fill_ on expanded tensors is deprecated. Please clone() the tensor before performing "
        "this "
        "operation. This also applies to advanced indexing e.g. tensor[mask] = scalar");
  }
  TORCH_CHECK(self.is_complex() || !value.isComplex(),
              "index_fill_(): Converting complex Scalar to non-complex type is not supported");
  dim = maybe_wrap_dim(dim, self.dim());
  if (index.numel() == 0 || self.numel() == 0) return self;
  const auto destination = at_least_1d(self);
  auto sizes = destination.sizes().vec();
  sizes[dim] = index.numel();
  auto iterator =
      iterator_of(fixed_along(destination, dim, sizes), {along(as_int64(index), dim, destination.dim())});
  const Element element(value, self.scalar_type());
  launch_indexed("index_fill_", iterator, 0, selected_along(destination, dim), Negative::wraps,
                 fill_kernel(self), element.bytes);
  return self;
}

Tensor& index_fill__int_Tensor_xpu(Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  TORCH_CHECK(value.dim() == 0,
              "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.dim(),
              " dimension(s).");
  if (value.is_cpu()) return index_fill__int_Scalar_xpu(self, dim, index, value.item());
  check_index_fill(self, index);
  dim = maybe_wrap_dim(dim, self.dim());
  if (index.numel() == 0 || self.numel() == 0) return self;
  // The value stays on the device: no synchronisation for its sake.
  auto sizes = at_least_1d(self).sizes().vec();
  sizes[dim] = index.numel();
  write_along("index_fill_", self, dim, index, value.to(self.scalar_type()).expand(sizes), Negative::wraps,
              put_kernel(self));
  return self;
}

}  // namespace at::native
