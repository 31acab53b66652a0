// Random numbers for operators.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "aten/launch.h"
#include "kernels/random_params.hpp"

namespace ipex::aten {

// Takes `draws` Philox blocks per index from the generator, or from the device's default one.
kernels::PhiloxState reserve_random(const std::optional<at::Generator>& generator, c10::Device device,
                                    std::int64_t draws = 1);

// Work-groups for the kernels of random.hpp where a block gives `count` elements.
Range random_range(std::int64_t numel, int count);

// The number of 2^32 below which a random word is with probability p.
std::uint64_t random_threshold(double p);

}  // namespace ipex::aten
