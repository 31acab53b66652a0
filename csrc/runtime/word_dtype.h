#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>

namespace ipex::runtime {

// Integers of `size` bytes (1, 2, 4 or 8), for what is moved and not computed with.
constexpr c10::ScalarType word_dtype(std::int64_t size) {
  return size == 1 ? c10::kByte : size == 2 ? c10::kShort : size == 4 ? c10::kInt : c10::kLong;
}

}  // namespace ipex::runtime
