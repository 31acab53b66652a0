#pragma once

#include <mutex>
#include <string>
#include <sycl/sycl.hpp>

namespace ipex::jit {

class Kernel {
 public:
  Kernel(std::string kernel_name, sycl::kernel loaded)
      : name(std::move(kernel_name)), kernel(std::move(loaded)) {}

  const std::string name;
  const sycl::kernel kernel;
  // SYCL does not guard the arguments of a kernel made from OpenCL's between setting them and enqueueing.
  std::mutex arguments;
};

}  // namespace ipex::jit
