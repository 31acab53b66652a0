#pragma once

#include <stdexcept>
#include <string>

namespace ipex::jit {

// A kernel that could not be compiled, loaded or found. what() ends with the compiler's log, if there is one.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace ipex::jit
