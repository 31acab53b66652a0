#include "jit/digest.h"

#include <cstdio>

namespace ipex::jit {
namespace {

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

// Two chains over the same words with different odd multipliers. Each input is preceded by its size, so that
// ("ab", "c") and ("a", "bc") differ.
Digest& Digest::add(const void* data, std::size_t size) {
  const auto mix = [this](std::uint64_t word) {
    low_ = fold(low_ ^ word, 0xd6e8feb86659fd93u) + high_;
    high_ = fold(high_ ^ word ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu) + low_;
  };
  mix(size);
  const auto* bytes = static_cast<const char*>(data);
  std::uint64_t word = 0;
  for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
    std::memcpy(&word, bytes, sizeof(word));
    mix(word);
  }
  if (size > 0) {
    word = 0;
    std::memcpy(&word, bytes, size);
    mix(word);
  }
  return *this;
}

std::string Digest::hex() const {
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(high_),
                static_cast<unsigned long long>(low_));
  return text;
}

}  // namespace ipex::jit
