#include "jit/loader.h"

#include <CL/cl.h>
#include <CL/cl_ext.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <sycl/backend/opencl.hpp>
#include <utility>

#include "jit/cache.h"
#include "jit/counters.h"
#include "jit/debug.h"
#include "jit/error.h"
#include "jit/spirv.h"

namespace ipex::jit {
namespace {

namespace syclex = sycl::ext::oneapi::experimental;

// An OpenCL program, or none with the reason.
class Program {
 public:
  Program(cl_program program, cl_int error) : program_(program), error_(error) {}
  ~Program() {
    if (program_ != nullptr) clReleaseProgram(program_);
  }
  Program(Program&& other) noexcept
      : program_(std::exchange(other.program_, nullptr)), error_(other.error_) {}
  Program& operator=(Program&&) = delete;

  bool build(cl_device_id device) {
    if (error_ == CL_SUCCESS) error_ = clBuildProgram(program_, 1, &device, "", nullptr, nullptr);
    return error_ == CL_SUCCESS;
  }
  cl_program get() const { return program_; }

  std::string why(cl_device_id device) const {
    std::string text = "OpenCL error " + std::to_string(error_);
    std::size_t size = 0;
    if (program_ == nullptr ||
        clGetProgramBuildInfo(program_, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size) != CL_SUCCESS) {
      return text;
    }
    std::string log(size, '\0');
    clGetProgramBuildInfo(program_, device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
    return text + "\n" + log.c_str();
  }

  Bytes binary() const {
    std::size_t size = 0;
    if (clGetProgramInfo(program_, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size, nullptr) != CL_SUCCESS)
      return {};
    Bytes content(size);
    auto* target = reinterpret_cast<unsigned char*>(content.data());
    if (clGetProgramInfo(program_, CL_PROGRAM_BINARIES, sizeof(target), &target, nullptr) != CL_SUCCESS)
      return {};
    return content;
  }

 private:
  cl_program program_;
  cl_int error_;
};

Program program_from_spirv(std::span<const std::byte> spirv, cl_context context) {
  cl_int error = CL_SUCCESS;
  cl_program program = clCreateProgramWithIL(context, spirv.data(), spirv.size(), &error);
  return {program, error};
}

Program program_from_binary(const Bytes& binary, cl_context context, cl_device_id device) {
  cl_int error = CL_SUCCESS;
  cl_int status = CL_SUCCESS;
  const std::size_t size = binary.size();
  const auto* content = reinterpret_cast<const unsigned char*>(binary.data());
  cl_program program = clCreateProgramWithBinary(context, 1, &device, &size, &content, &status, &error);
  return {program, error != CL_SUCCESS ? error : status};
}

std::optional<sycl::kernel> only_kernel(const Program& program, const sycl::context& context) {
  cl_kernel kernel = nullptr;
  cl_uint count = 0;
  if (clCreateKernelsInProgram(program.get(), 1, &kernel, &count) != CL_SUCCESS || count != 1)
    return std::nullopt;
  // Pointers travel inside the parameter struct, where the driver does not see them.
  const cl_bool allowed = CL_TRUE;
  for (const auto access :
       {CL_KERNEL_EXEC_INFO_INDIRECT_DEVICE_ACCESS_INTEL, CL_KERNEL_EXEC_INFO_INDIRECT_HOST_ACCESS_INTEL,
        CL_KERNEL_EXEC_INFO_INDIRECT_SHARED_ACCESS_INTEL}) {
    clSetKernelExecInfo(kernel, access, sizeof(allowed), &allowed);
  }
  return sycl::make_kernel<sycl::backend::opencl>(kernel, context);  // takes over the reference
}

// What the driver for CPUs compiles for: models of one name differ in their instructions, and machine code of
// fewer, once loaded, makes it compile the kernels that follow for those, too.
std::string processor_target() {
  std::string target;
  for (const char* variable : {"CL_CONFIG_CPU_VECTORIZER_MODE", "CL_CONFIG_CPU_TARGET_ARCH"}) {
    const char* value = std::getenv(variable);
    target += value == nullptr ? "" : value;
    target += ' ';
  }
#ifdef __x86_64__
  for (const bool has : {bool(__builtin_cpu_supports("avx2")), bool(__builtin_cpu_supports("avx512f")),
                         bool(__builtin_cpu_supports("avx512bw")), bool(__builtin_cpu_supports("avx512vnni")),
                         bool(__builtin_cpu_supports("avx512bf16"))}) {
    target += has ? '1' : '0';
  }
#endif
  return target;
}

// Machine code fits one device model, one driver and one target.
Digest binary_key(std::span<const std::byte> spirv, const sycl::device& device) {
  return Digest()
      .add(spirv.data(), spirv.size())
      .add(device.is_cpu() ? processor_target() : std::string())
      .add(device.get_info<sycl::info::device::name>())
      .add(device.get_info<sycl::info::device::driver_version>());
}

sycl::kernel load_opencl(std::span<const std::byte> spirv, const sycl::context& context,
                         const sycl::device& device) {
  const auto native_context = sycl::get_native<sycl::backend::opencl>(context);
  const auto native_device = sycl::get_native<sycl::backend::opencl>(device);
  // get_native retains what it returns.
  const std::unique_ptr<_cl_context, decltype(&clReleaseContext)> context_guard(native_context,
                                                                                clReleaseContext);
  const std::unique_ptr<_cl_device_id, decltype(&clReleaseDevice)> device_guard(native_device,
                                                                                clReleaseDevice);

  const Digest key = binary_key(spirv, device);
  if (const auto binary = cache::load(key, "binary")) {
    Program program = program_from_binary(*binary, native_context, native_device);
    if (program.build(native_device)) {
      if (auto kernel = only_kernel(program, context)) return *kernel;
    }
    cache::reject(key, "binary");
  }
  debug::Timer timer;
  Program program = program_from_spirv(spirv, native_context);
  if (!program.build(native_device)) throw Error(program.why(native_device));
  auto kernel = only_kernel(program, context);
  if (!kernel) throw Error("the module built from SPIR-V does not hold exactly one kernel");
  counters().device_builds.add(1);
  if (debug::enabled(debug::Cache)) debug::log("built machine code in " + timer.milliseconds());
  if (const Bytes binary = program.binary(); !binary.empty()) cache::store(key, "binary", binary);
  return *kernel;
}

}  // namespace

sycl::kernel load_spirv(std::span<const std::byte> spirv, const sycl::context& context,
                        const sycl::device& device) {
  if (device.get_backend() == sycl::backend::opencl) return load_opencl(spirv, context, device);
  // Level Zero's machine code could be kept the same way (zeModuleGetNativeBinary), but its headers are not
  // among the dependencies; its driver keeps a cache of its own.
  return load_spirv_uncached(spirv, context, device);
}

sycl::kernel load_spirv_uncached(std::span<const std::byte> spirv, const sycl::context& context,
                                 const sycl::device& device) {
  auto source = syclex::create_kernel_bundle_from_source(context, syclex::source_language::spirv,
                                                         Bytes(spirv.begin(), spirv.end()));
  auto bundle = syclex::build(source, {device});
  counters().device_builds.add(1);
  return bundle.ext_oneapi_get_kernel(entry_point_of(spirv));
}

sycl::kernel load_source(const Source& source, const std::string& instantiation, const sycl::context& context,
                         const sycl::device& device) {
  auto text = syclex::create_kernel_bundle_from_source(context, syclex::source_language::sycl, source.text);
  auto bundle = syclex::build(
      text, {device},
      syclex::properties{syclex::registered_names{instantiation}, syclex::build_options{source.options}});
  counters().compiles.add(1);
  return bundle.ext_oneapi_get_kernel(instantiation);
}

}  // namespace ipex::jit
