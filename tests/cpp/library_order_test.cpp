// Work of libraries, which on a CPU is host tasks, and kernels on one queue: each finds what the ones before
// it left, and an event recorded after them is not complete before they are. For some seconds, in random
// order.
#include <ATen/ATen.h>
#include <c10/xpu/XPUEvent.h>
#include <c10/xpu/XPUStream.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "runtime/stream.h"

namespace {

constexpr std::int64_t size = 64;

// Steps that do not commute, so that every order leaves other numbers.
struct Step {
  char name;
  std::uint64_t factor, summand;
};
constexpr Step steps[] = {{'T', 3, 1}, {'*', 2, 0}, {'+', 1, 5}};

void enqueue(const Step& step, at::Tensor& numbers) {
  if (step.name == '*') {
    numbers.mul_(static_cast<std::int64_t>(step.factor));
  } else if (step.name == '+') {
    numbers.add_(static_cast<std::int64_t>(step.summand));
  } else {
    const ipex::runtime::LibraryQueue queue(numbers.device().index());
    queue.get().submit([&](sycl::handler& handler) {
      handler.host_task([=, data = numbers.data_ptr<std::int64_t>()] {
        for (std::int64_t i = 0; i < size; ++i)
          data[i] =
              static_cast<std::int64_t>(static_cast<std::uint64_t>(data[i]) * step.factor + step.summand);
      });
    });
    queue.finish();
  }
}

}  // namespace

int main(int, char** arguments) {
  std::mt19937 random(static_cast<unsigned>(getpid()));
  const auto draw = [&](unsigned limit) { return random() % limit; };
  auto numbers = at::zeros({size}, at::device(at::kXPU).dtype(at::kLong));
  const auto* data = numbers.data_ptr<std::int64_t>();
  const auto stream = c10::xpu::getCurrentXPUStream(), other = c10::xpu::getStreamFromPool();
  stream.synchronize();
  std::uint64_t expected = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(arguments[1]));
  while (std::chrono::steady_clock::now() < end) {
    std::string sequence;
    for (unsigned left = 1 + draw(12); left > 0; --left) {
      const auto& step = steps[draw(3)];
      sequence += step.name;
      enqueue(step, numbers);
      expected = expected * step.factor + step.summand;
      if (draw(8) == 0) {
        for (volatile unsigned spin = draw(20000); spin > 0; spin = spin - 1) {
        }
      }
    }
    c10::xpu::XPUEvent event;
    switch (draw(3)) {
      case 0:
        sequence += " synchronize";
        stream.synchronize();
        break;
      case 1:
        sequence += " event";
        event.record(stream);
        event.synchronize();
        break;
      default:
        sequence += " other stream";
        event.record(stream);
        event.block(other);
        other.synchronize();
    }
    if (static_cast<std::uint64_t>(data[size - 1]) != expected) {
      std::printf("%s: got %ld, expected %ld\n", sequence.c_str(), data[size - 1],
                  static_cast<std::int64_t>(expected));
      return 1;
    }
  }
  std::puts("all passed");
}
