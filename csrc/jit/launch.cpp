#include <algorithm>
#include <cstdio>
#include <mutex>
#include <optional>
#include <sycl/ext/oneapi/experimental/enqueue_functions.hpp>
#include <sycl/ext/oneapi/experimental/raw_kernel_arg.hpp>
#include <sycl/ext/oneapi/experimental/work_group_memory.hpp>
#include <sycl/sycl.hpp>

#include "jit/counters.h"
#include "jit/debug.h"
#include "jit/error.h"
#include "jit/kernel.h"
#include "jit/library.h"

namespace ipex::jit {
namespace {

namespace syclex = sycl::ext::oneapi::experimental;

// Waits for the queue on both sides of the launch: a kernel's own time, at the price of asynchrony.
class TimedLaunch {
 public:
  TimedLaunch(sycl::queue& queue, const Kernel& kernel, Range range, std::size_t moved_bytes)
      : queue_(queue), kernel_(kernel), range_(range), moved_bytes_(moved_bytes) {
    queue_.wait();
    timer_ = {};
  }
  void finish() {
    queue_.wait();
    const double seconds = timer_.seconds();
    char text[96];
    int size = std::snprintf(text, sizeof(text), "%10.1f us  %zu x %zu", seconds * 1e6, range_.groups,
                             range_.group_size);
    if (moved_bytes_ > 0) {
      std::snprintf(text + size, sizeof(text) - static_cast<std::size_t>(size), "  %.1f GB/s",
                    static_cast<double>(moved_bytes_) / seconds * 1e-9);
    }
    debug::log(std::string(text) + "  " + kernel_.name);
  }

 private:
  sycl::queue& queue_;
  const Kernel& kernel_;
  Range range_;
  std::size_t moved_bytes_;
  debug::Timer timer_;
};

}  // namespace

void launch(sycl::queue& queue, Kernel& kernel, Range range, const void* params, std::size_t params_size,
            std::size_t local_bytes, std::size_t moved_bytes, bool with_event) {
  if (range.groups == 0) return;
  counters().launches.add(1);
  std::optional<TimedLaunch> timed;
  if (debug::enabled(debug::Launches)) [[unlikely]]
    timed.emplace(queue, kernel, range, moved_bytes);
  try {
    const std::lock_guard lock(kernel.arguments);
    const auto commands = [&](sycl::handler& handler) {
      handler.set_arg(0, syclex::raw_kernel_arg(params, params_size));
      if (kernel.takes_local_memory) {
        // An lvalue: set_arg of a temporary takes it for plain bytes.
        syclex::work_group_memory<char[]> memory(std::max<std::size_t>(local_bytes, 1), handler);
        handler.set_arg(1, memory);
      }
      handler.parallel_for(sycl::nd_range<1>(range.groups * range.group_size, range.group_size),
                           kernel.kernel);
    };
    if (with_event) {
      queue.submit(commands);
    } else {
      syclex::submit(queue, commands);
    }
  } catch (const sycl::exception& error) {
    throw Error("cannot launch kernel " + kernel.name + " with " + std::to_string(range.groups) +
                " groups of " + std::to_string(range.group_size) + ": " + error.what());
  }
  if (timed) [[unlikely]]
    timed->finish();
}

}  // namespace ipex::jit
