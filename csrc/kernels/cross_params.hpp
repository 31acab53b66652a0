// What the host hands to the kernel of cross.hpp.
#pragma once

#include "kernels/core/row_grid.hpp"

namespace ipex::kernels {

// The grid's elements are the first components of the result and of both factors.
struct CrossParams {
  RowGrid<3> grid;
  std::int64_t component[3];  // to the next component, in bytes
};

}  // namespace ipex::kernels
