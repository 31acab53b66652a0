#include "aten/fallback.h"

#include "python/bindings.h"

namespace ipex::python {

void bind_fallback(pybind11::module_& module) {
  bind(module, "fallback_counts", [] { return aten::fallback_counts(); });
  bind(module, "reset_fallback_counts", [] { aten::reset_fallback_counts(); });
}

}  // namespace ipex::python
