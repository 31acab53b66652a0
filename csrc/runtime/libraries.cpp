#include "runtime/libraries.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <cstdlib>

namespace ipex::runtime {
namespace {

bool allows(std::string_view choice) {
  TORCH_CHECK(choice == "all" || choice == "none", "IPEX_XPU_LIBRARIES is \"", choice,
              "\"; expected all or none");
  return choice == "all";
}

std::atomic<bool>& allowed() {
  static std::atomic<bool> value{[] {
    const char* text = std::getenv("IPEX_XPU_LIBRARIES");
    return allows(text ? text : "all");
  }()};
  return value;
}

}  // namespace

bool libraries_allowed() { return allowed().load(std::memory_order_relaxed); }

void set_libraries(std::string_view choice) { allowed().store(allows(choice), std::memory_order_relaxed); }

}  // namespace ipex::runtime
