#include <cstring>

#include "python/bindings.h"

namespace ipex::python {

void add_type(pybind11::module_& module, PyType_Spec& specification, PyTypeObject* base) {
  PyObject* type = PyType_FromSpecWithBases(&specification, reinterpret_cast<PyObject*>(base));
  if (!type) throw pybind11::error_already_set();
  const char* name = std::strrchr(specification.name, '.') + 1;
  module.add_object(name, pybind11::reinterpret_steal<pybind11::object>(type));
}

}  // namespace ipex::python

PYBIND11_MODULE(_C, module) {
  using namespace ipex::python;
  bind_device(module);
  bind_stream(module);
  bind_event(module);
  bind_memory(module);
  bind_memory_snapshot(module);
  bind_fallback(module);
  bind_settings(module);
  bind_kernel_library(module);
  bind_compiled_kernel(module);
  bind_autograd(module);
  bind_decode(module);
}
