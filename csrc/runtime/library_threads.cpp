#include "runtime/library_threads.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>

namespace ipex::runtime {

void add_library_threads() {
  using tbb::global_control;
  // Never destroyed: other threads may still be at work when static destructors run. A smaller number that
  // the user sets is in force as long as it is set, and does not count here.
  [[maybe_unused]] static const auto* threads =
      new global_control(global_control::max_allowed_parallelism, 2 * tbb::info::default_concurrency());
}

}  // namespace ipex::runtime
