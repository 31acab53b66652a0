#include <torch/csrc/Device.h>
#include <torch/csrc/Event.h>
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/Stream.h>

#include "python/bindings.h"

namespace py = pybind11;

namespace ipex::python {
namespace {

// A torch.xpu.Event is a torch.Event of the XPU: it keeps its state in the same c10::Event, so that every
// function that takes a torch.Event takes it. Only what stock fixes to the exact type torch.Event is redone
// here.
THPEvent* as_event(PyObject* self) { return reinterpret_cast<THPEvent*>(self); }

PyObject* event_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  HANDLE_TH_ERRORS
  int enable_timing = 0;
  static const char* names[] = {"enable_timing", nullptr};
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|p", const_cast<char**>(names), &enable_timing)) {
    return nullptr;
  }
  PyObject* object = type->tp_alloc(type, 0);
  if (!object) return nullptr;
  const auto flag = enable_timing ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT;
  new (&as_event(object)->event) c10::Event(c10::kXPU, flag);
  return object;
  END_HANDLE_TH_ERRORS
}

PyObject* event_elapsed_time(PyObject* self, PyObject* other) {
  HANDLE_TH_ERRORS
  TORCH_CHECK_TYPE(THPEvent_Check(other), "elapsed_time: expected a torch.xpu.Event or torch.Event, got ",
                   Py_TYPE(other)->tp_name);
  const c10::Event& start = as_event(self)->event;
  const c10::Event& end = as_event(other)->event;
  TORCH_CHECK(start.was_marked_for_recording() && end.was_marked_for_recording(),
              "Both events must be recorded before calculating elapsed time.");
  TORCH_CHECK(start.query() && end.query(), "Both events must be completed before calculating elapsed time.");
  TORCH_CHECK(
      start.flag() == c10::EventFlag::BACKEND_DEFAULT && end.flag() == c10::EventFlag::BACKEND_DEFAULT,
      "Both events must be created with argument 'enable_timing=True'.");
  return PyFloat_FromDouble(start.elapsedTime(end));
  END_HANDLE_TH_ERRORS
}

PyObject* event_address(PyObject* self, void*) {
  HANDLE_TH_ERRORS
  return PyLong_FromVoidPtr(as_event(self)->event.eventId());
  END_HANDLE_TH_ERRORS
}

// None until the first recording fixes the device, unlike torch.Event.
PyObject* event_device(PyObject* self, void*) {
  HANDLE_TH_ERRORS
  const c10::Event& event = as_event(self)->event;
  if (!event.was_marked_for_recording()) Py_RETURN_NONE;
  return THPDevice_New(event.device());
  END_HANDLE_TH_ERRORS
}

PyGetSetDef event_attributes[] = {
    {"sycl_event", event_address, nullptr, "the address of the sycl::event, 0 before the first recording",
     nullptr},
    {"device", event_device, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef event_methods[] = {
    {"elapsed_time", event_elapsed_time, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot event_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(event_new)},
    {Py_tp_getset, event_attributes},
    {Py_tp_methods, event_methods},
    {0, nullptr},
};

PyType_Spec event_type = {"torch._C._XpuEventBase", sizeof(THPEvent), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, event_slots};

}  // namespace

void bind_event(py::module_& module) { add_type(module, event_type, THPEventClass); }

}  // namespace ipex::python
