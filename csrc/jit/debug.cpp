#include "jit/debug.h"

#include <cstdio>
#include <cstdlib>

namespace ipex::jit::debug {
namespace {

int level_of_environment() {
  const char* text = std::getenv("IPEX_XPU_DEBUG");
  return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

const int level = level_of_environment();

void log(std::string_view text) {
  std::fprintf(stderr, "[xpu] %.*s\n", static_cast<int>(text.size()), text.data());
}

std::string Timer::milliseconds() const {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f ms", seconds() * 1e3);
  return text;
}

}  // namespace ipex::jit::debug
