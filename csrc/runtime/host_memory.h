#pragma once

#include <cstddef>

namespace ipex::runtime {

struct HostMemory {
  std::size_t available;
  std::size_t total;
};

// What this process may use of the machine's memory: /proc/meminfo, narrowed by the limit of its cgroup.
HostMemory host_memory();

}  // namespace ipex::runtime
