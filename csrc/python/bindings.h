#pragma once

#include <torch/csrc/Exceptions.h>
#include <torch/csrc/utils/pybind.h>

#include <string>
#include <utility>

namespace ipex::python {

// Each binds one subject. What is named _xpu_*, _Xpu* or _XPU* is shown to stock PyTorch as an attribute of
// torch._C; the rest is our own.
void bind_device(pybind11::module_& module);
void bind_stream(pybind11::module_& module);
void bind_event(pybind11::module_& module);
void bind_memory(pybind11::module_& module);
void bind_memory_snapshot(pybind11::module_& module);
void bind_fallback(pybind11::module_& module);
void bind_settings(pybind11::module_& module);
void bind_kernel_library(pybind11::module_& module);
void bind_compiled_kernel(pybind11::module_& module);
void bind_autograd(pybind11::module_& module);
void bind_decode(pybind11::module_& module);

// Adds a type written against the C API, derived from one of torch's.
void add_type(pybind11::module_& module, PyType_Spec& specification, PyTypeObject* base);

// Binds a function so that its C++ errors become the exceptions torch raises for them.
template <class Function, class... Extra>
void bind(pybind11::module_& module, const char* name, Function&& function, const Extra&... extra) {
  module.def(name, torch::wrap_pybind_function(std::forward<Function>(function)), extra...);
}

// The same for a function that waits: other Python threads run meanwhile.
template <class Function, class... Extra>
void bind_waiting(pybind11::module_& module, const char* name, Function&& function, const Extra&... extra) {
  module.def(name, torch::wrap_pybind_function_no_gil(std::forward<Function>(function)), extra...);
}

}  // namespace ipex::python
