// What the host hands to the kernels of runs.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

constexpr int runs_max_coefficients = 4;

// A contiguous tensor as runs of neighbouring elements. Element i of run r has coefficient number
//   (r / period) * stride + (along ? i : r % period * step)
struct RunsParams {
  const void* inputs[2];
  void* output;
  const void* coefficients[runs_max_coefficients];
  std::int64_t runs;
  std::int64_t length;
  std::int64_t period;
  std::int64_t stride;
  std::int64_t step;
  bool along;
  // What one sub-group takes: elements of a run or, along, whole runs of a period; and how many such there
  // are.
  std::int64_t chunk;
  std::int64_t chunks;
};

}  // namespace ipex::kernels
