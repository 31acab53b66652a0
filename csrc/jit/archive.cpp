#include "jit/archive.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "jit/error.h"
#include "jit/packed_words.h"
#include "jit/source.h"

namespace ipex::jit {
namespace fs = std::filesystem;

struct Archive::Header {
  char magic[8];
  std::uint64_t count;
};

struct Archive::Entry {
  std::uint64_t name_offset;
  std::uint64_t blob_offset;
  std::uint32_t name_size;
  std::uint32_t blob_size;
};

namespace {
constexpr char archive_magic[9] = {'I', 'P', 'E', 'X', 'S', 'P', 'V', '0' + Archive::version, 0};
}

Archive::Archive(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw Error("cannot open the kernel archive " + path.string() + ": " + std::strerror(errno));
  struct stat status {};
  fstat(file, &status);
  size_ = static_cast<std::size_t>(status.st_size);
  void* mapped = size_ < sizeof(Header) ? MAP_FAILED : mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (mapped == MAP_FAILED)
    throw Error("the kernel archive " + path.string() + " is empty or cannot be mapped");
  data_ = static_cast<const char*>(mapped);
  mapped_ = true;
  if (!is_valid()) {
    munmap(mapped, size_);
    throw Error("the kernel archive " + path.string() + " is damaged or of another version");
  }
}

Archive::Archive(std::span<const std::byte> bytes, const std::string& name)
    : data_(reinterpret_cast<const char*>(bytes.data())), size_(bytes.size()) {
  if (size_ < sizeof(Header) || !is_valid())
    throw Error("the kernel archive of " + name + " is damaged or of another version: build it again");
}

Archive::~Archive() {
  if (mapped_) munmap(const_cast<char*>(data_), size_);
}

bool Archive::is_valid() const {
  const auto fits = [this](std::uint64_t offset, std::uint64_t size) {
    return offset <= size_ && size <= size_ - offset;
  };
  if (std::memcmp(header().magic, archive_magic, sizeof(Header::magic)) != 0 ||
      header().count > (size_ - sizeof(Header)) / sizeof(Entry)) {
    return false;
  }
  const auto all = entries();
  return std::all_of(all.begin(), all.end(), [&](const Entry& entry) {
    return fits(entry.name_offset, entry.name_size) && fits(entry.blob_offset, entry.blob_size);
  });
}

const Archive::Header& Archive::header() const { return *reinterpret_cast<const Header*>(data_); }

std::span<const Archive::Entry> Archive::entries() const {
  return {reinterpret_cast<const Entry*>(data_ + sizeof(Header)), header().count};
}

std::size_t Archive::size() const { return header().count; }

std::string_view Archive::name(std::size_t index) const {
  const Entry& entry = entries()[index];
  return {data_ + entry.name_offset, entry.name_size};
}

Bytes Archive::spirv(std::size_t index) const {
  const Entry& entry = entries()[index];
  return unpack_words({reinterpret_cast<const std::byte*>(data_) + entry.blob_offset, entry.blob_size});
}

std::optional<Bytes> Archive::find(std::string_view wanted) const {
  std::size_t first = 0;
  std::size_t last = size();
  while (first < last) {
    const std::size_t middle = (first + last) / 2;
    if (name(middle) < wanted)
      first = middle + 1;
    else
      last = middle;
  }
  if (first == size() || name(first) != wanted) return std::nullopt;
  return spirv(first);
}

void Archive::write(std::ostream& file, const Contents& contents) {
  Header header{};
  std::memcpy(header.magic, archive_magic, sizeof(header.magic));
  header.count = contents.size();
  const auto put = [&](const void* data, std::size_t size) {
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  };
  put(&header, sizeof(header));

  std::vector<Bytes> blobs;
  for (const auto& [name, spirv] : contents) blobs.push_back(pack_words(spirv));
  std::uint64_t name_offset = sizeof(Header) + contents.size() * sizeof(Entry);
  std::uint64_t blob_offset = name_offset;
  for (const auto& [name, spirv] : contents) blob_offset += name.size();
  auto next_blob = blobs.begin();
  for (const auto& [name, spirv] : contents) {
    const Bytes& blob = *next_blob++;
    const Entry entry{name_offset, blob_offset, static_cast<std::uint32_t>(name.size()),
                      static_cast<std::uint32_t>(blob.size())};
    put(&entry, sizeof(entry));
    name_offset += name.size();
    blob_offset += blob.size();
  }
  for (const auto& [name, spirv] : contents) put(name.data(), name.size());
  for (const auto& blob : blobs) put(blob.data(), blob.size());
}

void Archive::write(const fs::path& path, const Contents& contents) {
  const fs::path temporary = path.string() + ".tmp" + std::to_string(getpid());
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  write(file, contents);
  file.close();
  std::error_code error;
  if (file) fs::rename(temporary, path, error);
  if (!file || error) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw Error("cannot write the kernel archive " + path.string());
  }
}

std::string archive_name(std::string_view module, std::string_view instantiation) {
  return std::string(module) + ":" + canonical(instantiation);
}

}  // namespace ipex::jit
