#pragma once

#include <c10/core/AllocatorConfig.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace ipex::runtime {

// How large blocks and segments are: PyTorch's constants, and its settings (PYTORCH_ALLOC_CONF).
struct BlockSizes {
  using Config = c10::CachingAllocator::AcceleratorAllocatorConfig;

  static constexpr std::size_t kUnit = c10::CachingAllocator::kMinBlockSize;
  static constexpr std::size_t kSmall = c10::CachingAllocator::kSmallSize;
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  // Blocks of this size and more are not split: small requests must not take them, and large ones not waste
  // them.
  std::size_t split_limit = kNoLimit;

  // IPEX_XPU_GUARD=1: every block is a segment of its own, of exactly its size, and is never used again.
  static bool guarded() {
    static const bool chosen = [] {
      const char* text = std::getenv("IPEX_XPU_GUARD");
      const std::string_view value = text ? text : "";
      TORCH_CHECK_VALUE(value.empty() || value == "0" || value == "1", "IPEX_XPU_GUARD must be 0 or 1, got '",
                        value, "'");
      return value == "1";
    }();
    return chosen;
  }

  static bool is_small(std::size_t size) { return size <= kSmall; }

  static std::size_t round_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

  static std::size_t block(std::size_t requested) {
    if (guarded()) return requested;
    if (requested <= kUnit) return kUnit;
    const auto divisions = Config::roundup_power2_divisions(requested);
    if (divisions > 1 && requested > kUnit * divisions)
      return round_up(requested, std::bit_floor(requested) / divisions);
    return round_up(requested, kUnit);
  }

  static std::size_t segment(std::size_t block) {
    if (guarded()) return block;
    if (is_small(block)) return c10::CachingAllocator::kSmallBuffer;
    if (block < c10::CachingAllocator::kMinLargeAlloc) return std::max(block, Config::large_segment_size());
    return round_up(block, c10::CachingAllocator::kRoundLarge);
  }

  // The largest free block a request may take.
  std::size_t largest_to_use(std::size_t size) const {
    if (split_limit == kNoLimit) return kNoLimit;
    return size < split_limit ? split_limit - 1 : size + Config::max_non_split_rounding_size();
  }

  // Whether what is left of a free block of `available` bytes is worth keeping.
  bool should_split(std::size_t available, std::size_t size, bool small) const {
    const auto rest = available - size;
    return small ? rest >= kUnit : size < split_limit && rest > kSmall;
  }
};

}  // namespace ipex::runtime
