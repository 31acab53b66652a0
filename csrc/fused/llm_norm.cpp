// Layer and RMS normalization for large language models, of sums too, torch_ipex::.
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/_fused_rms_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/TensorOperators.h>
#include <c10/util/accumulate.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/library.h>

#include <tuple>

#include "aten/reduce/reduce.h"
#include "fused/llm_checks.h"
#include "kernels/llm/add_norm_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

enum class Norm { layer, rms };

// What is normalized over its last dimensions, `shape`: input + addends. The sum is written into the first
// addend where it is `kept`.
struct Normalization {
  const char* name;
  Norm norm;
  Tensor input;
  std::vector<Tensor> addends;
  at::IntArrayRef shape;
  Tensor weight, bias;
  double epsilon;
  bool kept;

  void check() const {
    check_dtype_of_model(name, input);
    const auto dims = static_cast<std::int64_t>(shape.size());
    TORCH_CHECK(dims > 0 && input.dim() >= dims && input.sizes().slice(input.dim() - dims) == shape, name,
                ": expected an input whose last sizes are ", shape, ", but got ", input.sizes());
    for (const auto& addend : addends) {
      check_like(name, "what is added", addend, input);
      check_shape(name, "what is added", addend, input.sizes());
    }
    TORCH_CHECK(!kept || addends[0].defined(), name, ": add_back needs a tensor to write the sum into");
    for (const auto* parameter : {&weight, &bias}) {
      if (!parameter->defined()) continue;
      const auto dtype = parameter->scalar_type();
      check_shape(name, "weight and bias", *parameter, shape);
      check_device(name, "weight and bias", *parameter, input);
      TORCH_CHECK(dtype == input.scalar_type() || dtype == at::kFloat, name,
                  ": expected weight and bias of dtype ", input.scalar_type(), " or Float, but got ", dtype);
    }
    TORCH_CHECK(!weight.defined() || !bias.defined() || weight.scalar_type() == bias.scalar_type(), name,
                ": expected weight and bias of one dtype, but got ", weight.scalar_type(), " and ",
                bias.scalar_type());
  }
};

// A matrix of rows whose elements follow each other, a copy where the tensor has none.
Tensor matrix_of(const Tensor& tensor, std::int64_t size) {
  const auto matrix = tensor.reshape({tensor.numel() / size, size});
  return matrix.stride(1) == 1 || size == 1 ? matrix : matrix.contiguous();
}

kernels::AddNormRows rows_of(const Tensor& matrix) {
  return {const_cast<void*>(matrix.const_data_ptr()), matrix.stride(0)};
}

Tensor normalize(const Normalization& call) {
  call.check();
  const auto& input = call.input;
  auto output = at::empty(input.sizes(), input.options());
  if (input.numel() == 0) return output;
  const auto size = c10::multiply_integers(call.shape);
  const auto rows = matrix_of(input, size);
  std::vector<Tensor> addends;
  for (const auto& addend : call.addends) addends.push_back(matrix_of(addend, size));
  const auto weight = call.weight.defined() ? call.weight.contiguous() : call.weight;
  const auto bias = call.bias.defined() ? call.bias.contiguous() : call.bias;
  kernels::AddNormParams params{};
  params.input = rows_of(rows);
  for (std::size_t k = 0; k < addends.size(); ++k) params.addends[k] = rows_of(addends[k]);
  if (call.kept) params.sum = params.addends[0];
  params.weight = data_or_null(weight);
  params.bias = data_or_null(bias);
  params.output = output.mutable_data_ptr();
  params.rows = rows.size(0);
  params.size = size;
  params.epsilon = static_cast<float>(call.epsilon);
  const auto dtype = input.scalar_type();
  const auto parameters = weight.defined() ? weight.scalar_type()
                          : bias.defined() ? bias.scalar_type()
                                           : dtype;
  const auto [kernel, range] = row_kernel("add_norm", params.rows);
  const std::size_t moved = output.nbytes() * (2 + addends.size() + (call.kept ? 1 : 0));
  launch("llm/add_norm",
         instantiation(kernel, call.norm == Norm::rms ? "true" : "false", type_name(dtype),
                       type_name(parameters)),
         range, params, 0, moved);
  if (call.kept && addends[0].const_data_ptr() != call.addends[0].const_data_ptr()) {
    call.addends[0].copy_(addends[0].view(input.sizes()));
  }
  return output;
}

// The same of operators that have derivatives.
Tensor differentiable(const Normalization& call) {
  auto sum = call.input;
  for (const auto& addend : call.addends) sum = addend + sum;
  if (call.kept) call.addends[0].copy_(sum);
  if (call.norm == Norm::layer) return at::layer_norm(sum, call.shape, call.weight, call.bias, call.epsilon);
  const auto result = std::get<0>(at::_fused_rms_norm(sum, call.shape, call.weight, call.epsilon));
  return call.bias.defined() ? result + call.bias : result;
}

Tensor normalize_recorded(const Normalization& call) {
  call.check();
  bool recorded = torch::autograd::compute_requires_grad(call.input, call.weight, call.bias);
  for (const auto& addend : call.addends) recorded |= torch::autograd::compute_requires_grad(addend);
  if (recorded) return differentiable(call);
  const at::AutoDispatchBelowADInplaceOrView below;
  auto result = normalize(call);
  if (call.kept) mark_written(call.addends[0]);
  return result;
}

using Run = Tensor (*)(const Normalization&);

template <Norm norm, Run run>
Tensor fast(const Tensor& input, at::IntArrayRef shape, const OptionalTensor& weight,
            const OptionalTensor& bias, double epsilon) {
  const auto* name = norm == Norm::rms ? "fast_rms_norm" : "fast_layer_norm";
  return run(
      {name, norm, input, {}, shape, defined_or_empty(weight), defined_or_empty(bias), epsilon, false});
}

template <Norm norm, Run run>
Tensor add(const Tensor& add1, const Tensor& input, at::IntArrayRef shape, const OptionalTensor& weight,
           const OptionalTensor& bias, double epsilon, bool add_back) {
  const auto* name = norm == Norm::rms ? "add_rms_norm" : "add_layer_norm";
  return run({name,
              norm,
              input,
              {add1},
              shape,
              defined_or_empty(weight),
              defined_or_empty(bias),
              epsilon,
              add_back});
}

template <Norm norm, Run run>
Tensor add_add(const Tensor& add1, const Tensor& add2, const Tensor& input, at::IntArrayRef shape,
               const OptionalTensor& weight, const OptionalTensor& bias, double epsilon, bool add_back) {
  const auto* name = norm == Norm::rms ? "add_add_rms_norm" : "add_add_layer_norm";
  return run({name,
              norm,
              input,
              {add1, add2},
              shape,
              defined_or_empty(weight),
              defined_or_empty(bias),
              epsilon,
              add_back});
}

// With the reciprocal of the root of the mean square.
std::tuple<Tensor, Tensor> rms_norm(const Tensor& input, at::IntArrayRef shape, const OptionalTensor& weight,
                                    double epsilon) {
  return at::_fused_rms_norm(input, shape, weight, epsilon);
}

template <Run run>
void implement(torch::Library& library) {
  library.impl("fast_rms_norm", fast<Norm::rms, run>);
  library.impl("fast_layer_norm", fast<Norm::layer, run>);
  library.impl("add_rms_norm", add<Norm::rms, run>);
  library.impl("add_layer_norm", add<Norm::layer, run>);
  library.impl("add_add_rms_norm", add_add<Norm::rms, run>);
  library.impl("add_add_layer_norm", add_add<Norm::layer, run>);
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_FRAGMENT(torch_ipex, m) {
  m.def("rms_norm(Tensor input, int[] normalized_shape, Tensor? weight, float epsilon) -> (Tensor, Tensor)",
        ipex::aten::rms_norm);
  for (const std::string norm : {"rms_norm", "layer_norm"}) {
    const std::string rest =
        "Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float epsilon";
    ipex::aten::define(m, "fast_" + norm + "(" + rest + ") -> Tensor");
    ipex::aten::define(m, "add_" + norm + "(Tensor(a!) add1, " + rest + ", bool add_back=False) -> Tensor");
    ipex::aten::define(
        m, "add_add_" + norm + "(Tensor(a!) add1, Tensor add2, " + rest + ", bool add_back=False) -> Tensor");
  }
}

TORCH_LIBRARY_IMPL(torch_ipex, XPU, m) { ipex::aten::implement<ipex::aten::normalize>(m); }
TORCH_LIBRARY_IMPL(torch_ipex, AutogradXPU, m) { ipex::aten::implement<ipex::aten::normalize_recorded>(m); }
