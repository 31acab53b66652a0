// Scaled dot-product attention a part at a time: the memory it needs grows with the number of keys alone.
#pragma once

#include <ATen/core/Tensor.h>

namespace ipex::aten {

// Why attention by parts (_scaled_dot_product_fused_attention_overrideable) does not take these arguments;
// null if it does. All are on one device.
const char* attention_refusal(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                              const std::optional<at::Tensor>& mask);

}  // namespace ipex::aten
