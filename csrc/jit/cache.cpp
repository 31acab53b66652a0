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

// Why what others could have written is not to be used: the machine code in it would run as this user.
const char* refusal(const struct stat& status) {
  if (status.st_uid != geteuid() && status.st_uid != 0) return "another user owns it";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others can write to it";
  return nullptr;
}

// A folder or file, or none. It is opened without following a link and judged once it is open, so that nobody
// can exchange it in between.
class File {
 public:
  File(int folder, const fs::path& name, int flags)
      : descriptor_(openat(folder, name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)) {
    struct stat status {};
    if (descriptor_ < 0) {
      const bool is_link =
          fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
      if (is_link) refusal_ = "it is a link";
    } else if (fstat(descriptor_, &status) != 0) {
      finish();
    } else if ((refusal_ = refusal(status)) != nullptr) {
      finish();
      errno = EPERM;
    }
  }
  ~File() { finish(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const char* refused() const { return refusal_; }
  std::uint64_t size() const {
    struct stat status {};
    return fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  }
  bool read_all(void* data, std::size_t size) { return transfer(::read, static_cast<char*>(data), size); }
  bool write_all(const void* data, std::size_t size) {
    return transfer(::write, static_cast<const char*>(data), size);
  }
  bool finish() { return descriptor_ >= 0 && close(std::exchange(descriptor_, -1)) == 0; }

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
  const char* refusal_ = nullptr;
};

constexpr const char* folder_variable = "IPEX_XPU_CACHE_DIR";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path find_directory() {
  if (const auto own = variable(folder_variable); !own.empty()) {
    const auto path = fs::path(own).lexically_normal();
    return path.has_filename() ? path : path.parent_path();  // a slash at the end would follow a link
  }
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

void event(std::string_view what, const fs::path& path, const char* why = "") {
  if (debug::enabled(debug::Cache)) debug::log("cache " + std::string(what) + " " + path.string() + why);
}

void failed(const fs::path& path) {
  counters().cache_failures.add(1);
  event("not written: ", path, (std::string(": ") + std::strerror(errno)).c_str());
}

// Told once where the user chose the folder, who then expects that it is used.
void refuse(const fs::path& path, const char* why) {
  static std::atomic<bool> told{false};
  counters().cache_rejects.add(1);
  const auto reason = std::string(": ") + why;
  if (!variable(folder_variable).empty() && !told.exchange(true)) {
    debug::log("warning: the kernel cache named by " + std::string(folder_variable) + " is not used, " +
               path.string() + reason);
  } else {
    event("refused", path, reason.c_str());
  }
}

enum class Missing { leave, make };

// Where the file of a key is: its folder, open, and its name there.
class Place {
 public:
  Place(const Digest& key, std::string_view kind, Missing missing)
      : subfolder_(key.hex().substr(0, 2)), name_(key.hex() + "." + std::string(kind)) {
    if (missing == Missing::make) {
      std::error_code ignored;
      fs::create_directories(directory().parent_path(), ignored);
      mkdir(directory().c_str(), 0700);
    }
    const File top(AT_FDCWD, directory(), O_RDONLY | O_DIRECTORY);
    if (top.refused() != nullptr) refuse(directory(), top.refused());
    if (!top.is_open()) return;
    if (missing == Missing::make) mkdirat(top.descriptor(), subfolder_.c_str(), 0700);
    folder_.emplace(top.descriptor(), subfolder_, O_RDONLY | O_DIRECTORY);
    if (folder_->refused() != nullptr) refuse(directory() / subfolder_, folder_->refused());
  }

  bool is_open() const { return folder_ && folder_->is_open(); }
  int folder() const { return folder_->descriptor(); }
  const std::string& name() const { return name_; }
  fs::path path() const { return directory() / subfolder_ / name_; }

 private:
  std::string subfolder_, name_;
  std::optional<File> folder_;
};

void remove(const Place& place) {
  counters().cache_rejects.add(1);
  event("reject", place.path());
  if (place.is_open()) unlinkat(place.folder(), place.name().c_str(), 0);
}

void miss(const Place& place) {
  counters().cache_misses.add(1);
  event("miss", place.path());
}

}  // namespace

const char* refused_directory() {
  return directory().empty() ? nullptr : File(AT_FDCWD, directory(), O_RDONLY | O_DIRECTORY).refused();
}

std::optional<Bytes> load(const Digest& key, std::string_view kind) {
  if (directory().empty()) return std::nullopt;
  const Place place(key, kind, Missing::leave);
  if (!place.is_open()) {
    miss(place);
    return std::nullopt;
  }
  File file(place.folder(), place.name(), O_RDONLY);
  if (!file.is_open()) {
    if (file.refused() != nullptr) refuse(place.path(), file.refused());
    miss(place);
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
      event("hit", place.path());
      return payload;
    }
  }
  remove(place);
  return std::nullopt;
}

void reject(const Digest& key, std::string_view kind) { remove(Place(key, kind, Missing::leave)); }

void store(const Digest& key, std::string_view kind, std::span<const std::byte> payload) {
  if (directory().empty()) return;
  const Place place(key, kind, Missing::make);
  if (!place.is_open()) return failed(place.path());
  static std::atomic<unsigned> serial{0};
  const std::string temporary =
      place.name() + "." + std::to_string(getpid()) + "." + std::to_string(serial.fetch_add(1)) + ".tmp";
  File file(place.folder(), temporary, O_WRONLY | O_CREAT | O_EXCL);
  if (!file.is_open()) return failed(place.path());
  Header header{{}, payload.size(), key, Digest().add(payload.data(), payload.size())};
  std::memcpy(header.magic, cache_magic, sizeof(header.magic));
  const bool written = file.write_all(&header, sizeof(header)) &&
                       file.write_all(payload.data(), payload.size()) && file.finish() &&
                       renameat(place.folder(), temporary.c_str(), place.folder(), place.name().c_str()) == 0;
  if (!written) {
    failed(place.path());
    unlinkat(place.folder(), temporary.c_str(), 0);
  }
}

}  // namespace ipex::jit::cache
