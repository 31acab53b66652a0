#pragma once

#include <span>

#include "jit/spirv.h"

namespace ipex::jit {

// 32-bit words as LEB128: seven bits to a byte, the low ones first, the eighth set where more follow. SPIR-V,
// made of small numbers, shrinks to half. The bytes' size must be a multiple of 4.
Bytes pack_words(std::span<const std::byte> words);
Bytes unpack_words(std::span<const std::byte> packed);  // throws Error where the last word is not whole

}  // namespace ipex::jit
