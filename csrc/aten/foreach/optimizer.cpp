// Fused optimizers: one kernel updates all parameters; step counters and scales stay on the device.
#include <ATen/native/ForeachUtils.h>
#include <ATen/ops/_fused_adagrad_native.h>
#include <ATen/ops/_fused_adam_native.h>
#include <ATen/ops/_fused_adamw_native.h>
#include <ATen/ops/_fused_sgd_native.h>

#include <cmath>

#include "aten/foreach/tensor_table.h"
#include "kernels/optimizer_params.hpp"

namespace ipex::aten {
namespace {

using MaybeTensor = std::optional<at::Tensor>;

// A learning rate: a number, or a tensor that stays on the device.
struct Rate {
  Rate(double number) : value(number) {}
  explicit Rate(const at::Tensor& tensor) {
    TORCH_CHECK(tensor.numel() == 1, "lr must be a tensor of one element, but got ", tensor.numel());
    if (tensor.is_cpu()) {
      value = tensor.item<double>();
    } else {
      on_device = tensor.to(at::kFloat);
    }
  }

  double value = 0;
  at::Tensor on_device;
};

// What every fused optimizer is called with.
struct Step {
  const char* name;
  std::vector<at::TensorList> values;  // parameters, gradients, states
  at::TensorList counters;             // empty where the rule counts no steps
  bool maximize;
  const MaybeTensor& gradient_scale;
  const MaybeTensor& found_inf;
};

const float* scalar_on_device(const char* name, const char* what, const MaybeTensor& tensor,
                              c10::Device device) {
  if (!tensor || !tensor->defined()) return nullptr;
  TORCH_CHECK(tensor->numel() == 1 && tensor->scalar_type() == at::kFloat && tensor->device() == device, name,
              ": ", what, " must be one float32 on ", device, ", but got ", tensor->numel(), " of ",
              tensor->scalar_type(), " on ", tensor->device());
  return tensor->const_data_ptr<float>();
}

void check(const Step& step) {
  const auto parameters = step.values[0];
  for (const auto list : step.values) {
    TORCH_CHECK(list.size() == parameters.size(), step.name, ": expected lists of ", parameters.size(),
                " tensors as there are parameters, but got one of ", list.size());
  }
  TORCH_CHECK(at::native::check_fast_path_restrictions(step.values), step.name,
              ": parameters, gradients and states must have the same dtype, device and layout, and the same "
              "sizes and "
              "strides tensor by tensor");
  TORCH_CHECK_NOT_IMPLEMENTED(c10::isFloatingType(parameters[0].scalar_type()), '"', step.name,
                              "\" not implemented for '", parameters[0].scalar_type(), "'");
  check_dtype(step.name, parameters[0].scalar_type());
  if (step.counters.empty()) return;
  TORCH_CHECK(step.counters.size() == parameters.size(), step.name, ": expected ", parameters.size(),
              " state_steps, but got ", step.counters.size());
  for (const auto& counter : step.counters) {
    TORCH_CHECK(counter.scalar_type() == at::kFloat && counter.device() == parameters[0].device(), step.name,
                ": state_steps must be float32 on ", parameters[0].device(), ", but got ",
                counter.scalar_type(), " on ", counter.device());
  }
}

// `rule` is a template of ipex::kernels::rule; `options` makes its options in float or double.
template <template <class> class Options, class MakeOptions>
void run(const Step& step, const char* rule, const Rate& rate, MakeOptions options) {
  const auto parameters = step.values[0];
  if (parameters.empty()) return;
  check(step);
  const auto device = parameters[0].device();
  const auto dtype = parameters[0].scalar_type();
  kernels::OptimizerParams params{};
  params.rate = rate.value;
  params.single_rate = static_cast<float>(rate.value);
  if (rate.on_device.defined()) {
    TORCH_CHECK(rate.on_device.device() == device, step.name, ": lr is on ", rate.on_device.device(),
                ", but the parameters are on ", device);
    params.rate_on_device = rate.on_device.const_data_ptr<float>();
  }
  params.gradient_scale = scalar_on_device(step.name, "grad_scale", step.gradient_scale, device);
  params.found_inf = scalar_on_device(step.name, "found_inf", step.found_inf, device);
  params.maximize = step.maximize;
  if (dtype == at::kDouble) {
    const Options<double> made = options(double{});
    std::memcpy(params.options, &made, sizeof made);
  } else {
    const Options<float> made = options(float{});
    std::memcpy(params.options, &made, sizeof made);
  }

  auto& kernel = find_kernel("optimizer", instantiation("optimizer_step", rule, type_name(dtype)));
  TableLauncher<kernels::OptimizerParams> table(kernel, static_cast<int>(step.values.size()) + 1, params);
  for (std::size_t tensor = 0; tensor < parameters.size(); ++tensor) {
    table.add(parameters[tensor].numel(), [&](std::uint64_t* slots) {
      for (const auto list : step.values) *slots++ = slot_of(list[tensor]);
      *slots = step.counters.empty() ? 0 : slot_of(step.counters[tensor]);
    });
  }
  table.flush();
  for (const auto list : step.values) bump_versions(list);
}

struct AdamArguments {
  double beta1, beta2, weight_decay, epsilon;
  bool amsgrad, decoupled;
};

void adam(Step step, at::TensorList largest, const Rate& rate, const AdamArguments& given) {
  if (given.amsgrad) step.values.push_back(largest);
  run<kernels::AdamOptions>(step, given.amsgrad ? "rule::adam_amsgrad" : "rule::adam", rate, [&]<class C>(C) {
    return kernels::AdamOptions<C>{static_cast<C>(given.beta1),
                                   static_cast<C>(given.beta2),
                                   static_cast<C>(1 - given.beta1),
                                   static_cast<C>(1 - given.beta2),
                                   static_cast<C>(std::log(given.beta1)),
                                   static_cast<C>(std::log(given.beta2)),
                                   static_cast<C>(given.weight_decay),
                                   static_cast<C>(given.epsilon),
                                   given.decoupled};
  });
}

struct SgdArguments {
  double weight_decay, momentum, dampening;
  bool nesterov, first_step;
};

void sgd(Step step, at::TensorList momentum_buffers, const Rate& rate, const SgdArguments& given) {
  const bool has_momentum = !momentum_buffers.empty();
  TORCH_CHECK(has_momentum || given.momentum == 0, step.name, ": momentum ", given.momentum,
              " needs momentum_buffer_list");
  if (has_momentum) step.values.push_back(momentum_buffers);
  run<kernels::SgdOptions>(step, has_momentum ? "rule::sgd_momentum" : "rule::sgd", rate, [&]<class C>(C) {
    return kernels::SgdOptions<C>{static_cast<C>(given.weight_decay), static_cast<C>(given.momentum),
                                  static_cast<C>(1 - given.dampening), given.nesterov, given.first_step};
  });
}

void adagrad(const Step& step, const Rate& rate, double rate_decay, double weight_decay, double epsilon) {
  run<kernels::AdagradOptions>(step, "rule::adagrad", rate, [&]<class C>(C) {
    return kernels::AdagradOptions<C>{static_cast<C>(rate_decay), static_cast<C>(weight_decay),
                                      static_cast<C>(epsilon)};
  });
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

// Each optimizer twice: the learning rate as a number, and as a tensor.

void _fused_adam__xpu(TensorList self, TensorList grads, TensorList exp_avgs, TensorList exp_avg_sqs,
                      TensorList max_exp_avg_sqs, TensorList state_steps, double lr, double beta1,
                      double beta2, double weight_decay, double eps, bool amsgrad, bool maximize,
                      const MaybeTensor& grad_scale, const MaybeTensor& found_inf) {
  adam({"_fused_adam_", {self, grads, exp_avgs, exp_avg_sqs}, state_steps, maximize, grad_scale, found_inf},
       max_exp_avg_sqs, lr, {beta1, beta2, weight_decay, eps, amsgrad, false});
}

void _fused_adam__tensor_lr_xpu(TensorList self, TensorList grads, TensorList exp_avgs,
                                TensorList exp_avg_sqs, TensorList max_exp_avg_sqs, TensorList state_steps,
                                const Tensor& lr, double beta1, double beta2, double weight_decay, double eps,
                                bool amsgrad, bool maximize, const MaybeTensor& grad_scale,
                                const MaybeTensor& found_inf) {
  adam({"_fused_adam_", {self, grads, exp_avgs, exp_avg_sqs}, state_steps, maximize, grad_scale, found_inf},
       max_exp_avg_sqs, Rate(lr), {beta1, beta2, weight_decay, eps, amsgrad, false});
}

void _fused_adamw__xpu(TensorList self, TensorList grads, TensorList exp_avgs, TensorList exp_avg_sqs,
                       TensorList max_exp_avg_sqs, TensorList state_steps, double lr, double beta1,
                       double beta2, double weight_decay, double eps, bool amsgrad, bool maximize,
                       const MaybeTensor& grad_scale, const MaybeTensor& found_inf) {
  adam({"_fused_adamw_", {self, grads, exp_avgs, exp_avg_sqs}, state_steps, maximize, grad_scale, found_inf},
       max_exp_avg_sqs, lr, {beta1, beta2, weight_decay, eps, amsgrad, true});
}

void _fused_adamw__tensor_lr_xpu(TensorList self, TensorList grads, TensorList exp_avgs,
                                 TensorList exp_avg_sqs, TensorList max_exp_avg_sqs, TensorList state_steps,
                                 const Tensor& lr, double beta1, double beta2, double weight_decay,
                                 double eps, bool amsgrad, bool maximize, const MaybeTensor& grad_scale,
                                 const MaybeTensor& found_inf) {
  adam({"_fused_adamw_", {self, grads, exp_avgs, exp_avg_sqs}, state_steps, maximize, grad_scale, found_inf},
       max_exp_avg_sqs, Rate(lr), {beta1, beta2, weight_decay, eps, amsgrad, true});
}

void _fused_sgd__xpu(TensorList self, TensorList grads, TensorList momentum_buffer_list, double weight_decay,
                     double momentum, double lr, double dampening, bool nesterov, bool maximize,
                     bool is_first_step, const MaybeTensor& grad_scale, const MaybeTensor& found_inf) {
  sgd({"_fused_sgd_", {self, grads}, {}, maximize, grad_scale, found_inf}, momentum_buffer_list, lr,
      {weight_decay, momentum, dampening, nesterov, is_first_step});
}

void _fused_sgd__tensor_lr_xpu(TensorList self, TensorList grads, TensorList momentum_buffer_list,
                               double weight_decay, double momentum, const Tensor& lr, double dampening,
                               bool nesterov, bool maximize, bool is_first_step,
                               const MaybeTensor& grad_scale, const MaybeTensor& found_inf) {
  sgd({"_fused_sgd_", {self, grads}, {}, maximize, grad_scale, found_inf}, momentum_buffer_list, Rate(lr),
      {weight_decay, momentum, dampening, nesterov, is_first_step});
}

void _fused_adagrad__xpu(TensorList self, TensorList grads, TensorList state_sums, TensorList state_steps,
                         double lr, double lr_decay, double weight_decay, double eps, bool maximize,
                         const MaybeTensor& grad_scale, const MaybeTensor& found_inf) {
  adagrad({"_fused_adagrad_", {self, grads, state_sums}, state_steps, maximize, grad_scale, found_inf}, lr,
          lr_decay, weight_decay, eps);
}

void _fused_adagrad__tensor_lr_xpu(TensorList self, TensorList grads, TensorList state_sums,
                                   TensorList state_steps, const Tensor& lr, double lr_decay,
                                   double weight_decay, double eps, bool maximize,
                                   const MaybeTensor& grad_scale, const MaybeTensor& found_inf) {
  adagrad({"_fused_adagrad_", {self, grads, state_sums}, state_steps, maximize, grad_scale, found_inf},
          Rate(lr), lr_decay, weight_decay, eps);
}

}  // namespace at::native
