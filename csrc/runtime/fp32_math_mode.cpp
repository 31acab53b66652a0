#include "runtime/fp32_math_mode.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace ipex::runtime {
namespace {

Fp32MathMode mode_of_environment() {
  const char* value = std::getenv("IPEX_FP32_MATH_MODE");
  const std::string_view text = value ? value : "FP32";
  if (text == "FP32") return Fp32MathMode::FP32;
  if (text == "TF32") return Fp32MathMode::TF32;
  if (text == "BF32") return Fp32MathMode::BF32;
  TORCH_CHECK(false, "IPEX_FP32_MATH_MODE is \"", text, "\"; expected FP32, TF32 or BF32");
}

std::atomic<Fp32MathMode>& current() {
  static std::atomic<Fp32MathMode> mode{mode_of_environment()};
  return mode;
}

}  // namespace

Fp32MathMode fp32_math_mode() { return current().load(std::memory_order_relaxed); }

void set_fp32_math_mode(Fp32MathMode mode) { current().store(mode, std::memory_order_relaxed); }

}  // namespace ipex::runtime
