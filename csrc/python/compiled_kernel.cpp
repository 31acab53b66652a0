// Kernels of a user's own source, called from Python with tensors and numbers.
#include <ATen/record_function.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/StreamGuard.h>
#include <torch/csrc/Stream.h>

#include <sycl/sycl.hpp>

#include "aten/launch.h"
#include "jit/error.h"
#include "jit/kernel.h"
#include "jit/library.h"
#include "jit/signature.h"
#include "jit/spirv.h"
#include "python/bindings.h"
#include "python/kernel_arguments.h"
#include "runtime/limits.h"
#include "runtime/stream.h"

namespace py = pybind11;

namespace ipex::python {
namespace {

using jit::Parameter;

class CompiledKernel {
 public:
  // `dimensions` of the range that the kernel was written for; 0: unknown. `packs`: whether its parameters
  // may be those of packed_call, which has no properties of the kernel's.
  CompiledKernel(std::string source, std::string name, std::vector<std::string> options, int dimensions,
                 bool strided, bool packs)
      : source_{std::move(source), std::move(options), "kernel.sycl.cpp"},
        name_(std::move(name)),
        dimensions_(dimensions),
        strided_(strided) {
    const auto parameters = jit::parameters_of(compile(packs));
    parameters_text_ = jit::text_of(parameters);
    for (const auto& parameter : parameters) {
      local_memories_ += parameter.kind == Parameter::Kind::local_memory;
      parameters_.emplace_back(parameter);
    }
    TORCH_CHECK_VALUE(local_memories_ < 2, "kernel ", name_,
                      " takes more than one work_group_memory; take one and divide it");
    packed_ = packed_ && parameters_.size() <= kernels::packed_max &&
              std::all_of(parameters_.begin(), parameters_.end(), [](const KernelParameter& parameter) {
                return parameter.kind == Parameter::Kind::pointer || parameter.dtype.has_value();
              });
    on_device(c10::xpu::current_device());
  }

  void call(const py::object& grid, const py::object& block, const py::object& given, std::size_t shared_mem,
            const py::object& stream) {
    RECORD_FUNCTION(name_, c10::ArrayRef<const c10::IValue>{});
    const auto range = range_of(grid, block);
    const auto list =
        py::reinterpret_steal<py::object>(PySequence_Fast(given.ptr(), "args must be a tuple or a list"));
    if (!list) throw py::error_already_set();
    const auto count = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(list.ptr()));
    TORCH_CHECK_TYPE(count == parameters_.size() - local_memories_, "kernel ", name_, " takes ",
                     parameters_.size() - local_memories_, " arguments (", parameters(), "), but args has ",
                     count);
    TORCH_CHECK_VALUE((shared_mem > 0) == (local_memories_ > 0), "kernel ", name_,
                      local_memories_ > 0 ? " takes work_group_memory: shared_mem must say how many bytes"
                                          : " takes no work_group_memory: shared_mem must be 0");
    KernelArguments arguments(name_, strided_, parameters_.size());
    std::size_t position = 0;
    for (std::size_t index = 0; index < parameters_.size(); ++index) {
      if (parameters_[index].kind == Parameter::Kind::local_memory) {
        arguments.set_local_memory(index, shared_mem);
      } else {
        arguments.set(index, position, parameters_[index],
                      PySequence_Fast_GET_ITEM(list.ptr(), static_cast<Py_ssize_t>(position)));
        ++position;
      }
    }
    if (stream.is_none()) {
      const c10::Device current(c10::kXPU, c10::xpu::current_device());
      const c10::DeviceGuard there(arguments.device().value_or(current));
      launch(range, arguments, shared_mem);
    } else {
      const c10::StreamGuard there(unpacked(stream, arguments.device()));
      launch(range, arguments, shared_mem);
    }
  }

  const std::string& parameters() const { return parameters_text_; }
  const std::string& name() const { return name_; }

 private:
  struct OnDevice {
    jit::Kernel* kernel = nullptr;
    std::size_t largest_group = 0;
  };

  c10::Stream unpacked(const py::object& object, std::optional<c10::Device> device) const {
    TORCH_CHECK_TYPE(THPStream_Check(object.ptr()), "kernel ", name_,
                     ": stream must be a torch.xpu.Stream, not ", type_name_of(object.ptr()));
    const auto* packed = reinterpret_cast<THPStream*>(object.ptr());
    const auto stream =
        c10::Stream::unpack3(packed->stream_id, static_cast<c10::DeviceIndex>(packed->device_index),
                             static_cast<c10::DeviceType>(packed->device_type));
    TORCH_CHECK(stream.device_type() == c10::kXPU && device.value_or(stream.device()) == stream.device(),
                "kernel ", name_, ": the stream is on ", stream.device(), ", but the tensors are on ",
                device.value_or(stream.device()));
    return stream;
  }

  // The kernel's entry point. Leaves packed_ true if the packed kernel was compiled too; a source for which
  // that cannot be is compiled as it is, so that messages are about nothing else.
  std::string compile(bool packs) {
    const py::gil_scoped_release release;
    const auto device = runtime::current_queue().get_device();
    if (packs) {
      jit::Source packed = source_;
      packed.text.append("\n#include \"kernels/core/packed_call.hpp\"\n")
          .append("struct ipex_target {\n")
          .append("  using Function = decltype(&" + name_ + ");\n")
          .append("  template <class... T>\n")
          .append("  void operator()(T... arguments) const { " + name_ + "(arguments...); }\n")
          .append("};\n");
      try {
        const auto modules = jit::compile(packed, {name_, packed_name}, device);
        source_ = std::move(packed);
        packed_ = true;
        return jit::entry_point_of(modules.front());
      } catch (const jit::Error&) {
      }
    }
    return jit::entry_point_of(jit::compile(source_, {name_}, device).front());
  }

  const OnDevice& on_device(c10::DeviceIndex device) {
    TORCH_CHECK(device < aten::KernelSlot::max_devices, "kernel ", name_, ": no more than ",
                aten::KernelSlot::max_devices, " devices are supported");
    auto& found = devices_[static_cast<std::size_t>(device)];
    if (found.kernel == nullptr) {
      OnDevice made;
      {
        const py::gil_scoped_release release;
        const auto& queue = runtime::current_queue(device);
        made.kernel = &jit::find_kernel(source_, packed_ ? packed_name : name_, queue);
        made.largest_group =
            made.kernel->kernel.get_info<sycl::info::kernel_device_specific::work_group_size>(
                queue.get_device());
      }
      found = made;
    }
    return found;
  }

  void launch(const jit::GroupRange& range, const KernelArguments& arguments, std::size_t local_bytes) {
    const auto device = c10::xpu::current_device();
    const auto& made = on_device(device);
    std::size_t group = 1;
    for (int d = 0; d < range.dimensions; ++d) group *= range.group_size[d];
    TORCH_CHECK_VALUE(group > 0 && group <= made.largest_group, "kernel ", name_, ": block has ", group,
                      " work-items, but on xpu:", static_cast<int>(device), " this kernel takes 1 to ",
                      made.largest_group);
    const auto& limits = runtime::device_limits(device);
    TORCH_CHECK_VALUE(local_bytes <= limits.local_memory_bytes, "kernel ", name_, ": shared_mem is ",
                      local_bytes, " bytes, but xpu:", static_cast<int>(device), " has ",
                      limits.local_memory_bytes);
    arguments.mark_written();
    kernels::PackedParams packed;
    const jit::Argument all{jit::Argument::Kind::value, &packed, sizeof(packed)};
    if (packed_) arguments.pack(packed);
    jit::launch(runtime::current_queue(), *made.kernel, range,
                packed_ ? std::span(&all, 1) : arguments.list(), runtime::behind_library());
  }

  jit::GroupRange range_of(const py::object& grid, const py::object& block) const {
    jit::GroupRange range{};
    range.dimensions = sizes(grid, "grid", range.groups);
    const int of_block = sizes(block, "block", range.group_size);
    TORCH_CHECK_VALUE(range.dimensions == of_block, "kernel ", name_, ": grid has ", range.dimensions,
                      " dimensions, block has ", of_block);
    TORCH_CHECK_VALUE(dimensions_ == 0 || dimensions_ == of_block, "kernel ", name_, ": it is declared for ",
                      dimensions_, " dimensions, but grid and block have ", of_block);
    return range;
  }

  int sizes(const py::object& given, const char* which, std::array<std::size_t, 3>& result) const {
    const auto size = [&](PyObject* object) {
      const auto number = PyLong_Check(object) ? PyLong_AsLongLong(object) : -1;
      PyErr_Clear();
      TORCH_CHECK_VALUE(number >= 0, "kernel ", name_, ": ", which,
                        " must be an integer or up to three of them, none negative, not ",
                        py::str(given).cast<std::string>());
      return static_cast<std::size_t>(number);
    };
    if (!PyTuple_Check(given.ptr()) && !PyList_Check(given.ptr())) {
      result[0] = size(given.ptr());
      return 1;
    }
    const auto count = PySequence_Fast_GET_SIZE(given.ptr());
    TORCH_CHECK_VALUE(count >= 1 && count <= 3, "kernel ", name_, ": ", which,
                      " must have 1 to 3 dimensions, not ", count);
    for (Py_ssize_t d = 0; d < count; ++d)
      result[static_cast<std::size_t>(d)] = size(PySequence_Fast_GET_ITEM(given.ptr(), d));
    return static_cast<int>(count);
  }

  static constexpr char packed_name[] = "ipex::kernels::packed_call<ipex_target>";

  jit::Source source_;
  std::string name_;
  int dimensions_;
  bool strided_;
  bool packed_ = false;
  std::size_t local_memories_ = 0;
  std::vector<KernelParameter> parameters_;
  std::string parameters_text_;
  std::array<OnDevice, aten::KernelSlot::max_devices> devices_;  // guarded by the GIL
};

}  // namespace

void bind_compiled_kernel(py::module_& module) {
  using py::arg;
  py::class_<CompiledKernel>(module, "CompiledKernel")
      .def(py::init(torch::wrap_pybind_function([](std::string source, std::string name,
                                                   std::vector<std::string> options, int dimensions,
                                                   bool strided, bool packs) {
             return std::make_unique<CompiledKernel>(std::move(source), std::move(name), std::move(options),
                                                     dimensions, strided, packs);
           })),
           arg("source"), arg("name"), arg("options"), arg("dimensions"), arg("strided"), arg("packs"))
      .def("__call__",
           torch::wrap_pybind_function(
               [](CompiledKernel& self, const py::object& grid, const py::object& block,
                  const py::object& arguments, std::size_t shared_mem,
                  const py::object& stream) { self.call(grid, block, arguments, shared_mem, stream); }),
           arg("grid"), arg("block"), arg("args") = py::tuple(), arg("shared_mem") = 0,
           arg("stream") = py::none())
      .def_property_readonly("name", &CompiledKernel::name)
      .def_property_readonly("parameters", &CompiledKernel::parameters)
      .def("__repr__", [](const CompiledKernel& self) {
        return "<kernel " + self.name() + "(" + self.parameters() + ")>";
      });
}

}  // namespace ipex::python
