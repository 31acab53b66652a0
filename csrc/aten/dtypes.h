// The dtypes of the kernels.
#pragma once

#include <c10/core/Scalar.h>
#include <c10/core/ScalarType.h>

namespace ipex::aten {

constexpr int dtype_count = 15;

// Position among the dtypes of the kernels, -1 for the others.
constexpr int dtype_index(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kFloat:
      return 0;
    case c10::kDouble:
      return 1;
    case c10::kHalf:
      return 2;
    case c10::kBFloat16:
      return 3;
    case c10::kComplexFloat:
      return 4;
    case c10::kComplexDouble:
      return 5;
    case c10::kByte:
      return 6;
    case c10::kChar:
      return 7;
    case c10::kShort:
      return 8;
    case c10::kInt:
      return 9;
    case c10::kLong:
      return 10;
    case c10::kUInt16:
      return 11;
    case c10::kUInt32:
      return 12;
    case c10::kUInt64:
      return 13;
    case c10::kBool:
      return 14;
    default:
      return -1;
  }
}

// The dtype that values of `dtype` are computed in (opmath_t of the kernels).
constexpr c10::ScalarType opmath_dtype(c10::ScalarType dtype) {
  return dtype == c10::kHalf || dtype == c10::kBFloat16 ? c10::kFloat : dtype;
}

// For kernels to which an integer's sign is nothing: uint16, uint32 and uint64, which are rare, share those
// of the signed integers of their width.
constexpr c10::ScalarType signed_dtype(c10::ScalarType dtype) {
  return dtype == c10::kUInt16   ? c10::kShort
         : dtype == c10::kUInt32 ? c10::kInt
         : dtype == c10::kUInt64 ? c10::kLong
                                 : dtype;
}

// The name of a dtype in device code ("bfloat16", "complex<float>"). Throws for a dtype the kernels do not
// have.
const char* type_name(c10::ScalarType dtype);

// Throws RuntimeError naming the dtype and the device where the current device lacks it (double without fp64,
// …).
void check_dtype(const char* name, c10::ScalarType dtype);

// The value of `dtype` at a host address.
c10::Scalar read_scalar(c10::ScalarType dtype, const void* value);

}  // namespace ipex::aten
