// Operators on sparse, quantized and nested tensors that no kernel serves: on copies in host memory.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/Functions.h>
#include <ATen/SparseCsrTensorUtils.h>
#include <torch/library.h>

#include <vector>

#include "aten/fallback.h"

namespace ipex::aten {
namespace {

using at::Tensor;

// Host copies of device tensors, one for each.
class HostCopies {
 public:
  Tensor argument(const Tensor& tensor, bool written) {
    if (!tensor.defined() || !tensor.is_xpu()) return tensor;
    if (!device_) device_ = tensor.device();
    for (auto& pair : pairs_) {
      if (!pair.device.is_same(tensor)) continue;
      pair.written |= written;
      return pair.host;
    }
    auto host = tensor.to(c10::kCPU);
    // Some operators keep for their gradients what they else leave out.
    if (tensor.requires_grad()) host.set_requires_grad(true);
    pairs_.push_back({tensor, host, written});
    return pairs_.back().host;
  }

  Tensor result(const Tensor& host) const {
    if (!host.defined() || !host.is_cpu() || !device_) return host;
    for (const auto& pair : pairs_) {
      if (pair.host.is_same(host)) return pair.device;
    }
    return host.to(*device_);
  }

  void write_back() const {
    for (const auto& pair : pairs_) {
      if (pair.written) write(pair.device, pair.host);
    }
  }

  void set_device(c10::Device device) { device_ = device; }

 private:
  struct Pair {
    Tensor device, host;
    bool written;
  };

  static void write(const Tensor& device, const Tensor& host) {
    if (device.is_sparse()) {
      at::copy_sparse_to_sparse_(const_cast<Tensor&>(device), host);
    } else if (at::sparse_csr::is_sparse_compressed(device)) {
      const auto moved = host.to(device.device());
      const auto* from = at::sparse_csr::get_sparse_csr_impl(moved);
      at::sparse_csr::get_sparse_csr_impl(device)->set_member_tensors(
          from->compressed_indices(), from->plain_indices(), from->values(), from->sizes());
    } else {
      if (!device.is_nested() && device.sizes() != host.sizes()) device.resize_(host.sizes());
      device.copy_(host);
    }
  }

  std::optional<c10::Device> device_;
  std::vector<Pair> pairs_;
};

}  // namespace

void layout_fallback(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  account_fallback(operation);
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  HostCopies copies;
  run_on_host(operation, stack, copies, [&] { operation.callBoxed(stack); });
}

torch::CppFunction boxed_layout_fallback() {
  return torch::CppFunction::makeFromBoxedFunction<&layout_fallback>();
}

}  // namespace ipex::aten

// Operators of other libraries, and those of ATen without a kernel for the CPU's key.
TORCH_LIBRARY_IMPL(_, SparseXPU, library) { library.fallback(ipex::aten::boxed_layout_fallback()); }
TORCH_LIBRARY_IMPL(_, SparseCsrXPU, library) { library.fallback(ipex::aten::boxed_layout_fallback()); }
TORCH_LIBRARY_IMPL(_, QuantizedXPU, library) { library.fallback(ipex::aten::boxed_layout_fallback()); }
