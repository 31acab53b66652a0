#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "jit/spirv.h"

namespace ipex::jit {

// A file of SPIR-V kernels by name. Layout, all in the machine's byte order:
//   Header | Entry[count] sorted by name | names | SPIR-V of each, packed (packed_words.h)
// It is mapped, not read: opening costs nothing for the kernels a process does not use.
class Archive {
 public:
  static constexpr int version = 2;

  explicit Archive(const std::filesystem::path& path);  // throws Error
  // The bytes of a file, which must live as long; `name` is for errors.
  Archive(std::span<const std::byte> bytes, const std::string& name);
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  std::optional<Bytes> find(std::string_view name) const;  // SPIR-V; throws Error where it is damaged
  std::size_t size() const;
  std::string_view name(std::size_t index) const;
  Bytes spirv(std::size_t index) const;  // throws Error where it is damaged

  using Contents = std::map<std::string, Bytes>;
  static void write(const std::filesystem::path& path, const Contents& contents);  // atomically; throws Error
  static void write(std::ostream& file, const Contents& contents);

 private:
  struct Header;
  struct Entry;
  const Header& header() const;
  std::span<const Entry> entries() const;
  bool is_valid() const;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  bool mapped_ = false;
};

// The name of a kernel in an archive.
std::string archive_name(std::string_view module, std::string_view instantiation);

}  // namespace ipex::jit
