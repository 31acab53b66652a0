#include "aten/dtypes.h"

#include <c10/core/DynamicCast.h>
#include <c10/util/Exception.h>

#include "runtime/limits.h"

namespace ipex::aten {

const char* type_name(c10::ScalarType dtype) {
  static constexpr const char* names[dtype_count] = {
      "float",   "double",  "half",    "bfloat16", "complex<float>", "complex<double>", "uint8_t", "int8_t",
      "int16_t", "int32_t", "int64_t", "uint16_t", "uint32_t",       "uint64_t",        "bool"};
  const int index = dtype_index(dtype);
  TORCH_CHECK_NOT_IMPLEMENTED(index >= 0, "XPU kernels do not support ", dtype);
  return names[index];
}

void check_dtype(const char* name, c10::ScalarType dtype) {
  const auto& limits = runtime::device_limits();
  const bool lacks_fp64 = !limits.fp64 && (dtype == c10::kDouble || dtype == c10::kComplexDouble);
  const bool lacks_fp16 = !limits.fp16 && dtype == c10::kHalf;
  TORCH_CHECK(!lacks_fp64 && !lacks_fp16, name, ": the current XPU device has no hardware support for ",
              dtype, "; convert to float32 first");
}

c10::Scalar read_scalar(c10::ScalarType dtype, const void* value) {
  if (dtype == c10::kBool) return *static_cast<const bool*>(value);
  if (c10::isComplexType(dtype)) return c10::fetch_and_cast<c10::complex<double>>(dtype, value);
  if (c10::isFloatingType(dtype)) return c10::fetch_and_cast<double>(dtype, value);
  if (dtype == c10::kUInt64) return *static_cast<const std::uint64_t*>(value);
  return c10::fetch_and_cast<std::int64_t>(dtype, value);
}

}  // namespace ipex::aten
