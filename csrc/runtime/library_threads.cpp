#include "runtime/library_threads.h"

#include <oneapi/tbb/global_control.h>

namespace ipex::runtime {

void add_library_threads() {
  using tbb::global_control;
  // Never destroyed: other threads may still be at work when static destructors run. Where the user has set a
  // smaller number, that remains in force.
  [[maybe_unused]] static const auto* threads =
      new global_control(global_control::max_allowed_parallelism,
                         2 * global_control::active_value(global_control::max_allowed_parallelism));
}

}  // namespace ipex::runtime
