// What the host hands to packed_call.hpp.
#pragma once

namespace ipex::kernels {

constexpr int packed_slot = 16;
constexpr int packed_max = 16;

struct PackedParams {
  alignas(
      packed_slot) unsigned char bytes[packed_max][packed_slot];  // each parameter at the beginning of one
};

}  // namespace ipex::kernels
