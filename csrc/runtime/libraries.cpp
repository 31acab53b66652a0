#include "runtime/libraries.h"

#include <c10/util/Exception.h>

#include <array>
#include <atomic>
#include <cstdlib>

namespace ipex::runtime {
namespace {

constexpr std::array names{"automatic", "all", "none"};  // in the order of Libraries

Libraries parse(std::string_view choice) {
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (choice == names[index]) return static_cast<Libraries>(index);
  }
  TORCH_CHECK(false, "IPEX_XPU_LIBRARIES is \"", choice, "\"; expected automatic, all or none");
}

std::atomic<Libraries>& chosen() {
  static std::atomic<Libraries> value{[] {
    const char* text = std::getenv("IPEX_XPU_LIBRARIES");
    return parse(text ? text : names[0]);
  }()};
  return value;
}

}  // namespace

Libraries libraries() { return chosen().load(std::memory_order_relaxed); }

const char* libraries_name() { return names[static_cast<std::size_t>(libraries())]; }

void set_libraries(std::string_view choice) { chosen().store(parse(choice), std::memory_order_relaxed); }

}  // namespace ipex::runtime
