#pragma once

#include <ATen/core/Tensor.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "onednn/primitive_cache.h"

namespace ipex::onednn {

// What is done to a result before it is stored, in this order.
class PostOps {
 public:
  // result * alpha + beta; with another algorithm, that function of the result.
  PostOps& eltwise(dnnl::algorithm algorithm, float alpha = 0, float beta = 0);
  PostOps& scale(float factor);
  // result + factor * (what the destination held)
  PostOps& sum(float factor);
  // The operand has the shape of the destination.
  PostOps& binary(dnnl::algorithm algorithm, at::Tensor operand);

  bool reads_destination() const { return reads_destination_; }
  // Operands of binary, in order.
  const std::vector<at::Tensor>& operands() const { return operands_; }
  std::vector<at::Tensor>& operands() { return operands_; }

  void append_to(Key& key) const;
  // `operand_descriptions` belong to operands().
  dnnl::post_ops build(const std::vector<dnnl::memory::desc>& operand_descriptions) const;
  // The argument by which the primitive knows operand `index`.
  int operand_argument(std::size_t index) const;

 private:
  enum class Kind : int { eltwise, sum, binary };
  struct Entry {
    Kind kind;
    dnnl::algorithm algorithm;
    float alpha, beta;
  };
  std::vector<Entry> entries_;
  std::vector<at::Tensor> operands_;
  bool reads_destination_ = false;
};

// Attributes every primitive of ours has: math mode, determinism, scratchpad from our allocator.
dnnl::primitive_attr common_attributes();
void append_common_attributes(Key& key);

}  // namespace ipex::onednn
