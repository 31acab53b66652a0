// What the host hands to the kernels of add_norm.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

// Rows whose elements follow each other; `stride` elements lead from one to the next.
struct AddNormRows {
  void* data;  // or null
  std::int64_t stride;
};

struct AddNormParams {
  AddNormRows input;
  AddNormRows addends[2];  // or null
  AddNormRows sum;         // where input and addends go together, which may be one of them; or null
  const void* weight;      // or null
  const void* bias;        // or null
  void* output;            // dense
  std::int64_t rows;
  std::int64_t size;
  float epsilon;
};

}  // namespace ipex::kernels
