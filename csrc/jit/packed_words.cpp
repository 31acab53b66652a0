#include "jit/packed_words.h"

#include <cstring>

#include "jit/error.h"

namespace ipex::jit {

Bytes pack_words(std::span<const std::byte> words) {
  Bytes packed;
  packed.reserve(words.size());
  for (std::size_t at = 0; at + sizeof(std::uint32_t) <= words.size(); at += sizeof(std::uint32_t)) {
    std::uint32_t word;
    std::memcpy(&word, words.data() + at, sizeof word);
    for (; word >= 0x80; word >>= 7) packed.push_back(static_cast<std::byte>(word | 0x80));
    packed.push_back(static_cast<std::byte>(word));
  }
  return packed;
}

Bytes unpack_words(std::span<const std::byte> packed) {
  Bytes words;
  words.reserve(3 * packed.size());
  std::uint32_t word = 0;
  int shift = 0;
  for (const auto byte : packed) {
    word |= std::to_integer<std::uint32_t>(byte & std::byte{0x7f}) << shift;
    if ((byte & std::byte{0x80}) != std::byte{0}) {
      shift += 7;
      if (shift > 28) throw Error("packed SPIR-V is damaged: a word of more than 32 bits");
      continue;
    }
    const auto* first = reinterpret_cast<const std::byte*>(&word);
    words.insert(words.end(), first, first + sizeof word);
    word = 0;
    shift = 0;
  }
  if (shift != 0) throw Error("packed SPIR-V is damaged: its last word is not whole");
  return words;
}

}  // namespace ipex::jit
