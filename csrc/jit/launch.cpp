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
  TimedLaunch(sycl::queue& queue, const Kernel& kernel, std::string shape, std::size_t moved_bytes)
      : queue_(queue), kernel_(kernel), shape_(std::move(shape)), moved_bytes_(moved_bytes) {
    queue_.wait();
    timer_ = {};
  }
  void finish() {
    queue_.wait();
    const double seconds = timer_.seconds();
    char text[48];
    std::snprintf(text, sizeof(text), "%10.1f us  ", seconds * 1e6);
    std::string line = text + shape_;
    if (moved_bytes_ > 0) {
      std::snprintf(text, sizeof(text), "  %.1f GB/s", static_cast<double>(moved_bytes_) / seconds * 1e-9);
      line += text;
    }
    debug::log(line + "  " + kernel_.name);
  }

 private:
  sycl::queue& queue_;
  const Kernel& kernel_;
  std::string shape_;
  std::size_t moved_bytes_;
  debug::Timer timer_;
};

// Work-groups and their size, as "4 x 256" or "(4, 2) x (16, 16)".
std::string shape_text(Range range) {
  return std::to_string(range.groups) + " x " + std::to_string(range.group_size);
}
std::string shape_text(const GroupRange& range) {
  const auto list = [&](const auto& sizes) {
    std::string text;
    for (int d = 0; d < range.dimensions; ++d) text += (d == 0 ? "(" : ", ") + std::to_string(sizes[d]);
    return text + ")";
  };
  return list(range.groups) + " x " + list(range.group_size);
}

void set_local_memory(sycl::handler& handler, int index, std::size_t bytes) {
  // An lvalue: set_arg of a temporary takes it for plain bytes.
  syclex::work_group_memory<char[]> memory(std::max<std::size_t>(bytes, 1), handler);
  handler.set_arg(index, memory);
}

template <class Shape, class Commands>
void enqueue(sycl::queue& queue, Kernel& kernel, const Shape& shape, std::size_t moved_bytes, bool with_event,
             const Commands& commands) {
  counters().launches.add(1);
  std::optional<TimedLaunch> timed;
  if (debug::enabled(debug::Launches)) [[unlikely]]
    timed.emplace(queue, kernel, shape_text(shape), moved_bytes);
  try {
    const std::lock_guard lock(kernel.arguments);
    if (with_event) {
      queue.submit(commands);
    } else {
      syclex::submit(queue, commands);
    }
  } catch (const sycl::exception& error) {
    throw Error("cannot launch kernel " + kernel.name + " with " + shape_text(shape) +
                " work-items: " + error.what());
  }
  if (timed) [[unlikely]]
    timed->finish();
}

template <int Dimensions>
void run_over(sycl::handler& handler, const Kernel& kernel, const GroupRange& range) {
  sycl::range<Dimensions> global, local;
  for (int d = 0; d < Dimensions; ++d) {
    local[d] = range.group_size[d];
    global[d] = range.groups[d] * range.group_size[d];
  }
  handler.parallel_for(sycl::nd_range<Dimensions>(global, local), kernel.kernel);
}

}  // namespace

void launch(sycl::queue& queue, Kernel& kernel, Range range, const void* params, std::size_t params_size,
            std::size_t local_bytes, std::size_t moved_bytes, bool with_event) {
  if (range.groups == 0) return;
  enqueue(queue, kernel, range, moved_bytes, with_event, [&](sycl::handler& handler) {
    handler.set_arg(0, syclex::raw_kernel_arg(params, params_size));
    if (local_bytes != 0) set_local_memory(handler, 1, local_bytes);
    handler.parallel_for(sycl::nd_range<1>(range.groups * range.group_size, range.group_size), kernel.kernel);
  });
}

void launch(sycl::queue& queue, Kernel& kernel, const GroupRange& range, std::span<const Argument> arguments,
            bool with_event) {
  for (int d = 0; d < range.dimensions; ++d) {
    if (range.groups[d] == 0) return;
  }
  enqueue(queue, kernel, range, 0, with_event, [&](sycl::handler& handler) {
    int index = 0;
    for (const auto& argument : arguments) {
      switch (argument.kind) {
        case Argument::Kind::pointer:
          handler.set_arg(index, const_cast<void*>(argument.data));
          break;
        case Argument::Kind::value:
          handler.set_arg(index, syclex::raw_kernel_arg(argument.data, argument.size));
          break;
        case Argument::Kind::local_memory:
          set_local_memory(handler, index, argument.size);
          break;
      }
      ++index;
    }
    if (range.dimensions == 1) run_over<1>(handler, kernel, range);
    if (range.dimensions == 2) run_over<2>(handler, kernel, range);
    if (range.dimensions == 3) run_over<3>(handler, kernel, range);
  });
}

}  // namespace ipex::jit
