#include "aten/elementwise.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/DynamicCast.h>

#include <algorithm>

#include "kernels/elementwise_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using kernels::ElementwiseParams;
using kernels::StridedParams;

// Where each operand of the kernel comes from.
struct Operands {
  int inputs;
  int immediate = 0;  // operand that is a CPU scalar, 0 for none
  c10::ScalarType compute;
  c10::ScalarType output;
};

template <class Function>
void dispatch_opmath(c10::ScalarType opmath, Function function) {
  switch (opmath) {
    case c10::kFloat:
      return function(float{});
    case c10::kDouble:
      return function(double{});
    case c10::kComplexFloat:
      return function(c10::complex<float>{});
    case c10::kComplexDouble:
      return function(c10::complex<double>{});
    case c10::kByte:
      return function(std::uint8_t{});
    case c10::kChar:
      return function(std::int8_t{});
    case c10::kShort:
      return function(std::int16_t{});
    case c10::kInt:
      return function(std::int32_t{});
    case c10::kLong:
      return function(std::int64_t{});
    case c10::kUInt16:
      return function(std::uint16_t{});
    case c10::kUInt32:
      return function(std::uint32_t{});
    case c10::kUInt64:
      return function(std::uint64_t{});
    case c10::kBool:
      return function(bool{});
    default:
      TORCH_CHECK_NOT_IMPLEMENTED(false, "XPU kernels do not support ", opmath);
  }
}

// Writes the value of a CPU scalar as opmath_t of dtype `to`, wrapping like a cast.
void store_immediate(c10::ScalarType to, const at::TensorBase& scalar, unsigned char* bytes) {
  dispatch_opmath(opmath_dtype(to), [&](auto type) {
    using T = decltype(type);
    *reinterpret_cast<T*>(bytes) = c10::fetch_and_cast<T>(scalar.scalar_type(), scalar.const_data_ptr());
  });
}

c10::ScalarType output_dtype(Output output, c10::ScalarType compute) {
  switch (output) {
    case Output::boolean:
      return c10::kBool;
    case Output::real:
      return c10::toRealValueType(compute);
    case Output::same:
      return compute;
  }
  return compute;
}

c10::ScalarType input_dtype(const ElementwiseRow& row, const Operands& operands, int input) {
  return row.first_is_bool && input == 0 ? c10::kBool : operands.compute;
}

// The same operator over operands of the dtypes the kernels take.
void elementwise_with_casts(at::TensorIteratorBase& iterator, ElementwiseRow& row, const Operands& operands,
                            c10::ArrayRef<c10::Scalar> scalars) {
  const auto output = iterator.tensor(0);
  const bool cast_output = output.scalar_type() != operands.output;
  auto result = cast_output ? at::empty(iterator.shape(), output.options().dtype(operands.output)) : output;
  at::TensorIteratorConfig config;
  config.set_check_mem_overlap(false).check_all_same_dtype(false).resize_outputs(false).allow_cpu_scalars(
      true);
  config.add_owned_output(result);
  for (int input = 0; input < operands.inputs; ++input) {
    const int operand = input + 1;
    const auto& tensor = iterator.tensor(operand);
    const auto dtype = input_dtype(row, operands, input);
    if (iterator.is_cpu_scalar(operand) && operand != operands.immediate) {
      config.add_owned_const_input(at::scalar_tensor(tensor.item(), output.options().dtype(dtype)));
    } else {
      config.add_owned_const_input(iterator.is_cpu_scalar(operand) ? tensor : tensor.to(dtype));
    }
  }
  auto cast = config.build();
  elementwise(cast, row, scalars);
  if (cast_output) output.copy_(result.view(output.sizes()));
}

jit::Kernel& kernel_of(ElementwiseRow& row, const Operands& operands, bool contiguous, int device) {
  const auto position =
      std::find(row.dtypes.begin(), row.dtypes.end(), operands.compute) - row.dtypes.begin();
  TORCH_CHECK_NOT_IMPLEMENTED(position < static_cast<std::ptrdiff_t>(row.dtypes.size()), '"', row.name,
                              "\" not implemented for '", operands.compute, "'");
  auto& slot = row.slots[position][operands.immediate * 2 + (contiguous ? 0 : 1)];
  if (auto* kernel = slot.get(device)) return *kernel;

  check_dtype(row.name, operands.compute);
  std::string text = contiguous ? "elementwise_contiguous<op::" : "elementwise_strided<op::";
  text.append(row.functor).append(",").append(std::to_string(operands.immediate));
  text.append(",")
      .append(type_name(opmath_dtype(operands.compute)))
      .append(",")
      .append(type_name(operands.output));
  for (int input = 0; input < operands.inputs; ++input) {
    text.append(",").append(type_name(input_dtype(row, operands, input)));
  }
  return slot.find(device, "elementwise", text.append(">"));
}

bool is_contiguous(const at::TensorIteratorBase& iterator, int immediate) {
  if (iterator.numel() == 1) return true;
  if (iterator.ndim() != 1) return false;
  for (int operand = 0; operand < iterator.ntensors(); ++operand) {
    if (operand == immediate && operand > 0) continue;
    if (iterator.strides(operand)[0] != static_cast<std::int64_t>(iterator.element_size(operand)))
      return false;
  }
  return true;
}

Range range_of(std::int64_t numel) {
  constexpr std::int64_t group_size = 256;
  constexpr std::int64_t per_group = group_size * kernels::elementwise_items;
  return {(numel + per_group - 1) / per_group, group_size};
}

std::size_t moved_bytes(const at::TensorIteratorBase& iterator) {
  std::size_t bytes = 0;
  for (int operand = 0; operand < iterator.ntensors(); ++operand) bytes += iterator.element_size(operand);
  return bytes * static_cast<std::size_t>(iterator.numel());
}

// The input that is one element along dimension 0 (0 for none) where all other operands are contiguous along
// it; -1 where they are not. Kernels for a broadcast input exist for two inputs.
int broadcast_input(const at::TensorIteratorBase& iterator, int immediate) {
  int broadcast = 0;
  for (int operand = 0; operand < iterator.ntensors(); ++operand) {
    if (operand > 0 && operand == immediate) continue;
    const auto stride = iterator.strides(operand)[0];
    if (stride == static_cast<std::int64_t>(iterator.element_size(operand))) continue;
    if (stride != 0 || operand == 0 || broadcast != 0 || immediate != 0 || iterator.ninputs() != 2) return -1;
    broadcast = operand;
  }
  return broadcast;
}

// Rows where dimension 0 is contiguous and long enough to fill a sub-group, elements otherwise.
Range shape_of(const at::TensorIteratorBase& iterator, int immediate, StridedParams& params) {
  constexpr std::int64_t shortest_row = 16;
  constexpr std::int64_t elements_per_group = 4096;
  params.rows_per_group = 0;
  const std::int64_t length = params.dims > 0 ? iterator.shape()[0] : 1;
  if (length < shortest_row) return range_of(params.numel);
  params.broadcast = broadcast_input(iterator, immediate);
  if (params.broadcast < 0) return range_of(params.numel);
  const std::int64_t rows = params.numel / length;
  // On a CPU one thread does the whole group: few lanes and long loops spread the cost of a row's offsets.
  const std::int64_t widest = runtime::device_limits().is_cpu ? shortest_row : 256;
  const std::int64_t group_size = std::min(widest, length / 16 * 16);
  const std::int64_t slices = std::max<std::int64_t>(1, length / elements_per_group);
  const std::int64_t rows_per_group = std::max<std::int64_t>(1, elements_per_group / length);
  params.slices = static_cast<std::uint32_t>(slices);
  params.rows_per_group = static_cast<std::uint32_t>(rows_per_group);
  return {(rows + rows_per_group - 1) / rows_per_group * slices, group_size};
}

void set_pointers(const at::TensorIteratorBase& iterator, ElementwiseParams& params) {
  params.numel = iterator.numel();
  for (int operand = 0; operand < iterator.ntensors(); ++operand)
    params.data[operand] = iterator.data_ptr(operand);
}

void launch_strided(at::TensorIteratorBase& iterator, int immediate, StridedParams& params,
                    jit::Kernel& kernel) {
  if (!iterator.can_use_32bit_indexing()) {
    for (auto& part : iterator.with_32bit_indexing()) launch_strided(part, immediate, params, kernel);
    return;
  }
  const int dims = iterator.ndim();
  if (dims > kernels::elementwise_max_dims) {
    for (std::int64_t index = 0; index < iterator.shape()[dims - 1]; ++index) {
      at::TensorIterator part(iterator);
      part.narrow(dims - 1, index, 1);
      launch_strided(part, immediate, params, kernel);
    }
    return;
  }
  set_pointers(iterator, params);
  params.dims = dims;
  for (int d = 0; d < dims; ++d) {
    params.sizes[d] = kernels::Divider(static_cast<std::uint32_t>(iterator.shape()[d]));
    for (int operand = 0; operand < iterator.ntensors(); ++operand) {
      params.strides[d][operand] = static_cast<std::uint32_t>(iterator.strides(operand)[d]);
    }
  }
  launch(kernel, shape_of(iterator, immediate, params), params, 0, moved_bytes(iterator));
}

}  // namespace

void store_scalars(c10::ScalarType dtype, c10::ArrayRef<c10::Scalar> scalars, unsigned char* bytes) {
  TORCH_INTERNAL_ASSERT(scalars.size() <= kernels::elementwise_max_scalars);
  const auto opmath = opmath_dtype(dtype);
  for (const auto& scalar : scalars) {
    dispatch_opmath(
        opmath, [&](auto type) { *reinterpret_cast<decltype(type)*>(bytes) = scalar.to<decltype(type)>(); });
    bytes += c10::elementSize(opmath);
  }
}

void launch_elementwise(at::TensorIteratorBase& iterator, int immediate, StridedParams& params,
                        c10::function_ref<jit::Kernel&(bool contiguous)> kernel_of) {
  if (is_contiguous(iterator, immediate)) {
    set_pointers(iterator, params);
    launch(kernel_of(true), range_of(params.numel), static_cast<const ElementwiseParams&>(params), 0,
           moved_bytes(iterator));
  } else {
    launch_strided(iterator, immediate, params, kernel_of(false));
  }
}

void elementwise(at::TensorIteratorBase& iterator, ElementwiseRow& row, c10::ArrayRef<c10::Scalar> scalars) {
  if (iterator.numel() == 0) return;
  Operands operands;
  operands.inputs = iterator.ninputs();
  operands.compute = row.first_is_bool ? iterator.input_dtype(1) : iterator.common_dtype();
  operands.output = output_dtype(row.output, operands.compute);

  bool needs_casts = iterator.dtype(0) != operands.output;
  for (int input = 0; input < operands.inputs; ++input) {
    const int operand = input + 1;
    if (iterator.is_cpu_scalar(operand)) {
      // Kernels with an immediate exist for binary operators; elsewhere the scalar goes to the device first.
      if (operands.inputs == 2 && operands.immediate == 0) {
        operands.immediate = operand;
      } else {
        needs_casts = true;
      }
    } else if (iterator.dtype(operand) != input_dtype(row, operands, input)) {
      needs_casts = true;
    }
  }
  if (needs_casts) return elementwise_with_casts(iterator, row, operands, scalars);

  StridedParams params;
  store_scalars(operands.compute, scalars, params.scalars);
  if (operands.immediate > 0) {
    store_immediate(input_dtype(row, operands, operands.immediate - 1), iterator.tensor(operands.immediate),
                    params.immediate);
  }
  const int device = iterator.device(0).index();
  launch_elementwise(iterator, operands.immediate, params, [&](bool contiguous) -> jit::Kernel& {
    return kernel_of(row, operands, contiguous, device);
  });
}

}  // namespace ipex::aten
