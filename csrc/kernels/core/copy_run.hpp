#pragma once

#include <cstdint>
#include <type_traits>

namespace ipex::kernels {

// Words that follow each other on both sides. The last vector reaches back over the one before it.
template <class Word>
inline void copy_run(char* destination, const char* source, std::int64_t bytes) {
  typedef std::uint32_t Vector __attribute__((ext_vector_type(16), aligned(1)));
  constexpr std::int64_t size = sizeof(Vector);
  const auto copy = [&]<class T>(std::type_identity<T>, std::int64_t at) {
    *reinterpret_cast<T*>(destination + at) = *reinterpret_cast<const T*>(source + at);
  };
  std::int64_t at = 0;
  for (; at + size <= bytes; at += size) copy(std::type_identity<Vector>{}, at);
  if (at == bytes) return;
  if (bytes >= size) return copy(std::type_identity<Vector>{}, bytes - size);
  for (; at < bytes; at += sizeof(Word)) copy(std::type_identity<Word>{}, at);
}

// One word for the whole run. The last vector reaches back over the one before it.
template <class Word>
inline void fill_run(char* destination, Word word, std::int64_t bytes) {
  constexpr std::int64_t count = 16;
  typedef Word Vector __attribute__((ext_vector_type(count)));
  typedef Word Unaligned __attribute__((ext_vector_type(count), aligned(alignof(Word))));
  constexpr std::int64_t size = sizeof(Vector);
  const Vector words = word;
  std::int64_t at = 0;
  for (; at + size <= bytes; at += size) *reinterpret_cast<Unaligned*>(destination + at) = words;
  if (at == bytes) return;
  if (bytes >= size) {
    *reinterpret_cast<Unaligned*>(destination + bytes - size) = words;
    return;
  }
  for (; at < bytes; at += sizeof(Word)) *reinterpret_cast<Word*>(destination + at) = word;
}

}  // namespace ipex::kernels
