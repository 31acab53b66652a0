#include "aten/elementwise.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/DynamicCast.h>

#include <algorithm>
#include <limits>

#include "kernels/elementwise_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using kernels::ElementwiseParams;

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

jit::Kernel& kernel_of(ElementwiseRow& row, const Operands& operands, const RowLayout& layout, int device) {
  const auto position =
      std::find(row.dtypes.begin(), row.dtypes.end(), operands.compute) - row.dtypes.begin();
  TORCH_CHECK_NOT_IMPLEMENTED(position < static_cast<std::ptrdiff_t>(row.dtypes.size()), '"', row.name,
                              "\" not implemented for '", operands.compute, "'");
  auto& slot = row.slots[position][layout.index()];
  if (auto* kernel = slot.get(device)) return *kernel;

  check_dtype(row.name, operands.compute);
  std::string text = "elementwise<op::";
  text.append(row.functor).append(",").append(type_name(opmath_dtype(operands.compute)));
  text.append(",").append(layout.operand_type(0, type_name(operands.output)));
  for (int input = 0; input < operands.inputs; ++input) {
    text.append(",").append(layout.operand_type(input + 1, type_name(input_dtype(row, operands, input))));
  }
  return slot.find(device, "elementwise", text.append(">"));
}

std::size_t moved_bytes(const at::TensorIteratorBase& iterator) {
  std::size_t bytes = 0;
  for (int operand = 0; operand < iterator.ntensors(); ++operand) bytes += iterator.element_size(operand);
  return bytes * static_cast<std::size_t>(iterator.numel());
}

// Rows below this many elements leave vectors half empty.
constexpr std::int64_t shortest_row = 16;
// Rows of a group where they are short, or where the next row is in the same cache lines.
constexpr std::int64_t many_steps = 64;

bool is_consecutive(const at::TensorIteratorBase& iterator, int operand, int dim) {
  return iterator.strides(operand)[dim] == static_cast<std::int64_t>(iterator.element_size(operand));
}

// The layout along dimension `row`. Kernels with a fixed input exist where another input is a row.
RowLayout layout_of(const at::TensorIteratorBase& iterator, int immediate, int row) {
  RowLayout layout{.inputs = iterator.ninputs(), .immediate = immediate};
  if (iterator.numel() == 1) return layout;
  for (int operand = 0; operand < iterator.ntensors(); ++operand) {
    if (operand > 0 && operand == immediate) continue;
    if (is_consecutive(iterator, operand, row)) continue;
    if (iterator.strides(operand)[row] == 0 && operand > 0 && layout.inputs > 1 && immediate == 0) {
      layout.fixed |= 1u << (operand - 1);
    } else {
      layout.strided = true;
    }
  }
  if (layout.fixed + 1 == 1u << layout.inputs && layout.inputs > 0) layout.strided = true;
  if (layout.strided) layout.fixed = 0;
  return layout;
}

// How a launch walks the elements.
struct Walk {
  int row = 0;             // the dimension that becomes a row
  int step = -1;           // the dimension along which a group goes on, -1 for none
  std::int64_t steps = 1;  // a divisor of its size
  RowLayout layout;
  bool transposes = false;  // an operand is consecutive along `step` instead of `row`
  bool wants_many_steps = false;
};

// The largest divisor of `size` up to `limit`.
std::int64_t divisor_of(std::int64_t size, std::int64_t limit) {
  std::int64_t divisor = std::min(size, limit);
  while (size % divisor != 0) --divisor;
  return divisor;
}

Walk walk_of(const at::TensorIteratorBase& iterator, int immediate) {
  Walk walk;
  const auto shape = iterator.shape();
  const int dims = static_cast<int>(shape.size());
  walk.layout = layout_of(iterator, immediate, 0);
  if (walk.layout.strided && dims > 1 && shape[0] < shortest_row) {
    walk.row = static_cast<int>(std::max_element(shape.begin(), shape.end()) - shape.begin());
    walk.layout = layout_of(iterator, immediate, walk.row);
  }
  if (dims < 2) return walk;
  walk.step = walk.row == 0 ? 1 : 0;
  for (int d = 0; walk.layout.strided && d < dims && !walk.transposes; ++d) {
    if (d == walk.row || shape[d] < shortest_row) continue;
    for (int operand = 0; operand < iterator.ntensors(); ++operand) {
      if ((operand == 0 || operand != immediate) && is_consecutive(iterator, operand, d)) {
        walk.step = d;
        walk.transposes = true;
      }
    }
  }
  walk.wants_many_steps = walk.transposes || shape[walk.row] < 2 * shortest_row;
  walk.steps = divisor_of(shape[walk.step], walk.wants_many_steps ? many_steps : 4);
  return walk;
}

// Fills in where the elements are; false where the rows are too many for the kernel's 32-bit numbers.
bool set_geometry(const at::TensorIteratorBase& iterator, const Walk& walk, ElementwiseParams& params,
                  Range& range) {
  constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
  const auto shape = iterator.shape();
  const bool is_cpu = runtime::device_limits().is_cpu;
  // On a CPU one thread does a whole group and each group costs it the offsets anew: wide ones, but narrow
  // where every step should find its cache lines where the step before left them.
  const std::int64_t widest = is_cpu ? (walk.transposes ? 32 : 2048) : 256;
  const std::int64_t granularity = is_cpu ? 1 : 32;
  params.length = shape.empty() ? 1 : shape[walk.row];
  const std::int64_t slices = (params.length + widest - 1) / widest;
  const std::int64_t lanes = (params.length + slices - 1) / slices;
  for (int operand = 0; operand < iterator.ntensors(); ++operand) {
    params.data[operand] = iterator.data_ptr(operand);
    params.strides[operand] = shape.empty() ? 0 : iterator.strides(operand)[walk.row];
  }
  params.steps = static_cast<std::uint32_t>(walk.steps);
  std::int64_t rows = 1;
  int outer = 0;
  const auto add_dimension = [&](int d, std::int64_t size) {
    rows *= size;
    params.outer_sizes[outer] = kernels::Divider(static_cast<std::uint32_t>(std::min(size, limit)));
    for (int operand = 0; operand < iterator.ntensors(); ++operand) {
      params.outer_strides[outer][operand] = iterator.strides(operand)[d];
    }
    ++outer;
  };
  if (walk.step >= 0) add_dimension(walk.step, shape[walk.step] / walk.steps);
  for (int d = 0; d < iterator.ndim(); ++d) {
    if (d != walk.row && d != walk.step) add_dimension(d, shape[d]);
  }
  for (; outer < kernels::elementwise_max_outer_dims; ++outer) params.outer_sizes[outer] = {};
  params.slices = kernels::Divider(static_cast<std::uint32_t>(slices));
  range = {rows * slices, (lanes + granularity - 1) / granularity * granularity};
  return rows <= limit / slices;
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

int RowLayout::index() const {
  const int rows_or_strides = strided ? 1 : 0;
  if (inputs < 2) return rows_or_strides;
  if (immediate > 0) return 4 + 2 * rows_or_strides + immediate - 1;
  const int all_fixed = (1 << inputs) - 1;
  return strided ? all_fixed : static_cast<int>(fixed);
}

std::string RowLayout::operand_type(int operand, const char* type) const {
  const char* kind = strided ? "strided<" : "row<";
  if (operand > 0 && operand == immediate) kind = "immediate<";
  if (operand > 0 && (fixed >> (operand - 1) & 1) != 0) kind = "fixed<";
  return std::string(kind).append(type).append(">");
}

void launch_elementwise(at::TensorIteratorBase& iterator, int immediate, ElementwiseParams& params,
                        c10::function_ref<jit::Kernel&(const RowLayout&)> kernel_of) {
  const int dims = iterator.ndim();
  if (dims > kernels::elementwise_max_outer_dims + 1) {
    for (std::int64_t index = 0; index < iterator.shape()[dims - 1]; ++index) {
      at::TensorIterator part(iterator);
      part.narrow(dims - 1, index, 1);
      launch_elementwise(part, immediate, params, kernel_of);
    }
    return;
  }
  const auto walk = walk_of(iterator, immediate);
  if (walk.wants_many_steps && walk.steps < many_steps / 8) {
    // The size has no good divisor: a part that has one, and the rest.
    const std::int64_t size = iterator.shape()[walk.step], rest = size % many_steps;
    if (size > many_steps) {
      for (const auto& [begin, length] : {std::pair{std::int64_t{0}, size - rest}, {size - rest, rest}}) {
        at::TensorIterator part(iterator);
        part.narrow(walk.step, begin, length);
        launch_elementwise(part, immediate, params, kernel_of);
      }
      return;
    }
  }
  Range range;
  if (!set_geometry(iterator, walk, params, range)) {
    for (auto& part : iterator.with_32bit_indexing()) launch_elementwise(part, immediate, params, kernel_of);
    return;
  }
  launch(kernel_of(walk.layout), range, params, 0, moved_bytes(iterator));
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

  ElementwiseParams params;
  store_scalars(operands.compute, scalars, params.scalars);
  if (operands.immediate > 0) {
    store_immediate(input_dtype(row, operands, operands.immediate - 1), iterator.tensor(operands.immediate),
                    params.immediate);
  }
  const int device = iterator.device(0).index();
  launch_elementwise(iterator, operands.immediate, params, [&](const RowLayout& layout) -> jit::Kernel& {
    return kernel_of(row, operands, layout, device);
  });
}

}  // namespace ipex::aten
