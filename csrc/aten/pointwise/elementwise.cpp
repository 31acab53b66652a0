#include "aten/pointwise/elementwise.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/DynamicCast.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "aten/reduce/reduce.h"
#include "aten/tensor/strided_copy.h"
#include "kernels/elementwise_params.hpp"

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

// Kernels round NaNs as they are, which needs those of the processor.
template <class T>
T with_quiet_nan(T value) {
  if constexpr (std::is_same_v<T, float>) {
    if (std::isnan(value)) return std::numeric_limits<float>::quiet_NaN();
  }
  return value;
}

// Writes the value of a CPU scalar as opmath_t of dtype `to`, wrapping like a cast.
void store_immediate(c10::ScalarType to, const at::TensorBase& scalar, unsigned char* bytes) {
  dispatch_opmath(opmath_dtype(to), [&](auto type) {
    using T = decltype(type);
    *reinterpret_cast<T*>(bytes) =
        with_quiet_nan(c10::fetch_and_cast<T>(scalar.scalar_type(), scalar.const_data_ptr()));
  });
}

c10::ScalarType output_dtype(Output output, c10::ScalarType compute) {
  switch (output) {
    case Output::boolean:
      return c10::kBool;
    case Output::int32:
      return c10::kInt;
    case Output::complex:
      return c10::toComplexType(compute);
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

jit::Kernel& kernel_of(ElementwiseRow& row, const Operands& operands, RowLayout layout, int device) {
  if (layout.fixed != 0 && !row.fixed_inputs) {
    layout.fixed = 0;
    layout.strided = true;
  }
  const auto position =
      std::find(row.dtypes.begin(), row.dtypes.end(), operands.compute) - row.dtypes.begin();
  TORCH_CHECK_NOT_IMPLEMENTED(position < static_cast<std::ptrdiff_t>(row.dtypes.size()), '"', row.name,
                              "\" not implemented for '", operands.compute, "'");
  auto& slot = (layout.pairs ? row.pair_slots : row.slots[position])[layout.index()];
  if (auto* kernel = slot.get(device)) return *kernel;

  check_dtype(row.name, operands.compute);
  const auto type_of = [&](c10::ScalarType dtype) {
    return type_name(row.signless ? signed_dtype(dtype) : dtype);
  };
  std::string text = "elementwise<";
  text.append(row.scope).append(row.functor).append(",").append(type_of(opmath_dtype(operands.compute)));
  text.append(",").append(layout.operand_type(0, type_of(operands.output)));
  for (int input = 0; input < operands.inputs; ++input) {
    text.append(",").append(layout.operand_type(input + 1, type_of(input_dtype(row, operands, input))));
  }
  return slot.find(device, row.module, text.append(">"));
}

std::size_t moved_bytes(const Elements& elements) {
  std::int64_t bytes = 0;
  for (int operand = 0; operand < elements.operands; ++operand) bytes += elements.element_size[operand];
  return static_cast<std::size_t>(bytes * elements.numel());
}

// Rows of a group where they are short, or where the next row is in the same cache lines.
constexpr std::int64_t many_steps = 64;
// Rows that keep a thread of a CPU busy: the same place of other rows is often in the same set of a cache.
constexpr std::int64_t long_row = 256;

// The layout along dimension `row`. Kernels with a fixed input exist where another input is a row.
RowLayout layout_of(const Elements& elements, int immediate, int row) {
  RowLayout layout{.inputs = elements.operands - 1, .immediate = immediate};
  if (elements.numel() == 1) return layout;
  for (int operand = 0; operand < elements.operands; ++operand) {
    if (operand > 0 && operand == immediate) continue;
    if (elements.is_consecutive(operand, row)) continue;
    if (operand == 1 && layout.inputs == 1 && elements.strides[1][row] == -elements.element_size[1]) {
      layout.reversed = true;
    } else if (elements.strides[operand][row] == 0 && operand > 0 && layout.inputs > 1 && immediate == 0) {
      layout.fixed |= 1u << (operand - 1);
    } else {
      layout.strided = true;
    }
  }
  if (layout.fixed + 1 == 1u << layout.inputs && layout.inputs > 0) layout.strided = true;
  if (layout.strided) {
    layout.fixed = 0;
    layout.reversed = false;
  }
  return layout;
}

struct ElementwiseWalk : Walk {
  RowLayout layout;
  bool wants_many_steps = false;
};

// Whether the rows are whole words of two elements in every operand that has them.
bool has_pairs(const Elements& elements, int immediate, const ElementwiseWalk& walk) {
  if (elements.dims() == 0 || walk.layout.strided || walk.layout.reversed) return false;
  if (elements.shape[walk.row] % 2 != 0 || elements.shape[walk.row] < 2 * shortest_row) return false;
  for (int operand = 0; operand < elements.operands; ++operand) {
    if (operand > 0 && (operand == immediate || (walk.layout.fixed >> (operand - 1) & 1) != 0)) continue;
    const std::int64_t word = 2 * elements.element_size[operand];
    if (reinterpret_cast<std::intptr_t>(elements.data[operand]) % word != 0) return false;
    for (int d = 0; d < elements.dims(); ++d) {
      if (d != walk.row && elements.strides[operand][d] % word != 0) return false;
    }
  }
  return true;
}

ElementwiseWalk walk_of(const Elements& elements, int immediate) {
  ElementwiseWalk walk;
  const auto& shape = elements.shape;
  const int dims = elements.dims();
  walk.layout = layout_of(elements, immediate, 0);
  if (walk.layout.strided) {
    walk.row = walk_along_longest(elements).row;
    walk.layout = layout_of(elements, immediate, walk.row);
  }
  if (dims < 2) return walk;
  walk.step = walk.row == 0 ? 1 : 0;
  for (int d = 0; walk.layout.strided && d < dims && !walk.transposes; ++d) {
    if (d == walk.row || shape[d] < shortest_row) continue;
    for (int operand = 0; operand < elements.operands; ++operand) {
      if ((operand == 0 || operand != immediate) && elements.is_consecutive(operand, d)) {
        walk.step = d;
        walk.transposes = true;
      }
    }
  }
  walk.wants_many_steps = walk.transposes || shape[walk.row] < 2 * shortest_row;
  const std::int64_t steps = walk.wants_many_steps                          ? many_steps
                             : walks_alone() && shape[walk.row] >= long_row ? 1
                                                                            : 4;
  walk.steps = divisor_of(shape[walk.step], steps);
  return walk;
}

}  // namespace

void store_scalars(c10::ScalarType dtype, c10::ArrayRef<c10::Scalar> scalars, unsigned char* bytes) {
  TORCH_INTERNAL_ASSERT(scalars.size() <= kernels::elementwise_max_scalars);
  const auto opmath = opmath_dtype(dtype);
  for (const auto& scalar : scalars) {
    dispatch_opmath(opmath, [&](auto type) {
      using T = decltype(type);
      *reinterpret_cast<T*>(bytes) = with_quiet_nan(scalar.to<T>());
    });
    bytes += c10::elementSize(opmath);
  }
}

int RowLayout::index() const {
  const int rows_or_strides = strided ? 1 : 0;
  if (reversed) return 2;
  if (inputs < 2) return rows_or_strides;
  if (immediate > 0) return 4 + 2 * rows_or_strides + immediate - 1;
  const int all_fixed = (1 << inputs) - 1;
  return strided ? all_fixed : static_cast<int>(fixed);
}

std::string RowLayout::operand_type(int operand, const char* type) const {
  const char* kind = strided ? "strided<" : "row<";
  if (pairs) kind = "pairs<";
  if (operand > 0 && reversed) kind = "reversed<";
  if (operand > 0 && operand == immediate) kind = "immediate<";
  if (operand > 0 && (fixed >> (operand - 1) & 1) != 0) kind = "fixed<";
  return std::string(kind).append(type).append(">");
}

void launch_elementwise(const Elements& elements, int immediate, ElementwiseParams& params,
                        c10::function_ref<jit::Kernel&(const RowLayout&)> kernel_of, bool pairs) {
  auto walk = walk_of(elements, immediate);
  if (walk.wants_many_steps && walk.steps < many_steps / 8) {
    // The size has no good divisor: a part that has one, and the rest.
    const std::int64_t size = elements.shape[walk.step], rest = size % many_steps;
    if (size > many_steps) {
      launch_elementwise(elements.part(walk.step, 0, size - rest), immediate, params, kernel_of, pairs);
      launch_elementwise(elements.part(walk.step, size - rest, rest), immediate, params, kernel_of, pairs);
      return;
    }
  }
  walk.layout.pairs = pairs && has_pairs(elements, immediate, walk);
  Range range;
  if (!set_grid(elements, walk, params.grid, range, walk.layout.pairs ? 2 : 1)) {
    for (const auto& part : split(elements, walk)) {
      launch_elementwise(part, immediate, params, kernel_of, pairs);
    }
    return;
  }
  launch(kernel_of(walk.layout), range, params, 0, moved_bytes(elements));
}

namespace {

// The inputs whose elements are apart along the rows of a launch, where they are many.
OperandSet inputs_apart(const Elements& elements, int immediate) {
  constexpr std::int64_t many = 1 << 14;
  OperandSet apart;
  if (elements.numel() < many) return apart;
  const int along = walk_of(elements, immediate).row;
  for (int operand = 1; operand < elements.operands; ++operand) {
    const auto stride = elements.strides[operand][along];
    // Kernels with one element for a row exist where another input is a row.
    const bool fixed = stride == 0 && immediate == 0 && elements.operands > 2;
    const auto size = elements.element_size[operand];
    apart[operand] = operand != immediate && !fixed && size <= 8 && std::abs(stride) != size;
  }
  return apart;
}

// Operands of the dtypes that the kernels take.
void launch_row(at::TensorIteratorBase& iterator, ElementwiseRow& row, const Operands& operands,
                c10::ArrayRef<c10::Scalar> scalars) {
  ElementwiseParams params;
  store_scalars(operands.compute, scalars, params.scalars);
  if (row.fault) {
    const auto fault = fault_for(row.name, *row.fault);
    std::memcpy(params.scalars, &fault, sizeof fault);
  }
  if (operands.immediate > 0) {
    store_immediate(input_dtype(row, operands, operands.immediate - 1), iterator.tensor(operands.immediate),
                    params.immediate);
  }
  const Elements elements(iterator, iterator.ntensors());
  const auto launch_on = [&](const Elements& part) {
    launch_elementwise(
        part, operands.immediate, params,
        [&](const RowLayout& layout) -> jit::Kernel& {
          return kernel_of(row, operands, layout, iterator.device(0).index());
        },
        row.pairs&& operands.compute == c10::kBFloat16);
  };
  if (!iterator.is_contiguous() && walks_alone()) {
    // A CPU gathers elements more slowly than it copies them.
    const auto apart = inputs_apart(elements, operands.immediate);
    if (apart.any()) return with_dense_copies(elements, apart, launch_on);
  }
  launch_on(elements);
}

// The same after casts to the dtypes the kernels take.
void elementwise_with_casts(at::TensorIteratorBase& iterator, ElementwiseRow& row, const Operands& operands,
                            c10::ArrayRef<c10::Scalar> scalars) {
  const auto output = iterator.tensor(0);
  const bool cast_output = output.scalar_type() != operands.output;
  auto result = cast_output ? at::empty_like(output, output.options().dtype(operands.output)) : output;
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
  launch_row(cast, row, operands, scalars);
  if (cast_output) output.copy_(result);
}

}  // namespace

void elementwise(at::TensorIteratorBase& iterator, ElementwiseRow& row, c10::ArrayRef<c10::Scalar> scalars) {
  if (iterator.numel() == 0) return;
  Operands operands;
  operands.inputs = iterator.ninputs();
  operands.compute = row.first_is_bool ? iterator.input_dtype(1) : iterator.common_dtype();
  operands.output = output_dtype(row.output, operands.compute);
  if (operands.compute == c10::kComplexHalf || operands.output == c10::kComplexHalf) {
    // No kernel has operands of complex32.
    operands.compute = c10::isComplexType(operands.compute) ? c10::kComplexFloat : c10::kFloat;
    operands.output = output_dtype(row.output, operands.compute);
  }

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
  launch_row(iterator, row, operands, scalars);
}

}  // namespace ipex::aten
