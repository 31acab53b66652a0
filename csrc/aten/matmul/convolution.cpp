#include "onednn/convolution.h"

#include <ATen/native/ConvUtils.h>
#include <ATen/ops/convolution_backward_overrideable_native.h>
#include <ATen/ops/convolution_overrideable_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <c10/util/accumulate.h>

#include "aten/dtypes.h"
#include "aten/matmul/plain_convolution.h"
#include "aten/matmul/small_products.h"
#include "onednn/engine.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using onednn::ConvolutionGeometry;

void check_dtypes(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  TORCH_CHECK(input.options().type_equal(weight.options()), "Input type (", input.toString(),
              ") and weight type (", weight.toString(), ") should be the same");
  TORCH_CHECK(!bias.defined() || input.options().type_equal(bias.options()), "Input type (", input.toString(),
              ") and bias type (", bias.toString(), ") should be the same");
}

at::MemoryFormat memory_format(const Tensor& input, const Tensor& weight) {
  if (!at::native::xpu_conv_use_channels_last(input, weight)) return at::MemoryFormat::Contiguous;
  return input.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast;
}

bool library_serves(const Tensor& input) {
  return onednn::convolution_refusal(input.device(), input.scalar_type()) == nullptr;
}

// Where the library has no half-precision convolution, operands and results are float32.
c10::ScalarType library_dtype(const Tensor& input) {
  const auto dtype = input.scalar_type();
  return onednn::dtype_support(input.device().index(), dtype) == onednn::DtypeSupport::native ? dtype
                                                                                              : c10::kFloat;
}

struct Operands {
  at::MemoryFormat format;
  c10::ScalarType dtype;

  Tensor read(const Tensor& tensor) const { return tensor.to(dtype).contiguous(format); }
  Tensor make(c10::IntArrayRef sizes, const Tensor& like) const {
    return at::empty(sizes, like.options().dtype(dtype).memory_format(format));
  }
};

std::vector<std::int64_t> output_sizes(const Tensor& input, const Tensor& weight, c10::IntArrayRef padding,
                                       c10::IntArrayRef output_padding, c10::IntArrayRef stride,
                                       c10::IntArrayRef dilation, bool transposed, std::int64_t groups) {
  if (!transposed) {
    return at::native::conv_output_size(input.sizes(), weight.sizes(), padding, stride, dilation);
  }
  return at::native::conv_input_size(input.sizes(), weight.sizes(), padding, output_padding, stride, dilation,
                                     groups);
}

Tensor sum_over_channels(const Tensor& gradient) {
  std::vector<std::int64_t> dimensions{0};
  for (std::int64_t dimension = 2; dimension < gradient.dim(); ++dimension) dimensions.push_back(dimension);
  return at::sum(gradient, dimensions);
}

// The products of x, w and y (onednn/convolution.h), each by the library or by kernels of ours.
struct Products {
  ConvolutionGeometry geometry;
  bool forward_by_library, data_by_library, weights_by_library;

  Products(const Tensor& input, const Tensor& weight, c10::IntArrayRef y, const ConvolutionGeometry& given)
      : geometry(given) {
    const auto multiplications = y[0] * c10::multiply_integers(y.slice(2)) * weight.numel();
    const auto elements = input.numel() + weight.numel() + c10::multiply_integers(y);
    const auto by_library = [&](const SmallProduct& product) {
      if (!library_serves(input)) return false;
      // The kernels for few channels of a group gain nothing.
      return given.groups > 1 ||
             !is_small(product, input.device(), input.scalar_type(), multiplications, elements);
    };
    forward_by_library = by_library(small_convolution);
    data_by_library = by_library(small_convolution_data);
    weights_by_library = by_library(small_convolution_weights);
  }

  void forward(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias) const {
    if (forward_by_library) return onednn::convolution_forward(y, x, w, bias, geometry);
    plain_convolution_forward(y, x, w, bias, geometry);
  }

  void backward_data(const Tensor& x, const Tensor& y, const Tensor& w) const {
    if (data_by_library) return onednn::convolution_backward_data(x, y, w, geometry);
    plain_convolution_backward_data(x, y, w, geometry);
  }

  // `bias` is undefined where our kernels compute.
  void backward_weights(const Tensor& w, const Tensor& bias, const Tensor& y, const Tensor& x) const {
    if (weights_by_library) return onednn::convolution_backward_weights(w, bias, y, x, geometry);
    plain_convolution_backward_weights(w, y, x, geometry);
  }
};

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;
using ipex::onednn::ConvolutionGeometry;

// A transposed convolution is the data gradient of the convolution with the same weights, so x and y change
// places: its output is x.
Tensor convolution_overrideable_xpu(const Tensor& input, const Tensor& weight,
                                    const std::optional<Tensor>& optional_bias, IntArrayRef stride,
                                    IntArrayRef padding, IntArrayRef dilation, bool transposed,
                                    IntArrayRef output_padding, int64_t groups) {
  const Tensor bias = optional_bias.value_or(Tensor());
  check_dtypes(input, weight, bias);
  check_dtype("convolution", input.scalar_type());
  const auto sizes =
      output_sizes(input, weight, padding, output_padding, stride, dilation, transposed, groups);
  const Products products(input, weight, transposed ? input.sizes() : c10::IntArrayRef(sizes),
                          {stride, padding, dilation, groups});
  const bool by_library = transposed ? products.data_by_library : products.forward_by_library;
  const Operands operands{memory_format(input, weight),
                          by_library ? library_dtype(input) : input.scalar_type()};
  const auto source = operands.read(input);
  const auto filter = operands.read(weight);
  const auto addend = bias.defined() ? bias.to(operands.dtype).contiguous() : bias;
  const auto output = operands.make(sizes, input);
  if (output.numel() != 0) {
    if (transposed) {
      products.backward_data(output, source, filter);
      if (bias.defined()) output.add_(reshape_bias(output.dim(), addend));
    } else {
      products.forward(output, source, filter, addend);
    }
  }
  return output.to(input.scalar_type());
}

std::tuple<Tensor, Tensor, Tensor> convolution_backward_overrideable_xpu(
    const Tensor& grad_output, const Tensor& input, const Tensor& weight, IntArrayRef stride,
    IntArrayRef padding, IntArrayRef dilation, bool transposed, IntArrayRef /*output_padding*/,
    int64_t groups, std::array<bool, 3> output_mask) {
  check_dtypes(input, weight, grad_output);
  check_dtype("convolution_backward", input.scalar_type());
  const auto [need_input, need_weight, need_bias] = output_mask;
  const auto dtype = input.scalar_type();
  const Products products(input, weight, (transposed ? input : grad_output).sizes(),
                          {stride, padding, dilation, groups});
  const bool by_library =
      (need_input && (transposed ? products.forward_by_library : products.data_by_library)) ||
      (need_weight && products.weights_by_library);
  const Operands operands{memory_format(input, weight), by_library ? library_dtype(input) : dtype};
  const auto gradient = operands.read(grad_output);
  Tensor grad_input, grad_weight, grad_bias;
  if (need_input) {
    const auto filter = operands.read(weight);
    const auto result = operands.make(input.sizes(), input);
    if (transposed) {
      products.forward(result, gradient, filter, {});
    } else {
      products.backward_data(result, gradient, filter);
    }
    grad_input = result.to(dtype);
  }
  // The library sums the bias gradient on the way where the output is its y.
  const bool fused_bias = need_bias && need_weight && !transposed && products.weights_by_library;
  if (need_weight) {
    const auto source = operands.read(input);
    const auto result = operands.make(weight.sizes(), weight);
    const auto bias = fused_bias ? at::empty({gradient.size(1)}, gradient.options()) : Tensor();
    products.backward_weights(result, bias, transposed ? source : gradient, transposed ? gradient : source);
    grad_weight = result.to(dtype);
    if (fused_bias) grad_bias = bias.to(dtype);
  }
  if (need_bias && !fused_bias) grad_bias = sum_over_channels(gradient).to(dtype);
  return {grad_input, grad_weight, grad_bias};
}

}  // namespace at::native
