// Cross products of vectors of three components. The result may be a factor.
#pragma once

#include "kernels/core/row_slice.hpp"
#include "kernels/core/types.hpp"
#include "kernels/cross_params.hpp"

namespace ipex::kernels {

template <class T>
IPEX_KERNEL void cross(CrossParams params) {
  using C = opmath_t<T>;
  const auto& grid = params.grid;
  const auto slice = this_row_slice(grid.rows);
  char* start[3];
  find_slice(grid, slice, start);
  const auto lane = this_lane();
  if (lane >= slice.lanes) return;
  const auto element = [&](int operand, int component) -> T& {
    return strided<T>::at(start[operand] + component * params.component[operand], grid.strides[operand],
                          lane);
  };
  for (std::uint32_t step = 0; step < grid.steps; ++step) {
    C a[3], b[3];
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      a[i] = cast<C>(element(1, i));
      b[i] = cast<C>(element(2, i));
    }
    element(0, 0) = cast<T>(static_cast<C>(a[1] * b[2] - a[2] * b[1]));
    element(0, 1) = cast<T>(static_cast<C>(a[2] * b[0] - a[0] * b[2]));
    element(0, 2) = cast<T>(static_cast<C>(a[0] * b[1] - a[1] * b[0]));
    next_row(grid, start);
  }
}

}  // namespace ipex::kernels
