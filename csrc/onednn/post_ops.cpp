#include "onednn/post_ops.h"

#include <ATen/Context.h>

#include <utility>

#include "runtime/fp32_math_mode.h"

namespace ipex::onednn {

PostOps& PostOps::eltwise(dnnl::algorithm algorithm, float alpha, float beta) {
  entries_.push_back({Kind::eltwise, algorithm, alpha, beta});
  return *this;
}

PostOps& PostOps::scale(float factor) {
  return factor == 1 ? *this : eltwise(dnnl::algorithm::eltwise_linear, factor, 0);
}

PostOps& PostOps::sum(float factor) {
  entries_.push_back({Kind::sum, dnnl::algorithm::undef, factor, 0});
  reads_destination_ = true;
  return *this;
}

PostOps& PostOps::binary(dnnl::algorithm algorithm, at::Tensor operand) {
  entries_.push_back({Kind::binary, algorithm, 0, 0});
  operands_.push_back(std::move(operand));
  return *this;
}

void PostOps::append_to(Key& key) const {
  key.append(static_cast<int>(entries_.size()));
  for (const auto& entry : entries_) {
    key.append(static_cast<int>(entry.kind));
    key.append(static_cast<int>(entry.algorithm));
    key.append(entry.alpha);
    key.append(entry.beta);
  }
}

dnnl::post_ops PostOps::build(const std::vector<dnnl::memory::desc>& operand_descriptions) const {
  dnnl::post_ops result;
  auto operand = operand_descriptions.begin();
  for (const auto& entry : entries_) {
    switch (entry.kind) {
      case Kind::eltwise:
        result.append_eltwise(entry.algorithm, entry.alpha, entry.beta);
        break;
      case Kind::sum:
        result.append_sum(entry.alpha);
        break;
      case Kind::binary:
        result.append_binary(entry.algorithm, *operand++);
        break;
    }
  }
  return result;
}

int PostOps::operand_argument(std::size_t index) const {
  for (std::size_t position = 0; position < entries_.size(); ++position) {
    if (entries_[position].kind != Kind::binary || index-- != 0) continue;
    return DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(position)) | DNNL_ARG_SRC_1;
  }
  TORCH_INTERNAL_ASSERT(false, "no such operand");
}

dnnl::primitive_attr common_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_deterministic(at::globalContext().deterministicAlgorithms());
  switch (runtime::fp32_math_mode()) {
    case runtime::Fp32MathMode::FP32:
      break;
    case runtime::Fp32MathMode::TF32:
      attributes.set_fpmath_mode(dnnl::fpmath_mode::tf32);
      break;
    case runtime::Fp32MathMode::BF32:
      attributes.set_fpmath_mode(dnnl::fpmath_mode::bf16);
      break;
  }
  return attributes;
}

void append_common_attributes(Key& key) {
  key.append(static_cast<int>(runtime::fp32_math_mode()));
  key.append(at::globalContext().deterministicAlgorithms());
}

}  // namespace ipex::onednn
