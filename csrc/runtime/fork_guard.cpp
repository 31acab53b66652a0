#include "runtime/fork_guard.h"

#include <c10/util/Exception.h>
#include <pthread.h>

#include <atomic>
#include <mutex>

namespace ipex::runtime {
namespace {
std::atomic<bool> was_started{false};
std::atomic<bool> bad_fork{false};
}  // namespace

void mark_started() {
  static std::once_flag once;
  std::call_once(once, [] {
    pthread_atfork(nullptr, nullptr, [] { bad_fork.store(true); });
    was_started.store(true);
  });
}

bool started() noexcept { return was_started.load(std::memory_order_relaxed); }

bool in_bad_fork() noexcept { return bad_fork.load(std::memory_order_relaxed); }

void check_fork() {
  TORCH_CHECK(
      !in_bad_fork(),
      "Cannot re-initialize XPU in forked subprocess. To use XPU with multiprocessing, you must use the "
      "'spawn' start method");
}

}  // namespace ipex::runtime
