#include "onemkl/loader.h"

#include <c10/util/Exception.h>
#include <c10/xpu/XPUFunctions.h>
#include <dlfcn.h>

#include <climits>
#include <filesystem>

#include "runtime/libraries.h"
#include "runtime/limits.h"

namespace ipex::onemkl {
namespace {

constexpr auto file_name = "libintel_extension_for_pytorch_onemkl.so";
constexpr std::uint32_t intel = 0x8086;

struct Loaded {
  Library* library = nullptr;
  std::string error;
};

std::filesystem::path own_directory() {
  Dl_info info{};
  TORCH_INTERNAL_ASSERT(dladdr(reinterpret_cast<const void*>(&own_directory), &info) != 0);
  return std::filesystem::path(info.dli_fname).parent_path();
}

// A C++ program that links torch has torch's copy of MKL in front of whatever is loaded later; the library's
// own must come first there. Not otherwise: allocators that were preloaded are to be used.
bool must_isolate() {
  void* program = dlopen(nullptr, RTLD_LAZY);
  const bool other_version = dlsym(program, "mkl_serv_get_version") != nullptr;
  dlclose(program);
  return other_version;
}

// MKL opens its code for the processor itself, without isolation, unless it is there already.
void open_isolated_code(int mode) {
  void* core = dlopen("libmkl_core.so.3", RTLD_LAZY | RTLD_NOLOAD);
  char directory[PATH_MAX];
  if (core == nullptr || dlinfo(core, RTLD_DI_ORIGIN, directory) != 0) return;
  for (const std::string prefix : {"libmkl_", "libmkl_vml_"}) {
    for (const auto* processor : {"def", "mc3", "avx2", "avx512", "avx10"}) {
      dlopen((std::filesystem::path(directory) / (prefix + processor + ".so.3")).c_str(), mode);
    }
  }
}

Loaded load() {
  const auto path = own_directory() / file_name;
  const bool isolate = must_isolate();
  const int mode = RTLD_LAZY | RTLD_LOCAL | (isolate ? RTLD_DEEPBIND : 0);
  void* handle = dlopen(path.c_str(), mode);
  if (handle == nullptr) return {nullptr, dlerror()};
  if (isolate) open_isolated_code(mode);
  const auto function = reinterpret_cast<Library* (*)()>(dlsym(handle, library_function));
  if (function == nullptr) return {nullptr, dlerror()};
  return {function(), {}};
}

const Loaded& loaded() {
  static const Loaded result = load();
  return result;
}

bool served(const c10::Device& device) {
  const auto& limits = runtime::device_limits(device.index());
  if (limits.is_cpu) return true;
  return c10::xpu::get_raw_device(device.index()).get_info<sycl::info::device::vendor_id>() == intel;
}

}  // namespace

const char* refusal(const c10::Device& device, c10::ScalarType dtype) {
  if (!runtime::libraries_allowed()) return "IPEX_XPU_LIBRARIES is none";
  const bool double_precision = dtype == c10::kDouble || dtype == c10::kComplexDouble;
  if (!double_precision && dtype != c10::kFloat && dtype != c10::kComplexFloat) {
    return "oneMKL has no routines for this dtype";
  }
  if (double_precision && !runtime::device_limits(device.index()).fp64) return "the device has no float64";
  if (!served(device)) return "oneMKL does not serve this device";
  return loaded().library ? nullptr : loaded().error.c_str();
}

Library& library() {
  TORCH_INTERNAL_ASSERT(loaded().library != nullptr);
  return *loaded().library;
}

const std::string& load_error() { return loaded().error; }

}  // namespace ipex::onemkl
