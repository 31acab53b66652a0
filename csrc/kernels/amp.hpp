// The two kernels of the gradient scaler.
#pragma once

#include "kernels/core/math.hpp"
#include "kernels/core/tensor_table.hpp"

namespace ipex::kernels {

// Multiplies by the inverse scale, and notes a gradient that is not finite. Every writer writes the same.
template <class T>
IPEX_KERNEL void amp_unscale(UnscaleParams params) {
  using C = opmath_t<T>;
  const auto& table = *params.table;
  const auto chunk = this_chunk(table);
  const auto inverse = static_cast<C>(*params.inverse_scale);
  T* data = slot_pointer<T>(table, chunk.tensor, 0);
  bool finite = true;
  for_each_element(chunk, params, [&](int64_t base, uint32_t lane) {
    T& element = (data + base)[lane];
    const auto value = static_cast<C>(element);
    finite = finite && sycl::isfinite(value);
    element = cast<T>(inverse == C(1) ? value : value * inverse);
  });
  if (!finite) *params.found_inf = 1.0f;
}

// Backs off after an overflow, grows after enough steps without one. One work-item.
template <class Scale>
IPEX_KERNEL void amp_update_scale(UpdateScaleParams params) {
  if (*params.found_inf != 0.0f) {
    *params.scale *= params.backoff_factor;
    *params.growth_tracker = 0;
    return;
  }
  const int successful = *params.growth_tracker + 1;
  if (successful < params.growth_interval) {
    *params.growth_tracker = successful;
    return;
  }
  const Scale grown = *params.scale * params.growth_factor;
  if (sycl::isfinite(grown)) *params.scale = grown;
  *params.growth_tracker = 0;
}

}  // namespace ipex::kernels
