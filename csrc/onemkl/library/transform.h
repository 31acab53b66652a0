#pragma once

#include "onemkl/library/interface.h"

namespace ipex::onemkl {

std::unique_ptr<Transform> make_transform(const sycl::queue& queue, const TransformShape& shape);

}  // namespace ipex::onemkl
