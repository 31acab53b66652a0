#include <ATen/native/ForeachUtils.h>
#include <ATen/ops/_foreach_norm_native.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <limits>

#include "aten/foreach/tensor_table.h"

namespace ipex::aten {
namespace {

// The kernels' name of a norm they have, else null.
const char* norm_name(const at::Scalar& order) {
  if (order.isComplex() || order.isBoolean()) return nullptr;
  const double value = order.toDouble();
  if (value == 1) return "norm::one";
  if (value == 2) return "norm::two";
  return value == std::numeric_limits<double>::infinity() ? "norm::infinity" : nullptr;
}

std::vector<at::Tensor> norms(at::TensorList tensors, const char* norm, c10::ScalarType dtype) {
  const auto input = tensors[0].scalar_type();
  check_dtype("_foreach_norm", input);
  const auto opmath = opmath_dtype(input);
  const auto options = tensors[0].options();
  std::int64_t chunks = 0;
  for (const auto& tensor : tensors) chunks += chunk_count(tensor.numel());
  const auto folds = at::empty({chunks}, options.dtype(opmath));
  const auto* base = static_cast<const char*>(folds.const_data_ptr());
  const auto fold_address = [&](std::int64_t chunk) {
    return base + chunk * static_cast<std::int64_t>(folds.element_size());
  };

  TableLauncher<kernels::TableParams> of_chunks(
      find_kernel("foreach_norm", instantiation("norm_chunks", norm, type_name(input))), 2);
  TableLauncher<kernels::TableParams> finish(
      find_kernel("foreach_norm", instantiation("norm_finish", norm, type_name(opmath), type_name(dtype))),
      3);
  chunks = 0;
  for (const auto& tensor : tensors) {
    of_chunks.add(tensor.numel(), [&](std::uint64_t* slots) {
      slots[0] = slot_of(tensor);
      slots[1] = std::bit_cast<std::uint64_t>(fold_address(chunks));
    });
    chunks += chunk_count(tensor.numel());
  }
  of_chunks.flush();

  std::vector<at::Tensor> results;
  chunks = 0;
  for (const auto& tensor : tensors) {
    results.push_back(at::empty({}, options.dtype(dtype)));
    const auto count = chunk_count(tensor.numel());
    finish.add(1, [&](std::uint64_t* slots) {
      slots[0] = std::bit_cast<std::uint64_t>(fold_address(chunks));
      slots[1] = static_cast<std::uint64_t>(count);
      slots[2] = slot_of(results.back());
    });
    chunks += count;
  }
  finish.flush();
  return results;
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

std::vector<Tensor> _foreach_norm_Scalar_xpu(TensorList tensors, const Scalar& order,
                                             std::optional<ScalarType> dtype) {
  const auto* norm = ipex::aten::norm_name(order);
  // A result of more digits than the sums have goes tensor by tensor.
  const auto fits = [&](ScalarType input) {
    return isFloatingType(input) && (!dtype || *dtype == input || *dtype == ipex::aten::opmath_dtype(input));
  };
  const bool simple = norm != nullptr && !tensors.empty() && fits(tensors[0].scalar_type());
  if (!simple || !can_use_fast_route({tensors}) ||
      std::any_of(tensors.begin(), tensors.end(), [](const Tensor& tensor) { return tensor.numel() == 0; })) {
    return foreach_tensor_norm_slow(tensors, order, dtype);
  }
  return ipex::aten::norms(tensors, norm, dtype.value_or(tensors[0].scalar_type()));
}

}  // namespace at::native
