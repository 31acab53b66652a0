// Products that kernels of ours compute although the library would.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>

#include "runtime/libraries.h"
#include "runtime/limits.h"

namespace ipex::aten {

// Up to how many multiplications, and elements of operands and result together, kernels of ours take a
// product on a CPU. A library's task costs 10 to 25 µs beyond its work where kernels come before and after
// it; our kernels lay out operands for each call. `python bench/small.py --crossover` measures.
struct Limit {
  std::int64_t multiplications, elements;
};
struct SmallProduct {
  Limit single, half;  // in float32; in bfloat16 and float16
};
constexpr SmallProduct small_matmul{{1 << 20, 96 << 10}, {1 << 19, 48 << 10}};
constexpr SmallProduct small_convolution{{1 << 18, 1 << 16}, {1 << 18, 1 << 16}};
constexpr SmallProduct small_convolution_data{{96 << 10, 1 << 16}, {64 << 10, 1 << 16}};
constexpr SmallProduct small_convolution_weights{{1 << 19, 1 << 16}, {1 << 18, 1 << 16}};

inline bool is_small(const SmallProduct& product, c10::Device device, c10::ScalarType dtype,
                     std::int64_t multiplications, std::int64_t elements) {
  const bool half = dtype == c10::kBFloat16 || dtype == c10::kHalf;
  const auto& limit = half ? product.half : product.single;
  return multiplications <= limit.multiplications && elements <= limit.elements &&
         runtime::libraries() == runtime::Libraries::automatic &&
         runtime::device_limits(device.index()).is_cpu;
}

}  // namespace ipex::aten
