#include "jit/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "jit/counters.h"
#include "jit/debug.h"

namespace ipex::jit::cache {
namespace fs = std::filesystem;
namespace {

constexpr char cache_magic[9] = "IPEXJIT1";

struct Header {
  char magic[8];
  std::uint64_t size;
  Digest key;
  Digest payload;
};

class File {
 public:
  File(const fs::path& path, int flags) : descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  std::uint64_t size() const {
    struct stat status {};
    return fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  }
  bool read_all(void* data, std::size_t size) { return transfer(::read, static_cast<char*>(data), size); }
  bool write_all(const void* data, std::size_t size) {
    return transfer(::write, static_cast<const char*>(data), size);
  }
  bool finish() { return close(std::exchange(descriptor_, -1)) == 0; }

 private:
  template <class Call, class Pointer>
  bool transfer(Call call, Pointer data, std::size_t size) {
    while (size > 0) {
      const ssize_t done = call(descriptor_, data, size);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return false;
      data += done;
      size -= static_cast<std::size_t>(done);
    }
    return true;
  }
  int descriptor_;
};

fs::path find_directory() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const auto own = variable("IPEX_XPU_CACHE_DIR"); !own.empty()) return own;
  constexpr const char* folder = "intel_extension_for_pytorch";
  if (const auto xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return fs::path(xdg) / folder;
  if (const auto home = variable("HOME"); !home.empty()) return fs::path(home) / ".cache" / folder;
  return {};
}

}  // namespace

const fs::path& directory() {
  static const fs::path path = find_directory();
  return path;
}

namespace {

fs::path file_of(const Digest& key, std::string_view kind) {
  const std::string name = key.hex();
  return directory() / name.substr(0, 2) / (name + "." + std::string(kind));
}

void event(std::string_view what, const fs::path& path, const char* why = "") {
  if (debug::enabled(debug::Cache)) debug::log("cache " + std::string(what) + " " + path.string() + why);
}

void failed(const fs::path& path) {
  counters().cache_failures.add(1);
  event("not written: ", path, (std::string(": ") + std::strerror(errno)).c_str());
}

}  // namespace

std::optional<Bytes> load(const Digest& key, std::string_view kind) {
  if (directory().empty()) return std::nullopt;
  const fs::path path = file_of(key, kind);
  File file(path, O_RDONLY);
  if (!file.is_open()) {
    counters().cache_misses.add(1);
    event("miss", path);
    return std::nullopt;
  }
  Header header{};
  Bytes payload;
  if (file.read_all(&header, sizeof(header)) &&
      std::memcmp(header.magic, cache_magic, sizeof(header.magic)) == 0 && header.key == key &&
      header.size == file.size() - sizeof(header)) {
    payload.resize(header.size);
    if (file.read_all(payload.data(), payload.size()) &&
        Digest().add(payload.data(), payload.size()) == header.payload) {
      counters().cache_hits.add(1);
      event("hit", path);
      return payload;
    }
  }
  reject(key, kind);
  return std::nullopt;
}

void reject(const Digest& key, std::string_view kind) {
  const fs::path path = file_of(key, kind);
  counters().cache_rejects.add(1);
  event("reject", path);
  std::error_code ignored;
  fs::remove(path, ignored);
}

void store(const Digest& key, std::string_view kind, std::span<const std::byte> payload) {
  if (directory().empty()) return;
  const fs::path path = file_of(key, kind);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  static std::atomic<unsigned> serial{0};
  const fs::path temporary =
      path.string() + "." + std::to_string(getpid()) + "." + std::to_string(serial.fetch_add(1)) + ".tmp";
  File file(temporary, O_WRONLY | O_CREAT | O_EXCL);
  if (!file.is_open()) return failed(path);
  Header header{{}, payload.size(), key, Digest().add(payload.data(), payload.size())};
  std::memcpy(header.magic, cache_magic, sizeof(header.magic));
  const bool written = file.write_all(&header, sizeof(header)) &&
                       file.write_all(payload.data(), payload.size()) && file.finish();
  if (!written || std::rename(temporary.c_str(), path.c_str()) != 0) {
    failed(path);
    unlink(temporary.c_str());
  }
}

}  // namespace ipex::jit::cache
