// The kernel cache with folders and files that others own or may write, without a device.
// Its argument is the user to run as; with none it stays who it is.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "jit/cache.h"
#include "jit/counters.h"

namespace fs = std::filesystem;
namespace cache = ipex::jit::cache;
using ipex::jit::counters;

namespace {

const auto key = ipex::jit::digest_of("a kernel");
const ipex::jit::Bytes content(100, std::byte{7});
const bool can_give_away = geteuid() == 0;
uid_t user = geteuid();

void require(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what.c_str());
  std::exit(1);
}

// Preparations are root's where the tests are root's.
void prepare(const std::function<void()>& action) {
  if (can_give_away) require(seteuid(0) == 0, "become root");
  action();
  require(seteuid(user) == 0, "become the user");
}

fs::path subfolder() { return cache::directory() / key.hex().substr(0, 2); }
fs::path file() { return subfolder() / (key.hex() + ".binary"); }

void store() { cache::store(key, "binary", content); }
bool loads() {
  const auto found = cache::load(key, "binary");
  require(!found || *found == content, "what is loaded is what was stored");
  return found.has_value();
}

void start_anew() {
  prepare([] { fs::remove_all(cache::directory()); });
  store();
  require(loads(), "a cache of one's own is used");
  require(cache::refused_directory() == nullptr, "a folder of one's own is not refused");
}

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  require(lstat(path.c_str(), &status) == 0, path.string() + " exists");
  return status.st_mode & 07777;
}

void give(const fs::path& path, uid_t owner) {
  require(lchown(path.c_str(), owner, owner) == 0, "give " + path.string());
}

void replace_by_link(const fs::path& path) {
  const auto moved = path.string() + "_moved";
  fs::remove_all(moved);
  fs::rename(path, moved);
  fs::create_symlink(moved, path);
}

struct Spoiling {
  const char* name;
  void (*spoil)(const fs::path&);
  bool by_root;
};

const std::vector<Spoiling> spoilings{
    {"the group may write", [](const fs::path& path) { chmod(path.c_str(), 0770); }, false},
    {"all may write", [](const fs::path& path) { chmod(path.c_str(), 0707); }, false},
    {"another user's", [](const fs::path& path) { give(path, 12345), chmod(path.c_str(), 0755); }, true},
    {"a link", replace_by_link, false},
};

void what_others_could_have_written_is_not_used() {
  for (const auto& [name, spoil, by_root] : spoilings) {
    if (by_root && !can_give_away) continue;
    for (const auto& path : {cache::directory(), subfolder(), file()}) {
      const auto what = path.string() + ", " + name;
      start_anew();
      prepare([&] { spoil(path); });
      require(!loads(), what + ": is not loaded");
      const bool is_top = path == cache::directory();
      require((cache::refused_directory() != nullptr) == is_top, what + ": the folder is refused");
      const auto failures = counters().cache_failures.value();
      store();
      // A folder of one's own takes a new file in the place of what was there.
      const bool replaced = path == file();
      require((counters().cache_failures.value() == failures) == replaced, what + ": is written");
      require(loads() == replaced, what + ": is loaded after it was written");
    }
  }
}

void what_is_roots_is_used() {
  if (!can_give_away) return;
  start_anew();
  prepare([] {
    for (const auto& path : {cache::directory(), subfolder(), file()}) {
      give(path, 0);
      chmod(path.c_str(), 0755);
    }
  });
  require(loads(), "the cache of root is used");
}

void modes_do_not_depend_on_the_mask() {
  umask(0);
  start_anew();
  require(mode_of(cache::directory()) == 0700, "the folder's mode");
  require(mode_of(subfolder()) == 0700, "the subfolder's mode");
  require(mode_of(file()) == 0600, "the file's mode");
}

void pipes_do_not_hold_up() {
  start_anew();
  fs::remove(file());
  require(mkfifo(file().c_str(), 0600) == 0, "make a pipe");
  require(!loads(), "a pipe is not loaded");
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) user = static_cast<uid_t>(std::atoi(arguments[1]));
  require(seteuid(user) == 0, "become the user");
  what_others_could_have_written_is_not_used();
  what_is_roots_is_used();
  modes_do_not_depend_on_the_mask();
  pipes_do_not_hold_up();
  std::puts("all passed");
}
