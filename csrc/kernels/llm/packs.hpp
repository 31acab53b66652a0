// What kernels of one work-item in this folder are written with.
#pragma once

#include "kernels/core/pack.hpp"

// Of a function that is left apart in SPIR-V the CPU's compiler makes a second one for 16 work-items, which
// nobody calls, and takes minutes over large ones.
#define IPEX_WITHIN __attribute__((always_inline)) inline

namespace ipex::kernels {

using FloatPack = Pack<float, 16>;
using ShortPack = Pack<int16_t, 16>;

}  // namespace ipex::kernels
