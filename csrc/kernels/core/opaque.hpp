// Elements of a given size whose meaning does not matter: kernels that only move data exist once for each
// size.
#pragma once

#include <cstdint>

namespace ipex::kernels {

struct opaque128 {
  std::uint64_t low, high;
};

}  // namespace ipex::kernels
