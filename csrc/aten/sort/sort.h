#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace ipex::aten {

// Sorted rows of a dense [rows, length] tensor, and where their elements were; equal elements keep their
// order.
std::tuple<at::Tensor, at::Tensor> sort_rows(const at::Tensor& input, bool descending);

}  // namespace ipex::aten
