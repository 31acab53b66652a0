// Errors of SYCL as PyTorch's.
#pragma once

#include <c10/util/Exception.h>

#include <sycl/sycl.hpp>

namespace ipex {

// Runs `action`; a SYCL exception becomes a RuntimeError that says what was being done.
template <class Action>
auto checked(const char* doing, Action action) {
  try {
    return action();
  } catch (const sycl::exception& error) {
    TORCH_CHECK(false, "XPU: ", doing, " failed: ", error.what());
  }
}

}  // namespace ipex
