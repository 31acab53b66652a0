// Operators without a kernel of ours run on the CPU.
#pragma once

#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/native/CPUFallback.h>
#include <torch/library.h>

#include <cstdint>
#include <map>
#include <string>

namespace ipex::aten {

// The dispatcher's boxed fallback. IPEX_XPU_FALLBACK=warn tells each operator once, =error forbids it.
void cpu_fallback(const c10::OperatorHandle& operation, torch::jit::Stack* stack);

// The same for sparse, quantized and nested tensors.
void layout_fallback(const c10::OperatorHandle& operation, torch::jit::Stack* stack);
torch::CppFunction boxed_layout_fallback();

// Counts a call, tells of it or refuses it, as IPEX_XPU_FALLBACK says.
void account_fallback(const c10::OperatorHandle& operation);

// Replaces every tensor of a value by function(tensor).
template <class Function>
void for_each_tensor(c10::IValue& value, Function function) {
  if (value.isTensor()) {
    value = function(value.toTensor());
  } else if (value.isTensorList()) {
    auto list = value.toTensorList();
    c10::List<at::Tensor> mapped;
    for (const at::Tensor& tensor : list) mapped.push_back(function(tensor));
    value = std::move(mapped);
  } else if (value.isOptionalTensorList()) {
    auto list = value.toOptionalTensorList();
    c10::List<std::optional<at::Tensor>> mapped;
    for (const std::optional<at::Tensor>& tensor : list) {
      mapped.push_back(tensor ? std::optional(function(*tensor)) : std::nullopt);
    }
    value = std::move(mapped);
  }
}

// Runs an operator by `call`, which takes it from the stack, on what `host` has for its arguments, and puts
// what `host` makes of the results in their place.
template <class Host, class Call>
void run_on_host(const c10::OperatorHandle& operation, torch::jit::Stack* stack, Host& host, Call call) {
  const auto& arguments = operation.schema().arguments();
  const auto first = stack->size() - arguments.size();
  for (std::size_t index = 0; index < arguments.size(); ++index) {
    auto& value = (*stack)[first + index];
    const auto* alias = arguments[index].alias_info();
    const bool written = alias != nullptr && alias->isWrite();
    for_each_tensor(value, [&](const at::Tensor& tensor) { return host.argument(tensor, written); });
    if (value.isDevice() && value.toDevice().is_xpu()) {
      host.set_device(value.toDevice());
      value = c10::Device(c10::kCPU);
    }
  }
  call();
  host.write_back();
  const auto returns = stack->size() - operation.schema().returns().size();
  for (auto index = returns; index < stack->size(); ++index) {
    for_each_tensor((*stack)[index], [&](const at::Tensor& tensor) { return host.result(tensor); });
  }
}

// The fallback for a case that an operator's kernel leaves out: on_cpu<at::_ops::mm_out>::call(…).
template <class Operator>
using on_cpu = at::native::call_fallback_fn_symint<&cpu_fallback, Operator>;

// Calls so far, by operator.
std::map<std::string, std::int64_t> fallback_counts();
void reset_fallback_counts();

}  // namespace ipex::aten
