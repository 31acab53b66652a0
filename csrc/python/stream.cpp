#include <c10/xpu/XPUFunctions.h>
#include <c10/xpu/XPUStream.h>
#include <torch/csrc/Device.h>
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/xpu/Stream.h>

#include "python/bindings.h"

namespace py = pybind11;

namespace ipex::python {
namespace {

using c10::DeviceIndex;
using c10::xpu::XPUStream;

THXPStream* as_stream(PyObject* self) { return reinterpret_cast<THXPStream*>(self); }

PyObject* stream_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  HANDLE_TH_ERRORS
  int priority = 0;
  int64_t stream_id = 0;
  int64_t device_index = 0;
  int64_t device_type = 0;
  static const char* names[] = {"priority", "stream_id", "device_index", "device_type", nullptr};
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|iLLL", const_cast<char**>(names), &priority,
                                   &stream_id, &device_index, &device_type)) {
    return nullptr;
  }
  const bool existing = stream_id != 0 || device_index != 0 || device_type != 0;
  const XPUStream stream = existing ? XPUStream::unpack3(stream_id, static_cast<DeviceIndex>(device_index),
                                                         static_cast<c10::DeviceType>(device_type))
                                    : c10::xpu::getStreamFromPool(priority, c10::xpu::current_device());

  PyObject* object = type->tp_alloc(type, 0);
  if (!object) return nullptr;
  auto* self = as_stream(object);
  self->stream_id = static_cast<int64_t>(stream.id());
  self->device_index = static_cast<int64_t>(stream.device_index());
  self->device_type = static_cast<int64_t>(stream.device_type());
  new (&self->xpu_stream) XPUStream(stream);
  return object;
  END_HANDLE_TH_ERRORS
}

PyObject* stream_queue(PyObject* self, void*) {
  HANDLE_TH_ERRORS
  return PyLong_FromVoidPtr(&as_stream(self)->xpu_stream.queue());
  END_HANDLE_TH_ERRORS
}

PyObject* stream_priority(PyObject* self, void*) {
  HANDLE_TH_ERRORS
  return PyLong_FromLong(as_stream(self)->xpu_stream.priority());
  END_HANDLE_TH_ERRORS
}

PyObject* stream_query(PyObject* self, PyObject*) {
  HANDLE_TH_ERRORS
  return PyBool_FromLong(as_stream(self)->xpu_stream.unwrap().query());
  END_HANDLE_TH_ERRORS
}

PyObject* stream_synchronize(PyObject* self, PyObject*) {
  HANDLE_TH_ERRORS {
    const py::gil_scoped_release no_gil;
    as_stream(self)->xpu_stream.unwrap().synchronize();
  }
  Py_RETURN_NONE;
  END_HANDLE_TH_ERRORS
}

PyObject* stream_priority_range(PyObject*, PyObject*) {
  HANDLE_TH_ERRORS
  const auto [least, greatest] = XPUStream::priority_range();
  return Py_BuildValue("(ii)", least, greatest);
  END_HANDLE_TH_ERRORS
}

PyGetSetDef stream_attributes[] = {
    {"sycl_queue", stream_queue, nullptr, "the address of the sycl::queue", nullptr},
    {"priority", stream_priority, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef stream_methods[] = {
    {"query", stream_query, METH_NOARGS, nullptr},
    {"synchronize", stream_synchronize, METH_NOARGS, nullptr},
    {"priority_range", stream_priority_range, METH_STATIC | METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot stream_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(stream_new)},
    {Py_tp_getset, stream_attributes},
    {Py_tp_methods, stream_methods},
    {0, nullptr},
};

PyType_Spec stream_type = {"torch._C._XpuStreamBase", sizeof(THXPStream), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, stream_slots};

std::tuple<c10::StreamId, DeviceIndex, int64_t> packed(const XPUStream& stream) {
  const auto data = stream.pack3();
  return {data.stream_id, data.device_index, static_cast<int64_t>(data.device_type)};
}

void set_stream(c10::StreamId stream_id, DeviceIndex device_index, int64_t device_type) {
  const auto stream = XPUStream::unpack3(stream_id, device_index, static_cast<c10::DeviceType>(device_type));
  if (c10::xpu::current_device() != stream.device_index()) c10::xpu::set_device(stream.device_index());
  c10::xpu::setCurrentXPUStream(stream);
}

}  // namespace

void bind_stream(py::module_& module) {
  add_type(module, stream_type, THPStreamClass);
  bind(module, "_xpu_setStream", set_stream, py::arg("stream_id"), py::arg("device_index"),
       py::arg("device_type"));
  bind(module, "_xpu_getCurrentStream", [](DeviceIndex device) {
    c10::xpu::check_device_index(device);
    return packed(c10::xpu::getCurrentXPUStream(device));
  });
  bind(module, "_xpu_getCurrentRawStream", [](DeviceIndex device) {
    c10::xpu::check_device_index(device);
    return reinterpret_cast<uintptr_t>(&c10::xpu::getCurrentXPUStream(device).queue());
  });
  bind(module, "_xpu_getStreamFromExternal", [](uintptr_t queue, DeviceIndex device) {
    TORCH_CHECK(queue != 0, "get_stream_from_external: expected the address of a sycl::queue, got 0");
    c10::xpu::check_device_index(device);
    return packed(c10::xpu::getStreamFromExternal(reinterpret_cast<sycl::queue*>(queue), device));
  });
  bind(module, "sycl_queue", [](c10::StreamId stream_id, DeviceIndex device_index, int64_t device_type) {
    const auto stream =
        XPUStream::unpack3(stream_id, device_index, static_cast<c10::DeviceType>(device_type));
    return py::capsule(&stream.queue(), "torch.xpu.Stream.sycl_queue");
  });
  bind_waiting(module, "_xpu_synchronize", [](DeviceIndex device) {
    c10::xpu::check_device_index(device);
    c10::xpu::syncStreamsOnDevice(device);
  });
}

}  // namespace ipex::python
