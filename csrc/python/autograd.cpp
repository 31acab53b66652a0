#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/xpu/XPUFunctions.h>
#include <torch/csrc/autograd/autograd.h>

#include "python/bindings.h"

namespace ipex::python {
namespace {

// torch keeps Python objects with a graph. An autograd thread that frees them while the interpreter shuts
// down ends the process with an abort, which a script that stops right after backward() meets now and then. A
// thread takes a graph only after it freed the one before, so a last graph, of nothing, without Python
// objects, shows that this has happened.
void drain_autograd() {
  const c10::InferenceMode no_inference(false);
  const at::AutoGradMode enabled(true);
  for (c10::DeviceIndex index = 0; index < c10::xpu::device_count(); ++index) {
    const auto options = at::TensorOptions(c10::Device(c10::kXPU, index));
    const auto leaf = at::empty({0}, options).requires_grad_(true);
    const auto end = leaf.view({0});
    torch::autograd::backward({end}, {at::empty_like(end)});
  }
}

}  // namespace

void bind_autograd(pybind11::module_& module) { bind_waiting(module, "drain_autograd", drain_autograd); }

}  // namespace ipex::python
