// Products with weights of few bits. Up to eight rows of activations are multiplied by kernels that read
// codes; for more, a few hundred rows of the weight at a time become numbers for a plain product.
#include "fused/llm_quantized.h"

#include <ATen/ceil_div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdlib>

#include "aten/kernel_table.h"
#include "aten/matmul/matmul.h"
#include "aten/reduce/reduce.h"
#include "kernels/llm/quantized_linear_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

struct Kind {
  std::string_view name;
  const char* format;  // of the kernels
  std::int64_t bits;
  bool integers;                // multiplied with integers on a CPU
  bool by_packs = true;         // or, on a CPU too, by sub-groups, which look tables up
  const char* bytes = nullptr;  // the format of the kernels that multiply bytes

  std::int64_t block_bytes() const { return kernels::quantized_block * bits / 8; }
};
constexpr Kind kinds[] = {{"int8", "weights::int8", 8, true, true, "byte_weights::int8"},
                          {"int4", "weights::int4", 4, true, true, "byte_weights::int4"},
                          {"nf4", "weights::nf4", 4, false, false},
                          {"e4m3", "weights::e4m3", 8, false},
                          {"e5m2", "weights::e5m2", 8, false}};

// Rows of the weight that are numbers at a time.
constexpr std::int64_t tile_rows = 512;

const Kind& kind_of(const char* name, std::string_view kind) {
  for (const auto& row : kinds) {
    if (row.name == kind) return row;
  }
  TORCH_CHECK_VALUE(false, name, ": expected a kind int8, int4, nf4, e4m3 or e5m2, but got ", kind);
}

std::int64_t spans_of(const QuantizedMatrix& matrix) { return at::ceil_div(matrix.columns, matrix.span); }

kernels::NumberKind number_kind(c10::ScalarType dtype) {
  return dtype == c10::kFloat  ? kernels::NumberKind::float32
         : dtype == c10::kHalf ? kernels::NumberKind::half
                               : kernels::NumberKind::bfloat16;
}

void check_float(const char* name, const char* what, c10::ScalarType dtype) {
  TORCH_CHECK(dtype == c10::kFloat || dtype == c10::kHalf || dtype == c10::kBFloat16, name, ": expected ",
              what, " of dtype float32, float16 or bfloat16, but got ", dtype);
  check_dtype(name, dtype);
}

// How few rows are multiplied.
enum class Way { floats_by_sub_groups, floats, integers, bytes };

constexpr std::int64_t cache_line = 64;

// Whether the processor multiplies bytes, and the driver compiles for it and no other.
bool multiplies_bytes() {
  static const bool does = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
                           std::getenv("CL_CONFIG_CPU_TARGET_ARCH") == nullptr;
  return does;
}

Way way_of(const Kind& kind, const QuantizedMatrix& weight, c10::ScalarType dtype) {
  if (!walks_alone() || !kind.by_packs) return Way::floats_by_sub_groups;
  if (!kind.integers) return Way::floats;
  // Two bytes hold what half and bfloat16 do, but not what float does.
  const bool whole = weight.codes.size(1) % cache_line == 0;
  return dtype != c10::kFloat && whole && multiplies_bytes() ? Way::bytes : Way::integers;
}

// How activations of a dtype lie for a way.
kernels::ActivationsParams activation_shape(const QuantizedMatrix& weight, const Kind& kind, Way way,
                                            c10::ScalarType dtype) {
  const auto spans = spans_of(weight);
  const bool integers = way == Way::integers || way == Way::bytes;
  const auto blocks =
      std::max(spans * weight.span / kernels::quantized_block, weight.codes.size(1) / kind.block_bytes());
  kernels::ActivationsParams params{};
  params.row_bytes = blocks * kernels::quantized_block * (integers ? 2 : 4) + 4 * cache_line;
  params.columns = static_cast<std::int32_t>(weight.columns);
  params.spans = static_cast<std::int32_t>(spans);
  params.span_size = static_cast<std::int32_t>(weight.span);
  params.blocks = static_cast<std::int32_t>(blocks);
  // Sixteen bits hold more than half and bfloat16 do, but less than float.
  params.digits = way == Way::integers && dtype == c10::kFloat ? 2 : 1;
  return params;
}

// The most rows of an input that are multiplied by reading codes; for more it is faster that weights become
// numbers first.
std::int64_t most_direct_rows(const Kind& kind, Way way) {
  switch (way) {
    case Way::bytes:
      return 12;
    case Way::floats_by_sub_groups:
      return walks_alone() ? 2 : 16;
    default:
      return kind.bits == 8 ? 8 : 6;
  }
}

// Rows of activations as a kernel multiplies them.
struct Activations {
  Tensor values, scales, sums;
  std::int64_t digits, row_bytes, spans;

  kernels::QuantizedActivations from_row(std::int64_t first) const {
    const auto row = first * digits;
    return {static_cast<const char*>(values.const_data_ptr()) + row * row_bytes, row_bytes,
            scales.defined() ? scales.const_data_ptr<float>() + row * spans : nullptr,
            sums.defined() ? sums.const_data_ptr<float>() + row * spans : nullptr};
  }
};

Activations activations_of(const Tensor& input, const QuantizedMatrix& weight, const Kind& kind, Way way) {
  auto params = activation_shape(weight, kind, way, input.scalar_type());
  const auto rows = input.size(0), all = rows * params.digits;
  const bool integers = way == Way::integers || way == Way::bytes;
  Activations result;
  result.spans = params.spans;
  result.digits = params.digits;
  result.row_bytes = params.row_bytes;
  params.input = input.const_data_ptr();
  params.rows = rows;
  params.row_stride = input.stride(0);
  result.values = at::empty({all * result.row_bytes}, input.options().dtype(c10::kByte));
  params.values = result.values.mutable_data_ptr();
  if (integers) {
    // Kernels read packs, so beyond the last span.
    const auto floats = input.options().dtype(c10::kFloat);
    result.scales = at::empty({all * result.spans + cache_line}, floats);
    result.sums = at::empty_like(result.scales);
    params.scales = result.scales.mutable_data_ptr<float>();
    params.sums = result.sums.mutable_data_ptr<float>();
  }
  const char* type = type_name(input.scalar_type());
  if (way == Way::bytes) {
    launch("llm/quantized_bytes", instantiation("byte_activations", type, kind.bytes),
           single_range(rows * result.spans, 1), params);
  } else {
    const auto [kernel, range] =
        row_kernel(integers ? "integer_activations" : "plain_activations", rows * result.spans);
    launch("llm/quantized_linear", instantiation(kernel, type), range, params);
  }
  return result;
}

// The kernel for so many rows of activations.
void launch_product(const Kind& kind, Way way, const kernels::QuantizedProductParams& params) {
  const auto count = params.rows * params.digits;
  const bool one = count == 1, two = count == 2;
  const char* taken = one ? "1" : two && way != Way::floats_by_sub_groups ? "2" : "4";
  const auto rows = params.weight.rows;
  if (way == Way::bytes) {
    launch("llm/quantized_bytes", instantiation("quantized_product_of_bytes", kind.bytes, "4", taken),
           single_range(rows, 1), params);
  } else if (way == Way::floats_by_sub_groups) {
    launch("llm/quantized_linear", instantiation("quantized_product", kind.format, taken),
           sub_group_range(rows), params);
  } else {
    launch("llm/quantized_linear", instantiation("quantized_product_by_packs", kind.format, taken),
           single_range(rows, 1), params);
  }
}

// For few rows: by kernels that read codes.
void multiply_codes(const Tensor& output, const Tensor& input, const QuantizedMatrix& weight,
                    const Tensor& bias) {
  const auto& kind = kind_of("quantized_linear", weight.kind);
  const auto way = way_of(kind, weight, input.scalar_type());
  const auto activations = activations_of(input, weight, kind, way);
  kernels::QuantizedProductParams params{};
  params.weight = weight_params(weight);
  params.bias = bias.defined() ? bias.const_data_ptr() : nullptr;
  params.output_stride = output.stride(0);
  params.digits = static_cast<std::int32_t>(activations.digits);
  params.kind = number_kind(output.scalar_type());
  const std::int64_t most = kernels::quantized_most_rows / activations.digits;
  for (std::int64_t first = 0; first < input.size(0); first += most) {
    params.rows = static_cast<std::int32_t>(std::min(most, input.size(0) - first));
    params.activations = activations.from_row(first);
    params.output = static_cast<char*>(output.mutable_data_ptr()) +
                    first * output.stride(0) * static_cast<std::int64_t>(output.element_size());
    launch_product(kind, way, params);
  }
}

void dequantize_rows(const Tensor& output, const QuantizedMatrix& weight, std::int64_t first_row) {
  kernels::DequantizeParams params{};
  params.weight = weight_params(weight);
  params.output = output.mutable_data_ptr();
  params.first_row = first_row;
  params.rows = output.size(0);
  params.columns = static_cast<std::int32_t>(weight.columns);
  const auto [kernel, range] = row_kernel("dequantize_rows", params.rows);
  launch("llm/quantized_linear",
         instantiation(kernel, kind_of("dequantize", weight.kind).format, type_name(output.scalar_type())),
         range, params);
}

// For many rows: calls function(first row, tile) for tiles of the weight that became numbers, which share
// memory.
template <class Function>
void for_tiles(const QuantizedMatrix& weight, const at::TensorOptions& options, Function function) {
  const auto most = std::min(tile_rows, weight.rows());
  const auto scratch = at::empty({most, weight.columns}, options);
  for (std::int64_t first = 0; first < weight.rows(); first += most) {
    const auto tile = scratch.narrow(0, 0, std::min(most, weight.rows() - first));
    dequantize_rows(tile, weight, first);
    function(first, tile);
  }
}

void multiply_tiles(const Tensor& output, const Tensor& input, const QuantizedMatrix& weight,
                    const Tensor& bias) {
  for_tiles(weight, input.options(), [&](std::int64_t first, const Tensor& tile) {
    const auto part = output.narrow(1, first, tile.size(0));
    if (bias.defined()) {
      multiply_add("quantized_linear", part, bias.narrow(0, first, tile.size(0)), input, tile.t(), 1, 1);
    } else {
      multiply("quantized_linear", part, input, tile.t());
    }
  });
}

}  // namespace

kernels::QuantizedWeight weight_params(const QuantizedMatrix& matrix) {
  kernels::QuantizedWeight weight{};
  weight.codes = matrix.codes.const_data_ptr<std::uint8_t>();
  weight.scales = matrix.scales.const_data_ptr();
  weight.zeros = matrix.zeros.defined() ? matrix.zeros.const_data_ptr() : nullptr;
  weight.rows = matrix.rows();
  weight.row_bytes = matrix.codes.size(1);
  weight.spans = static_cast<std::int32_t>(spans_of(matrix));
  weight.span_blocks = static_cast<std::int32_t>(matrix.span / kernels::quantized_block);
  weight.row_scales = static_cast<std::int32_t>(matrix.scales.size(1));
  weight.half_scales = matrix.scales.scalar_type() == c10::kHalf;
  weight.zeros_are_offsets = matrix.zeros_are_offsets;
  return weight;
}

CodeProduct code_product(const char* name, const QuantizedMatrix& matrix, c10::ScalarType dtype) {
  check_matrix(name, matrix);
  const auto& kind = kind_of(name, matrix.kind);
  const auto way = way_of(kind, matrix, dtype);
  TORCH_CHECK_NOT_IMPLEMENTED(way != Way::floats_by_sub_groups, name, ": no kernel of one work-item for ",
                              matrix.kind);
  return {way == Way::bytes ? kind.bytes : kind.format, activation_shape(matrix, kind, way, dtype)};
}

void check_matrix(const char* name, const QuantizedMatrix& matrix) {
  const auto& kind = kind_of(name, matrix.kind);
  const auto& [kind_name, codes, scales, zeros, columns, span, offsets] = matrix;
  TORCH_CHECK(span == 32 || span == 64 || span == 128, name,
              ": expected a span of 32, 64 or 128 weights, but got ", span);
  TORCH_CHECK(columns > 0 && columns <= std::int64_t{1} << 30, name,
              ": expected 1 to 2^30 input features, but got ", columns);
  const auto spans = spans_of(matrix), bytes = spans * span * kind.bits / 8;
  TORCH_CHECK(codes.scalar_type() == c10::kByte && codes.dim() == 2 && codes.size(1) >= bytes &&
                  codes.size(1) % kind.block_bytes() == 0 && codes.is_contiguous(),
              name, ": expected contiguous codes of dtype uint8 and shape [output features, at least ", bytes,
              " in whole blocks of ", kind.block_bytes(), "] for ", columns, " input features of ", kind_name,
              ", but got ", codes.scalar_type(), " and ", codes.sizes());
  const auto fits = [&](const Tensor& tensor) {
    return tensor.dim() == 2 && tensor.size(0) == codes.size(0) &&
           (tensor.size(1) == spans || tensor.size(1) == 1) && tensor.is_contiguous();
  };
  TORCH_CHECK(fits(scales) && (scales.scalar_type() == c10::kFloat || scales.scalar_type() == c10::kHalf),
              name, ": expected contiguous scales of dtype float32 or float16 and shape [", codes.size(0),
              ", ", spans, " or 1], but got ", scales.scalar_type(), " and ", scales.sizes());
  TORCH_CHECK(!zeros.defined() || (zeros.scalar_type() == scales.scalar_type() &&
                                   zeros.sizes() == scales.sizes() && zeros.is_contiguous()),
              name, ": expected zero points of dtype and shape of the scales, ", scales.scalar_type(),
              " and ", scales.sizes(), ", but got ", zeros.defined() ? zeros.scalar_type() : c10::kFloat,
              " and ", zeros.defined() ? zeros.sizes() : at::IntArrayRef());
  TORCH_CHECK(codes.device() == scales.device() && (!zeros.defined() || zeros.device() == codes.device()),
              name, ": expected codes, scales and zero points on one device, but got ", codes.device(),
              " and ", scales.device());
}

Tensor quantized_linear(const char* name, const Tensor& input, const QuantizedMatrix& weight,
                        const std::optional<Tensor>& bias) {
  check_matrix(name, weight);
  check_float(name, "an input", input.scalar_type());
  TORCH_CHECK(input.dim() > 0 && input.size(-1) == weight.columns, name,
              ": expected an input of shape [..., ", weight.columns, "], but got ", input.sizes());
  TORCH_CHECK(input.device() == weight.codes.device(), name,
              ": expected input and weight on one device, but got ", input.device(), " and ",
              weight.codes.device());
  const bool has_bias = bias && bias->defined();
  TORCH_CHECK(
      !has_bias || (bias->dim() == 1 && bias->size(0) == weight.rows() && bias->device() == input.device()),
      name, ": expected a bias of shape [", weight.rows(), "] on ", input.device(), ", but got ",
      has_bias ? bias->sizes() : at::IntArrayRef());
  const c10::DeviceGuard guard(input.device());
  auto sizes = input.sizes().vec();
  sizes.back() = weight.rows();
  auto rows = input.reshape({-1, weight.columns});
  if (rows.stride(1) != 1 && rows.size(0) > 0) rows = rows.contiguous();
  const auto output = at::empty({rows.size(0), weight.rows()}, input.options());
  const auto added = has_bias ? bias->to(input.scalar_type()).contiguous() : Tensor();
  if (output.numel() > 0) {
    const auto& kind = kind_of(name, weight.kind);
    const bool few = rows.size(0) <= most_direct_rows(kind, way_of(kind, weight, input.scalar_type()));
    (few ? multiply_codes : multiply_tiles)(output, rows, weight, added);
  }
  return output.view(sizes);
}

namespace {

QuantizedMatrix matrix_of(std::string_view kind, const Tensor& codes, const Tensor& scales,
                          const std::optional<Tensor>& zeros, std::int64_t columns, std::int64_t span,
                          bool zeros_are_offsets) {
  return {std::string(kind), codes, scales, zeros.value_or(Tensor()), columns, span, zeros_are_offsets};
}

Tensor woq_linear(const Tensor& input, const Tensor& codes, const Tensor& scales,
                  const std::optional<Tensor>& zeros, const std::optional<Tensor>& bias,
                  std::string_view kind, std::int64_t in_features, std::int64_t span,
                  bool zeros_are_offsets) {
  return quantized_linear("woq_linear", input,
                          matrix_of(kind, codes, scales, zeros, in_features, span, zeros_are_offsets), bias);
}

// gradient [..., rows] @ weight: what reaches the input.
Tensor woq_linear_backward(const Tensor& gradient, const Tensor& codes, const Tensor& scales,
                           const std::optional<Tensor>& zeros, std::string_view kind,
                           std::int64_t in_features, std::int64_t span, bool zeros_are_offsets) {
  const auto weight = matrix_of(kind, codes, scales, zeros, in_features, span, zeros_are_offsets);
  check_matrix("woq_linear_backward", weight);
  check_float("woq_linear_backward", "a gradient", gradient.scalar_type());
  TORCH_CHECK(gradient.dim() > 0 && gradient.size(-1) == weight.rows() && gradient.device() == codes.device(),
              "woq_linear_backward: expected a gradient of shape [..., ", weight.rows(), "] on ",
              codes.device(), ", but got ", gradient.sizes(), " on ", gradient.device());
  const c10::DeviceGuard guard(gradient.device());
  auto sizes = gradient.sizes().vec();
  sizes.back() = in_features;
  const auto rows = gradient.reshape({-1, weight.rows()});
  // Sums over tiles are rounded once.
  auto sum = at::zeros({rows.size(0), in_features}, gradient.options().dtype(c10::kFloat));
  if (sum.numel() > 0) {
    for_tiles(weight, gradient.options(), [&](std::int64_t first, const Tensor& tile) {
      sum.add_(at::mm(rows.narrow(1, first, tile.size(0)), tile));
    });
  }
  return sum.to(gradient.scalar_type()).view(sizes);
}

Tensor woq_dequantize(const Tensor& codes, const Tensor& scales, const std::optional<Tensor>& zeros,
                      std::string_view kind, std::int64_t in_features, std::int64_t span,
                      bool zeros_are_offsets, c10::ScalarType dtype) {
  const auto weight = matrix_of(kind, codes, scales, zeros, in_features, span, zeros_are_offsets);
  check_matrix("woq_dequantize", weight);
  check_float("woq_dequantize", "a result", dtype);
  const c10::DeviceGuard guard(codes.device());
  auto output = at::empty({weight.rows(), in_features}, codes.options().dtype(dtype));
  if (output.numel() > 0) dequantize_rows(output, weight, 0);
  return output;
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_FRAGMENT(torch_ipex, m) {
  m.def(
      "woq_linear(Tensor input, Tensor codes, Tensor scales, Tensor? zeros, Tensor? bias, str kind, int "
      "in_features, int span, bool zeros_are_offsets=False) -> Tensor");
  m.def(
      "woq_linear_backward(Tensor gradient, Tensor codes, Tensor scales, Tensor? zeros, str kind, int "
      "in_features, "
      "int span, bool zeros_are_offsets=False) -> Tensor");
  m.def(
      "woq_dequantize(Tensor codes, Tensor scales, Tensor? zeros, str kind, int in_features, int span, bool "
      "zeros_are_offsets, ScalarType dtype) -> Tensor");
}

TORCH_LIBRARY_IMPL(torch_ipex, XPU, m) {
  m.impl("woq_linear", ipex::aten::woq_linear);
  m.impl("woq_linear_backward", ipex::aten::woq_linear_backward);
  m.impl("woq_dequantize", ipex::aten::woq_dequantize);
}
