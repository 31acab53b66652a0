// Products that kernels of ours compute although the library would.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>

#include "runtime/libraries.h"
#include "runtime/limits.h"

namespace ipex::aten {

// The most multiplications of a product that kernels of ours take on a CPU. A library's task costs about 25
// µs beyond its work where kernels come before and after it. `python bench/small.py --crossover` measures.
struct SmallProduct {
  std::int64_t single, half;  // in float32; in bfloat16 and float16
};
constexpr SmallProduct small_matmul{1 << 19, 1 << 18};
constexpr SmallProduct small_convolution{1 << 18, 1 << 18};
constexpr SmallProduct small_convolution_data{1 << 15, 1 << 15};  // their kernel meets few elements in order
constexpr SmallProduct small_convolution_weights{1 << 18, 1 << 18};

inline bool is_small(const SmallProduct& limit, c10::Device device, c10::ScalarType dtype,
                     std::int64_t multiplications) {
  const bool half = dtype == c10::kBFloat16 || dtype == c10::kHalf;
  return multiplications <= (half ? limit.half : limit.single) &&
         runtime::libraries() == runtime::Libraries::automatic &&
         runtime::device_limits(device.index()).is_cpu;
}

}  // namespace ipex::aten
