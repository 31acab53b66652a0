#include "runtime/device.h"

#include <c10/util/Exception.h>
#include <c10/util/irange.h>
#include <c10/util/StringUtil.h>
#include <c10/xpu/XPUFunctions.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <sstream>

#include "runtime/discovery.h"
#include "runtime/fork_guard.h"
#include "runtime/host_memory.h"
#include "runtime/thread_state.h"

namespace ipex::runtime {

constinit thread_local ThreadState this_thread;

namespace {

struct Device {
  sycl::device device;
  sycl::context context;
  c10::xpu::DeviceProp properties;
  DeviceInfo info;
  DeviceLimits limits;
};

struct DeviceTable {
  std::vector<Device> devices;
  std::vector<RejectedDevice> rejected;
};

bool is_hidden(const std::string& aspect) {
  static const auto hidden = [] {
    std::set<std::string> names;
    const char* text = std::getenv("IPEX_XPU_DISABLE_ASPECTS");
    std::istringstream list(text ? text : "");
    for (std::string name; std::getline(list, name, ',');) names.insert(name);
    return names;
  }();
  return hidden.contains(aspect);
}

int64_t total_memory(const sycl::device& device) {
  const auto bytes = device.get_info<sycl::info::device::global_mem_size>();
  return device.is_cpu() ? std::min<size_t>(bytes, host_memory().total) : bytes;
}

// A query the driver may not know: its value, or `otherwise`.
template <class Query>
auto ask(const sycl::device& device, typename Query::return_type otherwise) {
  try {
    return device.get_info<Query>();
  } catch (const sycl::exception&) {
    return otherwise;
  }
}

bool supports_extension(const sycl::device& device, const std::string& name) {
  try {
    return device.ext_oneapi_supports_cl_extension(name);
  } catch (const sycl::exception&) {
    return false;
  }
}

c10::xpu::DeviceProp query_properties(const sycl::device& device) {
  namespace experimental = sycl::ext::oneapi::experimental::info::device;
  c10::xpu::DeviceProp properties{};
#define QUERY(field) properties.field = ask<sycl::info::device::field>(device, properties.field);
  AT_FORALL_XPU_DEVICE_PROPERTIES(QUERY)
#undef QUERY
  properties.platform_name = device.get_platform().get_info<sycl::info::platform::name>();
#define QUERY(field, feature, otherwise)                                                   \
  properties.field = device.has(sycl::aspect::ext_intel_##feature)                         \
                         ? ask<sycl::ext::intel::info::device::field>(device, (otherwise)) \
                         : (otherwise);
  AT_FORALL_XPU_EXT_DEVICE_PROPERTIES(QUERY)
#undef QUERY
#define QUERY(feature) properties.has_##feature = device.has(sycl::aspect::feature) && !is_hidden(#feature);
  AT_FORALL_XPU_DEVICE_ASPECT(QUERY)
#undef QUERY
#define QUERY(feature) \
  properties.has_##feature = supports_extension(device, "cl_intel_" #feature) && !is_hidden(#feature);
  AT_FORALL_XPU_EXP_CL_ASPECT(QUERY)
#undef QUERY
#define QUERY(field) \
  properties.field = ask<experimental::field>(device, experimental::field::return_type::unknown);
  AT_FORALL_XPU_EXP_DEVICE_PROPERTIES(QUERY)
#undef QUERY
  if (!device.has(sycl::aspect::ext_intel_gpu_eu_count)) {
    // PyTorch's value for such a device, 512, would be taken for a large GPU.
    properties.gpu_eu_count = properties.max_compute_units;
    properties.gpu_eu_count_per_subslice = 1;
  }
  return properties;
}

DeviceInfo make_info(const sycl::device& device, const c10::xpu::DeviceProp& stock) {
  return {
#define DEVICE_PROPERTY(type, name, value) .name = static_cast<type>(value),
#include "runtime/device_props.def"
#undef DEVICE_PROPERTY
  };
}

bool simulates_discrete_memory() {
  const char* text = std::getenv("IPEX_XPU_HOST_ACCESS");
  return text && std::string(text) == "0";
}

DeviceLimits make_limits(const sycl::device& device, const c10::xpu::DeviceProp& properties) {
  const auto& sizes = properties.sub_group_sizes;
  return {
      .compute_units = static_cast<int>(properties.max_compute_units),
      .max_sub_group_size =
          sizes.empty() ? 1 : static_cast<int>(*std::max_element(sizes.begin(), sizes.end())),
      .vector_bytes = static_cast<int>(properties.native_vector_width_float * sizeof(float)),
      .max_group_size = properties.max_work_group_size,
      .local_memory_bytes = properties.local_mem_size,
      .cache_bytes = properties.global_mem_cache_size,
      .memory_bytes = static_cast<size_t>(total_memory(device)),
      .is_cpu = device.is_cpu(),
      .fp16 = properties.has_fp16,
      .fp64 = properties.has_fp64,
      .host_accessible = device.is_cpu() && !simulates_discrete_memory(),
  };
}

// Made on first use and never destroyed: SYCL may be gone when destructors of globals run.
const DeviceTable& table() {
  static const DeviceTable* const made = [] {
    mark_started();
    auto* result = new DeviceTable;
    auto found = discover_devices();
    result->rejected = std::move(found.rejected);
    for (const auto& device : found.devices) {
      try {
        auto properties = query_properties(device);
        auto info = make_info(device, properties);
        auto limits = make_limits(device, properties);
        result->devices.push_back({device, device.get_platform().khr_get_default_context(),
                                   std::move(properties), std::move(info), limits});
      } catch (const std::exception& error) {
        result->rejected.push_back({"device " + std::to_string(result->devices.size()), "", error.what()});
      }
    }
    return result;
  }();
  return *made;
}

const Device& device_at(c10::DeviceIndex index) {
  const auto& devices = table().devices;
  if (index < 0) index = this_thread.device;
  if (C10_UNLIKELY(static_cast<size_t>(index) >= devices.size())) {
    c10::xpu::device_count_ensure_non_zero();
    c10::xpu::check_device_index(index);
  }
  return devices[index];
}

}  // namespace

const DeviceLimits& device_limits(c10::DeviceIndex device) { return device_at(device).limits; }

const DeviceInfo& device_info(c10::DeviceIndex device) { return device_at(device).info; }

const c10::xpu::DeviceProp& device_properties(c10::DeviceIndex device) {
  return device_at(device).properties;
}

sycl::context& device_context(c10::DeviceIndex device) {
  check_fork();
  return const_cast<sycl::context&>(device_at(device).context);
}

bool has_aspect(c10::DeviceIndex device, const std::string& aspect) {
  const auto& properties = device_at(device).properties;
#define MATCH(feature) \
  if (aspect == #feature) return properties.has_##feature;
  AT_FORALL_XPU_DEVICE_ASPECT(MATCH)
  AT_FORALL_XPU_EXP_CL_ASPECT(MATCH)
#undef MATCH
  TORCH_CHECK_VALUE(false, "has_aspect: '", aspect, "' is not the name of a device aspect");
}

const std::vector<RejectedDevice>& rejected_devices() { return table().rejected; }

}  // namespace ipex::runtime

namespace c10::xpu {

using ipex::runtime::device_at;
using ipex::runtime::table;
using ipex::runtime::this_thread;

DeviceIndex device_count() { return static_cast<DeviceIndex>(table().devices.size()); }

DeviceIndex device_count_ensure_non_zero() {
  const auto count = device_count();
  if (C10_UNLIKELY(count == 0)) {
    std::string reasons;
    for (const auto& [name, platform, reason] : table().rejected)
      reasons += c10::str("\n  ", platform, platform.empty() || name.empty() ? "" : ", ", name, ": ", reason);
    TORCH_CHECK(false, "No XPU devices are available.", reasons);
  }
  return count;
}

DeviceIndex current_device() { return this_thread.device; }

void set_device(DeviceIndex device) {
  ipex::runtime::check_fork();
  check_device_index(device);
  this_thread.device = device;
}

DeviceIndex exchange_device(DeviceIndex device) {
  const auto previous = this_thread.device;
  if (device != previous) set_device(device);
  return previous;
}

DeviceIndex maybe_exchange_device(DeviceIndex to_device) {
  return to_device < 0 ? this_thread.device : exchange_device(to_device);
}

sycl::device& get_raw_device(DeviceIndex device) {
  ipex::runtime::check_fork();
  check_device_index(device);
  return const_cast<sycl::device&>(device_at(device).device);
}

sycl::context& get_device_context() { return ipex::runtime::device_context(this_thread.device); }

void get_device_properties(DeviceProp* device_prop, DeviceIndex device) {
  TORCH_CHECK(device_prop,
              "get_device_properties: expected a place for the properties, but got a null pointer");
  check_device_index(device);
  *device_prop = device_at(device).properties;
}

}  // namespace c10::xpu
