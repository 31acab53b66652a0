// What the host hands to the kernels of search.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

struct SearchParams {
  const void* boundaries;      // [rows, length], each row sorted
  const std::int64_t* sorter;  // or null: boundaries[sorter[i]] ascends, not boundaries[i]
  const void* values;          // [rows, columns]; one row of boundaries may serve all rows
  void* output;
  std::int64_t numel;
  std::int64_t columns;
  std::int64_t length;
  bool shared_boundaries;
  bool right;  // past equal boundaries
};

}  // namespace ipex::kernels
