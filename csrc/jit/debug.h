#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace ipex::jit::debug {

// IPEX_XPU_DEBUG; each level shows what the lower ones do.
enum Level { Devices = 1, Launches = 2, Cache = 3, Source = 4 };

extern const int level;
inline bool enabled(Level wanted) { return level >= wanted; }

// One line on stderr.
void log(std::string_view text);

class Timer {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  std::string milliseconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace ipex::jit::debug
