#include "runtime/discovery.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "jit/debug.h"

namespace ipex::runtime {
namespace {

struct Candidate {
  sycl::device device;
  std::string name;
  std::string platform;
};

// What the runtime cannot do without.
std::string missing_feature(const sycl::device& device) {
  if (!device.has(sycl::aspect::usm_device_allocations)) return "it has no USM device allocations";
  if (!device.has(sycl::aspect::usm_host_allocations)) return "it has no USM host allocations";
  if (!device.has(sycl::aspect::online_compiler) || !device.has(sycl::aspect::online_linker))
    return "its driver cannot compile kernels";
  return "";
}

// One GPU may be listed by several backends: the first of this order is used.
int backend_rank(const sycl::device& device) {
  switch (device.get_backend()) {
    case sycl::backend::ext_oneapi_level_zero:
      return 0;
    case sycl::backend::opencl:
      return 2;
    default:
      return 1;
  }
}

int cpu_copies() {
  const char* text = std::getenv("IPEX_XPU_CPU_DEVICES");
  if (!text || !*text) return 1;
  int copies = 0;
  const std::string_view view(text);
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), copies);
  if (error != std::errc() || end != view.data() + view.size() || copies < 0 || copies > kMaxDevices)
    throw std::runtime_error("IPEX_XPU_CPU_DEVICES is '" + std::string(text) +
                             "', expected a number from 0 to " + std::to_string(kMaxDevices));
  return copies;
}

class Finder {
 public:
  Discovery run() {
    // Level Zero refuses single allocations of more than 4 GiB unless it is told not to.
    setenv("UR_L0_ENABLE_RELAXED_ALLOCATION_LIMITS", "1", /*overwrite=*/0);
    const char* selector = std::getenv("ONEAPI_DEVICE_SELECTOR");
    guarded("", selector ? "SYCL with ONEAPI_DEVICE_SELECTOR=" + std::string(selector) : "SYCL", [&] {
      for (const auto& platform : sycl::platform::get_platforms()) look_at(platform);
      choose_gpus();
      choose_cpus();
      if (gpus_.empty() && cpus_.empty() && result_.rejected.empty())
        throw std::runtime_error(
            "no driver lists a device; install a GPU driver or the intel-opencl-rt package");
    });
    return std::move(result_);
  }

 private:
  void reject(std::string name, std::string platform, std::string reason) {
    result_.rejected.push_back({std::move(name), std::move(platform), std::move(reason)});
  }

  template <class Action>
  void guarded(const std::string& name, const std::string& platform, Action action) {
    try {
      action();
    } catch (const std::exception& error) {
      reject(name, platform, error.what());
    }
  }

  void look_at(const sycl::platform& platform) {
    std::string platform_name = "a platform";
    guarded("", platform_name, [&] {
      platform_name = platform.get_info<sycl::info::platform::name>();
      for (const auto& device : platform.get_devices()) look_at(device, platform_name);
    });
  }

  void look_at(const sycl::device& device, const std::string& platform) {
    std::string name = "a device";
    guarded(name, platform, [&] {
      name = device.get_info<sycl::info::device::name>();
      if (const auto missing = missing_feature(device); !missing.empty())
        reject(name, platform, missing);
      else if (device.is_gpu())
        gpus_.push_back({device, name, platform});
      else if (device.is_cpu())
        cpus_.push_back({device, name, platform});
      else
        reject(name, platform, "it is neither a GPU nor a CPU");
    });
  }

  void choose_gpus() {
    std::stable_sort(gpus_.begin(), gpus_.end(), [](const Candidate& a, const Candidate& b) {
      return std::pair(is_integrated(a.device), backend_rank(a.device)) <
             std::pair(is_integrated(b.device), backend_rank(b.device));
    });
    for (const auto& gpu : gpus_) {
      const auto same = [&](const sycl::device& chosen) {
        return chosen.get_backend() != gpu.device.get_backend() &&
               chosen.get_info<sycl::info::device::name>() == gpu.name;
      };
      if (std::any_of(result_.devices.begin(), result_.devices.end(), same))
        reject(gpu.name, gpu.platform, "the same GPU is used through another backend");
      else if (result_.devices.size() == kMaxDevices)
        reject(gpu.name, gpu.platform, "there are more devices than are supported");
      else
        result_.devices.push_back(gpu.device);
    }
  }

  void choose_cpus() {
    const int copies = cpu_copies();
    for (const auto& cpu : cpus_) {
      if (&cpu != &cpus_.front())
        reject(cpu.name, cpu.platform, "the CPU is used through " + cpus_.front().platform);
      else if (!result_.devices.empty())
        reject(cpu.name, cpu.platform, "there is a GPU (ONEAPI_DEVICE_SELECTOR=*:cpu chooses the CPU)");
      else if (copies == 0)
        reject(cpu.name, cpu.platform, "IPEX_XPU_CPU_DEVICES=0 hides it");
      else
        use_cpu(cpu.device, copies);
    }
  }

  void use_cpu(const sycl::device& cpu, int copies) {
    result_.devices.assign(copies, cpu);
    // Libraries that others built for Intel's GPUs carry options of the GPU's compiler. The CPU's refuses
    // them by an exception, which through a caller like ctypes ends the process. Empty, SYCL leaves them out.
    setenv("SYCL_PROGRAM_COMPILE_OPTIONS", "", 0);
  }

  Discovery result_;
  std::vector<Candidate> gpus_;
  std::vector<Candidate> cpus_;
};

}  // namespace

Discovery discover_devices() {
  Discovery result = Finder().run();
  if (jit::debug::enabled(jit::debug::Devices)) {
    for (std::size_t index = 0; index < result.devices.size(); ++index) {
      const auto& device = result.devices[index];
      jit::debug::log("xpu:" + std::to_string(index) + ": " + device.get_info<sycl::info::device::name>() +
                      ", " + backend_name(device) + ", driver " +
                      device.get_info<sycl::info::device::driver_version>());
    }
    for (const auto& rejected : result.rejected)
      jit::debug::log("not used: " + rejected.name + " of " + rejected.platform + ": " + rejected.reason);
  }
  return result;
}

std::string type_name(const sycl::device& device) {
  return device.is_gpu() ? "gpu" : device.is_cpu() ? "cpu" : "accelerator";
}

std::string backend_name(const sycl::device& device) {
  switch (device.get_backend()) {
    case sycl::backend::ext_oneapi_level_zero:
      return "level_zero";
    case sycl::backend::opencl:
      return "opencl";
    case sycl::backend::ext_oneapi_cuda:
      return "cuda";
    case sycl::backend::ext_oneapi_hip:
      return "hip";
    default:
      return "other";
  }
}

bool is_integrated(const sycl::device& device) {
  return device.is_gpu() && device.has(sycl::aspect::ext_oneapi_is_integrated_gpu);
}

}  // namespace ipex::runtime
