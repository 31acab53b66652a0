#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ipex::jit {

// A parameter of a kernel.
struct Parameter {
  enum class Kind { pointer, value, local_memory };

  Kind kind;
  std::string type;  // C++ text without const: of a value, or of what a pointer points to
  bool writable;     // points to what is not const
  std::string text;  // C++ text of the whole
};

// The parameters of a free function kernel, read from its entry point, which is a mangled name. Throws Error
// for the name of anything else.
std::vector<Parameter> parameters_of(std::string_view entry_point);

// "float const*, long"
std::string text_of(const std::vector<Parameter>& parameters);

}  // namespace ipex::jit
