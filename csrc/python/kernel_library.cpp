#include <chrono>
#include <sycl/ext/oneapi/experimental/enqueue_functions.hpp>
#include <sycl/ext/oneapi/experimental/raw_kernel_arg.hpp>
#include <sycl/sycl.hpp>

#include "jit/cache.h"
#include "jit/compiler.h"
#include "jit/counters.h"
#include "jit/kernel.h"
#include "jit/library.h"
#include "jit/loader.h"
#include "python/bindings.h"
#include "runtime/stream.h"

namespace py = pybind11;

namespace ipex::python {
namespace {

// Kernels live as long as the process, so a handle does not own.
struct KernelHandle {
  jit::Kernel* kernel;
};

using Names = std::vector<std::string>;

jit::Source complete(const std::string& text, Names options) {
  options.push_back("-I" + jit::kernel_root().string());
  return {text, std::move(options)};
}

KernelHandle compile_without_cache(const std::string& text, const std::string& instantiation,
                                   const Names& options, bool spirv) {
  const auto& queue = runtime::current_queue();
  const sycl::device device = queue.get_device();
  const jit::Source source = complete(text, options);
  sycl::kernel kernel =
      spirv ? jit::load_spirv_uncached(jit::compile_to_spirv(device, source, {instantiation}).front(),
                                       queue.get_context(), device)
            : jit::load_source(source, instantiation, queue.get_context(), device);
  return {new jit::Kernel(instantiation, std::move(kernel))};
}

std::vector<py::bytes> compile_to_spirv(const std::string& text, const Names& instantiations,
                                        const Names& options) {
  std::vector<jit::Bytes> modules;
  {
    const py::gil_scoped_release release;
    modules =
        jit::compile_to_spirv(runtime::current_queue().get_device(), complete(text, options), instantiations);
  }
  std::vector<py::bytes> result;
  for (const auto& spirv : modules)
    result.emplace_back(reinterpret_cast<const char*>(spirv.data()), spirv.size());
  return result;
}

// Seconds that one enqueue takes, by the shortest way SYCL has: what launches of ours are measured against.
double enqueue_seconds(const KernelHandle& self, std::size_t groups, std::size_t group_size,
                       const py::bytes& packed, int count) {
  namespace syclex = sycl::ext::oneapi::experimental;
  const std::string_view params = packed;
  auto& queue = runtime::current_queue();
  const sycl::nd_range<1> range(groups * group_size, group_size);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) {
    syclex::submit(queue, [&](sycl::handler& handler) {
      handler.set_arg(0, syclex::raw_kernel_arg(params.data(), params.size()));
      handler.parallel_for(range, self.kernel->kernel);
    });
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / count;
}

}  // namespace

void bind_kernel_library(py::module_& module) {
  using py::arg;
  py::class_<KernelHandle>(module, "Kernel")
      .def(
          "launch",
          torch::wrap_pybind_function([](const KernelHandle& self, std::size_t groups, std::size_t group_size,
                                         const py::bytes& params, std::size_t local_bytes) {
            const std::string_view bytes = params;
            jit::launch(runtime::current_queue(), *self.kernel, {groups, group_size}, bytes.data(),
                        bytes.size(), local_bytes, 0, runtime::behind_library());
          }),
          arg("groups"), arg("group_size"), arg("params"), arg("local_bytes") = 0)
      .def("enqueue_seconds", torch::wrap_pybind_function(enqueue_seconds), arg("groups"), arg("group_size"),
           arg("params"), arg("count"));
  bind_waiting(
      module, "find_kernel",
      [](const std::string& name, const std::string& instantiation) {
        return KernelHandle{&jit::find_kernel(name, instantiation, runtime::current_queue())};
      },
      arg("module"), arg("instantiation"));
  bind_waiting(
      module, "compile_kernel",
      [](const std::string& source, const std::string& instantiation, const Names& options) {
        return KernelHandle{
            &jit::find_kernel(jit::Source{source, options}, instantiation, runtime::current_queue())};
      },
      arg("source"), arg("instantiation"), arg("options") = Names{});
  // The ways of backends other than OpenCL's, on whatever device there is: from SPIR-V or straight from
  // source.
  bind_waiting(module, "compile_kernel_without_cache", compile_without_cache, arg("source"),
               arg("instantiation"), arg("options") = Names{}, arg("spirv") = true);
  // Qualified: the types of the function would bring in std::bind.
  python::bind(module, "compile_to_spirv", compile_to_spirv, arg("source"), arg("instantiations"),
               arg("options") = Names{});
  bind(module, "kernel_cache_directory", [] { return jit::cache::directory().string(); });
  bind(module, "refused_kernel_cache", [] { return jit::cache::refused_directory(); });
  bind(module, "kernel_counters", [] {
    py::dict values;
    jit::for_each_counter([&](const char* name, jit::Counter& counter) { values[name] = counter.value(); });
    return values;
  });
  bind(module, "reset_kernel_counters",
       [] { jit::for_each_counter([](const char*, jit::Counter& counter) { counter.reset(); }); });
}

}  // namespace ipex::python
