#include "aten/fallback.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/Functions.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/xpu/EmptyTensor.h>
#include <c10/core/CPUAllocator.h>
#include <torch/library.h>

#include <cstdlib>
#include <mutex>
#include <unordered_map>

#include "aten/tensor/copy.h"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

enum class Policy { allow, warn, forbid };

Policy policy() {
  static const Policy chosen = [] {
    const char* text = std::getenv("IPEX_XPU_FALLBACK");
    const std::string value = text == nullptr ? "" : text;
    if (value == "warn") return Policy::warn;
    if (value == "error") return Policy::forbid;
    TORCH_CHECK_VALUE(value.empty() || value == "allow",
                      "IPEX_XPU_FALLBACK must be allow, warn or error, got '", value, "'");
    return Policy::allow;
  }();
  return chosen;
}

std::mutex mutex;
std::map<std::string, std::int64_t> counts;

// CPU tensors over the memory of XPU tensors. Tensors that share storage keep sharing it, so views and
// in-place operators mean the same on both sides.
class HostViews {
 public:
  // write_back() looks at all of them.
  at::Tensor argument(const at::Tensor& tensor, bool /*written*/) {
    if (!tensor.defined() || !tensor.is_xpu()) return tensor;
    device_ = tensor.device();
    auto* key = tensor.unsafeGetTensorImpl();
    if (auto found = tensors_.find(key); found != tensors_.end()) return found->second.host;
    auto host =
        at::detail::make_tensor<c10::TensorImpl>(c10::Storage(host_storage(tensor.storage())),
                                                 c10::DispatchKeySet(c10::DispatchKey::CPU), tensor.dtype());
    auto* impl = host.unsafeGetTensorImpl();
    impl->set_storage_offset(tensor.storage_offset());
    impl->set_sizes_and_strides(tensor.sizes(), tensor.strides());
    impl->_set_conj(tensor.is_conj());
    impl->_set_neg(tensor.is_neg());
    if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) impl->set_wrapped_number(true);
    tensors_.emplace(key, Pair{tensor, host});
    return host;
  }

  // The XPU tensor that stands for a result of the CPU kernel.
  at::Tensor result(const at::Tensor& host) {
    if (!host.defined() || !host.is_cpu()) return host;
    for (auto& [key, pair] : tensors_) {
      if (pair.host.is_same(host)) return pair.device;
    }
    if (host.layout() != c10::kStrided || host.is_quantized()) return host.to(device());
    const auto* storage = host.storage().unsafeGetStorageImpl();
    for (auto& [key, pair] : storages_) {
      if (pair.second.unsafeGetStorageImpl() != storage || storage->data() != pair.first.data()) continue;
      auto view = at::detail::empty_xpu({0}, host.options().device(device()));
      at::Tensor shared(view);
      return shared.set_(pair.first, host.storage_offset(), host.sizes(), host.strides());
    }
    return host.to(device());
  }

  // Outputs that the CPU kernel resized live in new host memory: take them back.
  void write_back() {
    for (auto& [key, pair] : tensors_) {
      const bool moved = pair.host.storage().data() != pair.device.storage().data();
      if (moved || pair.host.sizes() != pair.device.sizes() || pair.host.strides() != pair.device.strides()) {
        if (!moved) {
          pair.device.set_(pair.device.storage(), pair.host.storage_offset(), pair.host.sizes(),
                           pair.host.strides());
        } else {
          pair.device.resize_(pair.host.sizes());
          pair.device.copy_(pair.host);
        }
      }
    }
  }

  void set_device(c10::Device device) { device_ = device; }
  c10::Device device() const { return device_ ? *device_ : c10::Device(c10::kXPU, 0); }

 private:
  struct Pair {
    at::Tensor device, host;
  };

  c10::Storage host_storage(const c10::Storage& storage) {
    auto* key = storage.unsafeGetStorageImpl();
    if (auto found = storages_.find(key); found != storages_.end()) return found->second.second;
    c10::Storage host(c10::Storage::use_byte_size_t(), storage.nbytes(),
                      c10::DataPtr(const_cast<void*>(storage.data()), c10::Device(c10::kCPU)),
                      c10::GetCPUAllocator(), true);
    storages_.emplace(key, std::pair(storage, host));
    return host;
  }

  std::optional<c10::Device> device_;
  std::unordered_map<c10::TensorImpl*, Pair> tensors_;
  std::unordered_map<c10::StorageImpl*, std::pair<c10::Storage, c10::Storage>> storages_;
};

void run_in_place(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  HostViews views;
  run_on_host(operation, stack, views, [&] {
    synchronize_current_stream(views.device());
    operation.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  });
}

}  // namespace

void account_fallback(const c10::OperatorHandle& operation) {
  const auto name = c10::toString(operation.operator_name());
  const auto chosen = policy();
  TORCH_CHECK_NOT_IMPLEMENTED(
      chosen != Policy::forbid, name,
      ": no XPU kernel, and IPEX_XPU_FALLBACK=error forbids running it on the CPU; unset the variable "
      "or move the tensors with .cpu()");
  bool first;
  {
    const std::lock_guard lock(mutex);
    first = counts[name]++ == 0;
  }
  if (chosen == Policy::warn && first) TORCH_WARN(name, ": no XPU kernel; it runs on the CPU");
}

void cpu_fallback(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  account_fallback(operation);
  if (runtime::host_accessible()) {
    run_in_place(operation, stack);
  } else {
    at::native::cpu_fallback(operation, stack, false);
  }
}

std::map<std::string, std::int64_t> fallback_counts() {
  const std::lock_guard lock(mutex);
  return counts;
}

void reset_fallback_counts() {
  const std::lock_guard lock(mutex);
  counts.clear();
}

}  // namespace ipex::aten

TORCH_LIBRARY_IMPL(_, XPU, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&ipex::aten::cpu_fallback>());
}
