// What embeddings and embeddings in bags share.
#pragma once

#include <ATen/core/Tensor.h>

namespace ipex::aten {

void check_embedding_indices(const char* name, const at::Tensor& indices);

// How rows of the gradient belong to bags of indices; each tensor may be undefined.
struct BagGradient {
  at::Tensor bags;     // int64: the bag of each index
  at::Tensor sizes;    // int64: what a bag's gradient is divided by
  at::Tensor weights;  // of each index, in the gradient's dtype
};

// The gradient of a table of so many rows; `gradient` has, contiguously, one for each index or each bag.
at::Tensor embedding_gradient(const char* name, const at::Tensor& gradient, const at::Tensor& indices,
                              std::int64_t rows, std::int64_t padding, bool average,
                              const BagGradient& bag = {});

}  // namespace ipex::aten
