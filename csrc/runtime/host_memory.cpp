#include "runtime/host_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace ipex::runtime {
namespace {

// The number after `key` in a file of "key number ..." lines.
std::optional<std::size_t> find_number(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    std::size_t number;
    if (word == key && file >> number) return number;
  }
  return std::nullopt;
}

std::optional<std::size_t> read_number(const char* path) {
  std::size_t number;
  if (std::ifstream file(path); file >> number) return number;
  return std::nullopt;  // also "max", which means no limit
}

}  // namespace

HostMemory host_memory() {
  constexpr std::size_t kKiB = 1024;
  HostMemory memory{find_number("/proc/meminfo", "MemAvailable:").value_or(0) * kKiB,
                    find_number("/proc/meminfo", "MemTotal:").value_or(0) * kKiB};
  if (const auto limit = read_number("/sys/fs/cgroup/memory.max")) {
    const auto used = read_number("/sys/fs/cgroup/memory.current").value_or(0);
    // The page cache is charged to the group but given back under pressure.
    const auto cache = find_number("/sys/fs/cgroup/memory.stat", "inactive_file").value_or(0);
    const auto held = used - std::min(used, cache);
    memory.total = std::min(memory.total, *limit);
    memory.available = std::min(memory.available, *limit - std::min(*limit, held));
  }
  return memory;
}

}  // namespace ipex::runtime
