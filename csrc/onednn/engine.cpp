#include "onednn/engine.h"

#include <c10/util/Exception.h>
#include <c10/xpu/XPUFunctions.h>

#include <array>
#include <atomic>
#include <mutex>
#include <oneapi/dnnl/dnnl_sycl.hpp>
#include <unordered_map>

#include "onednn/operation.h"
#include "onednn/stream.h"
#include "runtime/device.h"
#include "runtime/limits.h"

namespace ipex::onednn {
namespace {

// Never destroyed: the SYCL runtime may be gone when static destructors run.
struct Engines {
  std::array<std::once_flag, runtime::kMaxDevices> once;
  std::array<dnnl::engine, runtime::kMaxDevices> engines;
};

Engines& engines() {
  static auto* all = new Engines;
  return *all;
}

// Empty for a device of a kind the library does not serve.
const dnnl::engine& find_engine(c10::DeviceIndex device) {
  auto& all = engines();
  auto& found = all.engines.at(device);
  std::call_once(all.once[device], [&] {
    try {
      found =
          dnnl::sycl_interop::make_engine(c10::xpu::get_raw_device(device), runtime::device_context(device));
    } catch (const dnnl::error&) {
      found = {};
    }
  });
  return found;
}

bool takes_matmul(const dnnl::engine& target, dnnl::memory::data_type activations,
                  dnnl::memory::data_type weights) {
  using dnnl::memory;
  constexpr memory::dim size = 32;
  const memory::dims shape{size, size};
  const auto tag = memory::format_tag::ab;
  const dnnl::matmul::primitive_desc description(target, {shape, activations, tag}, {shape, weights, tag},
                                                 {shape, activations, tag}, {}, /*allow_empty=*/true);
  return description && !uses_reference(description);
}

// A processor without instructions for bfloat16 does its products by others, at a fifth of float32's speed.
bool imitates(const dnnl::engine& target, c10::ScalarType dtype) {
  return dtype == c10::kBFloat16 && target.get_kind() == dnnl::engine::kind::cpu &&
         !cpu_has(dnnl::cpu_isa::avx512_core_bf16) && !cpu_has(dnnl::cpu_isa::avx2_vnni_2);
}

DtypeSupport find_support(c10::DeviceIndex device, c10::ScalarType dtype) {
  const auto& target = engine(device);
  const auto type = data_type(dtype);
  if (type == dnnl::memory::data_type::undef) return DtypeSupport::none;
  if (takes_matmul(target, type, type)) {
    return imitates(target, dtype) ? DtypeSupport::imitated : DtypeSupport::native;
  }
  const auto single = dnnl::memory::data_type::f32;
  return takes_matmul(target, single, type) ? DtypeSupport::weights_only : DtypeSupport::converted;
}

}  // namespace

const dnnl::engine& engine(c10::DeviceIndex device) {
  const auto& found = find_engine(device);
  TORCH_CHECK(found, "oneDNN does not serve the device xpu:", static_cast<int>(device));
  return found;
}

const dnnl::stream& stream_over(sycl::queue& queue, c10::DeviceIndex device) {
  // The streams hold their queues, so a queue that equals a key is the same one.
  static auto* mutex = new std::mutex;
  static auto* streams = new std::unordered_map<sycl::queue, dnnl::stream>;
  const std::lock_guard lock(*mutex);
  auto found = streams->find(queue);
  if (found == streams->end()) {
    found = streams->emplace(queue, dnnl::sycl_interop::make_stream(engine(device), queue)).first;
  }
  return found->second;
}

dnnl::memory::data_type data_type(c10::ScalarType dtype) {
  using type = dnnl::memory::data_type;
  switch (dtype) {
    case c10::kFloat:
      return type::f32;
    case c10::kBFloat16:
      return type::bf16;
    case c10::kHalf:
      return type::f16;
    case c10::kInt:
      return type::s32;
    case c10::kChar:
      return type::s8;
    case c10::kByte:
      return type::u8;
    default:
      return type::undef;
  }
}

bool cpu_has(dnnl::cpu_isa isa) {
  static const auto instructions = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (instructions & static_cast<unsigned>(isa)) == static_cast<unsigned>(isa);
}

DtypeSupport dtype_support(c10::DeviceIndex device, c10::ScalarType dtype) {
  if (!find_engine(device)) return DtypeSupport::none;
  if (dtype == c10::kFloat) return DtypeSupport::native;
  if (dtype != c10::kBFloat16 && dtype != c10::kHalf) return DtypeSupport::none;
  // Zero is "not asked yet".
  static std::array<std::array<std::atomic<int>, 2>, runtime::kMaxDevices> answers;
  auto& answer = answers.at(device)[dtype == c10::kHalf ? 1 : 0];
  int known = answer.load(std::memory_order_relaxed);
  if (known == 0) {
    known = 1 + static_cast<int>(find_support(device, dtype));
    answer.store(known, std::memory_order_relaxed);
  }
  return static_cast<DtypeSupport>(known - 1);
}

}  // namespace ipex::onednn
