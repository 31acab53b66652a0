// Connectionist temporal classification.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_ctc_loss_backward_native.h>
#include <ATen/ops/_ctc_loss_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include <limits>

#include "aten/fault.h"
#include "aten/kernel_table.h"
#include "kernels/ctc_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

// What forward and backward are called with, checked and brought to the device.
struct Ctc {
  kernels::CtcParams params{};
  Tensor log_probs, labels, lengths;
  std::int64_t longest = 0;  // of the label sequences

  Ctc(const Tensor& input, const Tensor& targets, at::IntArrayRef input_lengths,
      at::IntArrayRef target_lengths, std::int64_t blank) {
    const bool batched = input.dim() == 3;
    TORCH_CHECK(batched || input.dim() == 2,
                "ctc_loss: expected log_probs of 2 or 3 dimensions, but got shape ", input.sizes());
    TORCH_CHECK_NOT_IMPLEMENTED(input.scalar_type() == at::kFloat || input.scalar_type() == at::kDouble,
                                "\"ctc_loss\" not implemented for '", input.scalar_type(), "'");
    TORCH_CHECK(targets.scalar_type() == at::kLong || targets.scalar_type() == at::kInt,
                "ctc_loss: expected targets of dtype int32 or int64, but got ", targets.scalar_type());
    log_probs = (batched ? input : input.unsqueeze(1)).contiguous();
    const auto batch = log_probs.size(1), classes = log_probs.size(2), time = log_probs.size(0);
    TORCH_CHECK(blank >= 0 && blank < classes, "blank must be in label range, but got ", blank, " for ",
                classes, " classes");
    TORCH_CHECK(static_cast<std::int64_t>(input_lengths.size()) == batch,
                "input_lengths must be of size batch_size: expected ", batch, ", but got ",
                input_lengths.size());
    TORCH_CHECK(static_cast<std::int64_t>(target_lengths.size()) == batch,
                "target_lengths must be of size batch_size: expected ", batch, ", but got ",
                target_lengths.size());
    const bool is_flat = batched && targets.dim() == 1;
    labels = targets.to(log_probs.device(), at::kLong).contiguous();
    std::vector<std::int64_t> numbers(input_lengths.begin(), input_lengths.end());
    numbers.insert(numbers.end(), target_lengths.begin(), target_lengths.end());
    std::int64_t offset = 0;
    for (std::int64_t b = 0; b < batch; ++b) {
      TORCH_CHECK(target_lengths[b] >= 0, "Expected target_lengths to have value at least 0, but got value ",
                  target_lengths[b]);
      TORCH_CHECK(input_lengths[b] >= 0 && input_lengths[b] <= time,
                  "Expected input_lengths to have value at most ", time, " and at least 0, but got value ",
                  input_lengths[b]);
      numbers.push_back(is_flat ? offset : b * labels.size(-1));
      offset += target_lengths[b];
      longest = std::max(longest, target_lengths[b]);
    }
    const auto room = is_flat ? labels.size(0) : labels.size(-1);
    TORCH_CHECK(is_flat ? offset == room : longest <= room,
                "ctc_loss: expected targets to hold the labels that target_lengths count, but got shape ",
                targets.sizes(), " for ", is_flat ? offset : longest, " labels");
    const auto on_host = at::from_blob(numbers.data(), {3, batch}, at::kLong);
    lengths = on_host.to(log_probs.device());
    params.log_probs = log_probs.const_data_ptr();
    params.labels = labels.const_data_ptr<std::int64_t>();
    params.lengths = lengths.const_data_ptr<std::int64_t>();
    params.time = time;
    params.batch = batch;
    params.classes = classes;
    params.states = 2 * longest + 1;
    params.blank = blank;
    params.fault = fault_for("ctc_loss", Problem::target);
  }

  void run(TypedKernel& kernel, Range range) const {
    if (range.groups == 0) return;
    launch(kernel.get("ctc_loss", log_probs.scalar_type(), log_probs.get_device()), range, params);
  }
  Range by_sequence() const { return {params.batch, kernels::ctc_group}; }

  // [batch, time, states]
  Tensor table() const {
    return at::full({params.batch, params.time, params.states}, -std::numeric_limits<double>::infinity(),
                    log_probs.options());
  }
};

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

std::tuple<Tensor, Tensor> _ctc_loss_xpu(const Tensor& log_probs, const Tensor& targets,
                                         IntArrayRef input_lengths, IntArrayRef target_lengths, int64_t blank,
                                         bool) {
  Ctc ctc(log_probs, targets, input_lengths, target_lengths, blank);
  auto alpha = ctc.table();
  auto loss = at::empty({ctc.params.batch}, log_probs.options());
  ctc.params.alpha = alpha.mutable_data_ptr();
  ctc.params.loss = loss.mutable_data_ptr();
  static TypedKernel kernel{"ctc", "ctc_forward"};
  ctc.run(kernel, ctc.by_sequence());
  const bool batched = log_probs.dim() == 3;
  return {batched ? loss : loss.squeeze(0), batched ? alpha : alpha.squeeze(0)};
}

Tensor _ctc_loss_backward_xpu(const Tensor& grad, const Tensor& log_probs, const Tensor& targets,
                              IntArrayRef input_lengths, IntArrayRef target_lengths,
                              const Tensor& neg_log_likelihood, const Tensor& log_alpha, int64_t blank,
                              bool zero_infinity) {
  Ctc ctc(log_probs, targets, input_lengths, target_lengths, blank);
  const auto alpha = log_alpha.contiguous(), loss = neg_log_likelihood.contiguous();
  const auto gradient = grad.contiguous();
  auto beta = ctc.table();
  auto result = at::empty(ctc.log_probs.sizes(), log_probs.options());
  ctc.params.alpha = const_cast<void*>(alpha.const_data_ptr());
  ctc.params.loss = const_cast<void*>(loss.const_data_ptr());
  ctc.params.beta = beta.mutable_data_ptr();
  ctc.params.gradient = gradient.const_data_ptr();
  ctc.params.gradient_stride = gradient.numel() > 1 ? 1 : 0;
  ctc.params.input_gradient = result.mutable_data_ptr();
  ctc.params.zero_infinity = zero_infinity;
  static TypedKernel backward{"ctc", "ctc_backward"}, rows{"ctc", "ctc_gradient"};
  ctc.run(backward, ctc.by_sequence());
  ctc.run(rows, range_for(ctc.params.time * ctc.params.batch, ipex::kernels::ctc_group));
  return log_probs.dim() == 3 ? result : result.squeeze(1);
}

}  // namespace at::native
