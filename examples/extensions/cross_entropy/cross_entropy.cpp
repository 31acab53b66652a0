#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <ipex/kernels.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "cross_entropy_params.hpp"

namespace {

using at::Tensor;

void run(const char* name, const Tensor& logits, const CrossEntropyParams& params) {
  const auto kernel = ipex::row_kernel(name, params.rows);
  ipex::launch("cross_entropy", ipex::instantiation(kernel.name, ipex::type_name(logits.scalar_type())),
               kernel.range, params);
}

// What both passes read.
CrossEntropyParams params_of(const Tensor& logits, const Tensor& targets) {
  CrossEntropyParams params{};
  params.logits = logits.const_data_ptr();
  params.targets = targets.const_data_ptr<std::int64_t>();
  params.rows = logits.size(0);
  params.classes = logits.size(1);
  return params;
}

// Losses and log-sum-exps of the rows.
std::tuple<Tensor, Tensor> forward(const Tensor& given, const Tensor& targets) {
  TORCH_CHECK(given.dim() == 2 && targets.dim() == 1 && given.size(0) == targets.size(0),
              "cross_entropy: expected logits [rows, classes] and targets [rows], got ", given.sizes(),
              " and ", targets.sizes());
  TORCH_CHECK(given.is_xpu() && given.device() == targets.device() && targets.scalar_type() == at::kLong,
              "cross_entropy: expected tensors on one xpu and targets of int64, got logits on ",
              given.device(), ", targets of ", targets.scalar_type(), " on ", targets.device());
  const c10::DeviceGuard guard(given.device());
  const auto logits = given.contiguous(), classes = targets.contiguous();
  const auto losses = at::empty(logits.size(0), logits.options().dtype(at::kFloat));
  const auto logsumexp = at::empty_like(losses);
  auto params = params_of(logits, classes);
  params.losses = losses.mutable_data_ptr<float>();
  params.logsumexp = logsumexp.mutable_data_ptr<float>();
  run("cross_entropy", logits, params);
  return {losses, logsumexp};
}

Tensor backward(const Tensor& loss_gradients, const Tensor& given, const Tensor& targets,
                const Tensor& logsumexp) {
  const c10::DeviceGuard guard(given.device());
  const auto logits = given.contiguous(), classes = targets.contiguous();
  const auto scales = loss_gradients.to(at::kFloat).contiguous();
  const auto gradients = at::empty_like(logits);
  auto params = params_of(logits, classes);
  params.logsumexp = logsumexp.mutable_data_ptr<float>();
  params.loss_gradients = scales.const_data_ptr<float>();
  params.gradients = gradients.mutable_data_ptr();
  run("cross_entropy_backward", logits, params);
  return gradients;
}

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& logits,
                        const Tensor& targets) {
    const auto [losses, logsumexp] = ::forward(logits, targets);
    context->save_for_backward({logits, targets, logsumexp});
    return losses;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {::backward(gradients[0], saved[0], saved[1], saved[2]), Tensor()};
  }
};

}  // namespace

TORCH_LIBRARY(extension_example, m) { m.def("cross_entropy(Tensor logits, Tensor targets) -> Tensor"); }
TORCH_LIBRARY_IMPL(extension_example, XPU, m) {
  m.impl("cross_entropy",
         [](const Tensor& logits, const Tensor& targets) { return std::get<0>(forward(logits, targets)); });
}
TORCH_LIBRARY_IMPL(extension_example, AutogradXPU, m) {
  m.impl("cross_entropy",
         [](const Tensor& logits, const Tensor& targets) { return CrossEntropy::apply(logits, targets); });
}
