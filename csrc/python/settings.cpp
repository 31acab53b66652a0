#include "aten/matmul/gemm_launch.h"
#include "aten/reduce/reduce.h"
#include "onemkl/loader.h"
#include "python/bindings.h"
#include "runtime/fp32_math_mode.h"
#include "runtime/hooks.h"
#include "runtime/libraries.h"

namespace py = pybind11;

namespace ipex::python {

void bind_settings(py::module_& module) {
  using runtime::Fp32MathMode;
  bind(module, "get_fp32_math_mode", [] { return static_cast<int>(runtime::fp32_math_mode()); });
  bind(module, "set_fp32_math_mode",
       [](int mode) { runtime::set_fp32_math_mode(static_cast<Fp32MathMode>(mode)); });
  bind(module, "get_libraries", [] { return runtime::libraries_name(); });
  bind(module, "set_libraries", [](const std::string& choice) { runtime::set_libraries(choice); });
  bind(module, "onemkl_load_error", [] { return onemkl::load_error(); });
  bind(module, "set_gemm_kernel", [](const std::string& choice) { aten::set_gemm_kernel(choice); });
  bind(module, "set_row_kernels", [](const std::string& choice) { aten::set_row_kernels(choice); });
  bind(module, "hooks_installed", [] { return runtime::hooks_installed(); });
}

}  // namespace ipex::python
