#include "python/bindings.h"
#include "runtime/fp32_math_mode.h"
#include "runtime/hooks.h"

namespace py = pybind11;

namespace ipex::python {

void bind_settings(py::module_& module) {
  using runtime::Fp32MathMode;
  bind(module, "get_fp32_math_mode", [] { return static_cast<int>(runtime::fp32_math_mode()); });
  bind(module, "set_fp32_math_mode",
       [](int mode) { runtime::set_fp32_math_mode(static_cast<Fp32MathMode>(mode)); });
  bind(module, "hooks_installed", [] { return runtime::hooks_installed(); });
}

}  // namespace ipex::python
