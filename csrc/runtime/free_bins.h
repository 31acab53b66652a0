#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ipex::runtime {

// Free blocks by size, in bins that double every kSubBins steps: finding a block that fits, adding and
// removing one take constant time. Sizes up to kSubBins units have a bin each; above, the sizes in a bin
// differ by at most 1/kSubBins. Block has members `size`, `bin_next` and `bin_previous`; sizes are multiples
// of kUnit.
template <class Block>
class FreeBins {
 public:
  static constexpr std::size_t kUnit = 512;
  static constexpr std::size_t kLargest = kUnit << 39;

  void insert(Block* block) {
    const auto bin = bin_of(block->size);
    auto*& head = heads_[bin];
    block->bin_previous = nullptr;
    block->bin_next = head;
    if (head) head->bin_previous = block;
    head = block;
    occupied_[bin / 64] |= uint64_t{1} << bin % 64;
  }

  void remove(Block* block) {
    if (block->bin_next) block->bin_next->bin_previous = block->bin_previous;
    if (block->bin_previous) {
      block->bin_previous->bin_next = block->bin_next;
      return;
    }
    const auto bin = bin_of(block->size);
    heads_[bin] = block->bin_next;
    if (!heads_[bin]) occupied_[bin / 64] &= ~(uint64_t{1} << bin % 64);
  }

  // `size` is at most kLargest.
  // A block of at least `size` and at most `largest` bytes, close to the smallest there is; null if there is
  // none.
  Block* find(std::size_t size, std::size_t largest) const {
    const auto bin = bin_of(size);
    int looked_at = 0;
    for (auto* block = heads_[bin]; block && looked_at < kLongestSearch; block = block->bin_next, ++looked_at)
      if (block->size >= size && block->size <= largest) return block;
    for (auto next = next_occupied(bin + 1); next < kBins; next = next_occupied(next + 1)) {
      for (auto* block = heads_[next]; block; block = block->bin_next)
        if (block->size <= largest) return block;
      if (heads_[next]->size > largest) break;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kSubBins = 32;
  static constexpr std::size_t kBins = 36 * kSubBins;  // up to kUnit * 2^40
  static constexpr int kLongestSearch = 32;

  static std::size_t bin_of(std::size_t size) {
    const auto units = size / kUnit;
    if (units < kSubBins) return units;
    const auto shift = std::bit_width(units) - std::bit_width(kSubBins);
    return kSubBins * (shift + 1) + (units >> shift) - kSubBins;
  }

  std::size_t next_occupied(std::size_t bin) const {
    for (auto word = bin / 64; word < occupied_.size(); ++word) {
      auto bits = occupied_[word];
      if (word == bin / 64) bits &= ~uint64_t{0} << bin % 64;
      if (bits) return word * 64 + std::countr_zero(bits);
    }
    return kBins;
  }

  std::array<Block*, kBins> heads_{};
  std::array<uint64_t, kBins / 64> occupied_{};
};

}  // namespace ipex::runtime
