#include "runtime/device.h"

#include <ATen/Context.h>
#include <ATen/xpu/XPUContext.h>
#include <ATen/xpu/XPUGeneratorImpl.h>
#include <c10/xpu/XPUFunctions.h>
#include <torch/csrc/Generator.h>
#include <torch/csrc/utils/device_lazy_init.h>

#include "python/bindings.h"
#include "runtime/fault.h"
#include "runtime/fork_guard.h"

namespace py = pybind11;

namespace ipex::python {
namespace {

using c10::DeviceIndex;
using runtime::DeviceInfo;

template <class T>
py::object to_python(const T& value) {
  return py::cast(value);
}

py::object to_python(const runtime::Uuid& value) {
  const py::bytes bytes(reinterpret_cast<const char*>(value.data()), value.size());
  return py::module_::import("uuid").attr("UUID")(py::arg("bytes") = bytes);
}

std::string describe(const DeviceInfo& info) {
  py::list fields;
#define DEVICE_PROPERTY(type, name, value) fields.append(py::str(#name "={!r}").format(to_python(info.name)));
#include "runtime/device_props.def"
#undef DEVICE_PROPERTY
  return py::str("_XpuDeviceProperties({})").format(py::str(", ").attr("join")(fields));
}

void bind_properties(py::module_& module) {
  py::class_<DeviceInfo> properties(module, "_XpuDeviceProperties");
#define DEVICE_PROPERTY(type, name, value) \
  properties.def_property_readonly(#name, [](const DeviceInfo& info) { return to_python(info.name); });
#include "runtime/device_props.def"
#undef DEVICE_PROPERTY
  properties.def("__repr__", describe);

  py::class_<runtime::RejectedDevice>(module, "RejectedDevice")
      .def_readonly("name", &runtime::RejectedDevice::name)
      .def_readonly("platform", &runtime::RejectedDevice::platform)
      .def_readonly("reason", &runtime::RejectedDevice::reason);
}

const DeviceInfo& checked_device_info(DeviceIndex device) {
  c10::xpu::check_device_index(device);
  return runtime::device_info(device);
}

py::tuple default_generators() {
  const DeviceIndex count = c10::xpu::device_count();
  py::tuple generators(count);
  for (DeviceIndex device = 0; device < count; ++device) {
    PyObject* generator = THPGenerator_initDefaultGenerator(at::xpu::detail::getDefaultXPUGenerator(device));
    if (!generator) throw py::error_already_set();
    generators[device] = py::reinterpret_steal<py::object>(generator);
  }
  return generators;
}

// A child forked from here on asks for its own initialisation, which then refuses.
void watch_forks() { torch::utils::register_fork_handler_for_device_init(at::kXPU); }

DeviceIndex device_count() {
  watch_forks();
  return c10::xpu::device_count();
}

void initialize() {
  TORCH_CHECK(
      !runtime::in_bad_fork(),
      "Cannot re-initialize XPU in forked subprocess. To use XPU with multiprocessing, you must use the "
      "'spawn' start method");
  watch_forks();
  at::globalContext().lazyInitDevice(at::kXPU);
  const py::module_ xpu = py::module_::import("torch.xpu");
  xpu.attr("default_generators") = default_generators();
  xpu.attr("_get_device_properties") =
      py::cpp_function(torch::wrap_pybind_function(checked_device_info), py::return_value_policy::reference,
                       py::arg("device"));
}

}  // namespace

void bind_device(py::module_& module) {
  bind_properties(module);
  bind(module, "_xpu_init", initialize);
  bind(module, "_xpu_isInBadFork", [] { return runtime::in_bad_fork(); });
  bind(module, "_xpu_getDeviceCount", device_count);
  bind(module, "_xpu_getDevice", [] { return c10::xpu::current_device(); });
  bind(module, "_xpu_setDevice", [](DeviceIndex device) { c10::xpu::set_device(device); });
  bind(module, "_xpu_exchangeDevice",
       [](DeviceIndex device) { return device < 0 ? DeviceIndex{-1} : c10::xpu::exchange_device(device); });
  bind(module, "_xpu_maybeExchangeDevice", [](DeviceIndex device) {
    return device < 0 ? DeviceIndex{-1} : c10::xpu::maybe_exchange_device(device);
  });
  bind(module, "_xpu_canDeviceAccessPeer", [](DeviceIndex device, DeviceIndex peer) {
    c10::xpu::check_device_index(device);
    c10::xpu::check_device_index(peer);
    return at::xpu::canDeviceAccessPeer(device, peer);
  });
  // Kernels are SPIR-V, which every device's driver takes: there is no list of architectures.
  bind(module, "_xpu_getArchFlags", [] { return py::none(); });
  bind(module, "sycl_device", [](DeviceIndex device) {
    return py::capsule(&c10::xpu::get_raw_device(device), "torch.xpu.device.sycl_device");
  });
  bind_waiting(module, "drain_faults", runtime::drain_faults);
  bind(module, "rejected_devices", [] { return runtime::rejected_devices(); });
}

}  // namespace ipex::python
