// Gradients of products with weights of few bits, which have none themselves.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace ipex::aten {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

Tensor call_linear(const Tensor& input, const Tensor& codes, const Tensor& scales,
                   const OptionalTensor& zeros, const OptionalTensor& bias, std::string_view kind,
                   std::int64_t in_features, std::int64_t span, bool zeros_are_offsets) {
  static const auto operation = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("torch_ipex::woq_linear", "")
                                    .typed<decltype(call_linear)>();
  const at::AutoDispatchBelowADInplaceOrView below;
  return operation.call(input, codes, scales, zeros, bias, kind, in_features, span, zeros_are_offsets);
}

Tensor call_backward(const Tensor& gradient, const Tensor& codes, const Tensor& scales,
                     const OptionalTensor& zeros, std::string_view kind, std::int64_t in_features,
                     std::int64_t span, bool zeros_are_offsets) {
  static const auto operation = c10::Dispatcher::singleton()
                                    .findSchemaOrThrow("torch_ipex::woq_linear_backward", "")
                                    .typed<decltype(call_backward)>();
  return operation.call(gradient, codes, scales, zeros, kind, in_features, span, zeros_are_offsets);
}

struct QuantizedLinear : torch::autograd::Function<QuantizedLinear> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& input, const Tensor& codes,
                        const Tensor& scales, const OptionalTensor& zeros, const OptionalTensor& bias,
                        const std::string& kind, std::int64_t in_features, std::int64_t span,
                        bool zeros_are_offsets) {
    context->save_for_backward({codes, scales, zeros.value_or(Tensor())});
    auto& saved = context->saved_data;
    saved["kind"] = kind;
    saved["in_features"] = in_features;
    saved["span"] = span;
    saved["zeros_are_offsets"] = zeros_are_offsets;
    if (bias && bias->defined()) saved["bias_dtype"] = static_cast<std::int64_t>(bias->scalar_type());
    return call_linear(input, codes, scales, zeros, bias, kind, in_features, span, zeros_are_offsets);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto& gradient = gradients[0];
    const auto weight = context->get_saved_variables();
    auto& saved = context->saved_data;
    torch::autograd::variable_list result(9);
    if (context->needs_input_grad(0)) {
      const auto zeros = weight[2].defined() ? OptionalTensor(weight[2]) : std::nullopt;
      result[0] = call_backward(gradient, weight[0], weight[1], zeros, saved["kind"].toStringRef(),
                                saved["in_features"].toInt(), saved["span"].toInt(),
                                saved["zeros_are_offsets"].toBool());
    }
    if (context->needs_input_grad(4)) {
      const auto dtype = static_cast<at::ScalarType>(saved["bias_dtype"].toInt());
      result[4] = gradient.reshape({-1, gradient.size(-1)}).sum(0).to(dtype);
    }
    return result;
  }
};

Tensor woq_linear_autograd(const Tensor& input, const Tensor& codes, const Tensor& scales,
                           const OptionalTensor& zeros, const OptionalTensor& bias, std::string_view kind,
                           std::int64_t in_features, std::int64_t span, bool zeros_are_offsets) {
  const bool wanted = at::GradMode::is_enabled() &&
                      (input.requires_grad() || (bias && bias->defined() && bias->requires_grad()));
  if (!wanted)
    return call_linear(input, codes, scales, zeros, bias, kind, in_features, span, zeros_are_offsets);
  return QuantizedLinear::apply(input, codes, scales, zeros, bias, std::string(kind), in_features, span,
                                zeros_are_offsets);
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(torch_ipex, AutogradXPU, m) { m.impl("woq_linear", ipex::aten::woq_linear_autograd); }
