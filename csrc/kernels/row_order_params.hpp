// What the host hands to the kernel of row_order.hpp.
#pragma once

#include <cstdint>

namespace ipex::kernels {

struct RowOrderParams {
  const void* values;  // [rows, length]
  const std::int64_t* order;
  std::int64_t* merged;
  std::int64_t rows, length;
  std::int64_t run;  // so many neighbours of `order` are sorted already
};

}  // namespace ipex::kernels
