#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ipex::jit {

// A 128-bit digest that tells contents apart and finds damaged files. Not cryptographic: nobody but the user
// and root may write what the cache loads (cache.cpp), and speed matters on the way to the first
// operator.
class Digest {
 public:
  Digest() = default;

  Digest& add(const void* data, std::size_t size);
  Digest& add(std::string_view text) { return add(text.data(), text.size()); }

  std::string hex() const;
  bool operator==(const Digest&) const = default;

 private:
  std::uint64_t low_ = 0x9e3779b97f4a7c15u;
  std::uint64_t high_ = 0xc2b2ae3d27d4eb4fu;
};

inline Digest digest_of(std::string_view text) { return Digest().add(text); }

}  // namespace ipex::jit
