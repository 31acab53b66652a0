// Operators without a kernel of ours run on the CPU.
#pragma once

#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/native/CPUFallback.h>

#include <cstdint>
#include <map>
#include <string>

namespace ipex::aten {

// The dispatcher's boxed fallback. IPEX_XPU_FALLBACK=warn tells each operator once, =error forbids it.
void cpu_fallback(const c10::OperatorHandle& operation, torch::jit::Stack* stack);

// The fallback for a case that an operator's kernel leaves out: on_cpu<ATEN_OP2(mm, out)>::call(…).
template <class Operator>
using on_cpu = at::native::call_fallback_fn_symint<&cpu_fallback, Operator>;

// Calls so far, by operator.
std::map<std::string, std::int64_t> fallback_counts();
void reset_fallback_counts();

}  // namespace ipex::aten
