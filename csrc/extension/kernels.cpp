#include "ipex/kernels.h"

#include <ATen/ceil_div.h>

#include <algorithm>

#include "aten/dtypes.h"
#include "aten/launch.h"
#include "aten/reduce/reduce.h"
#include "jit/debug.h"
#include "jit/library.h"
#include "runtime/limits.h"

namespace ipex {

Range range_over(std::int64_t items) {
  const auto& limits = runtime::device_limits();
  const auto group_size = std::min<std::int64_t>(limits.is_cpu ? 1024 : 256, limits.max_group_size);
  return {at::ceil_div(items, group_size), group_size};
}

RowKernel row_kernel(const std::string& name, std::int64_t rows) {
  auto kernel = aten::row_kernel(name, rows);
  return {std::move(kernel.name), {kernel.range.groups, kernel.range.group_size}};
}

const char* type_name(c10::ScalarType dtype) { return aten::type_name(dtype); }

void launch(std::string_view module, const std::string& instantiation, Range range, const void* params,
            std::size_t params_size, std::size_t local_bytes) {
  if (range.groups == 0) return;
  aten::launch(aten::find_kernel(module, instantiation), {range.groups, range.group_size}, params,
               params_size, local_bytes);
}

RegisteredKernels::RegisteredKernels(const char* module, const char* source,
                                     const std::vector<std::string>& options, const void* archive,
                                     std::size_t archive_size) noexcept {
  try {
    jit::register_module(module, {source, options, std::string(module) + ".sycl.cpp"},
                         {static_cast<const std::byte*>(archive), archive_size});
  } catch (const std::exception& error) {
    jit::debug::log(std::string("kernels of ") + module + " are not available: " + error.what());
  }
}

}  // namespace ipex
