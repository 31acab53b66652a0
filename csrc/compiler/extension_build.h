#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ipex::jit {

// Compiles kernels of one source file of a user's. Throws Error, with the compiler's messages.
struct ExtensionBuild {
  enum class Emit {
    spirv,        // one kernel's SPIR-V
    archive,      // the SPIR-V of all, as in the library's own archive
    nothing,      // machine code is made and forgotten: for what the driver tells about it
    registration  // C++ that brings them along and makes them known as `module` when it is loaded
  };

  std::filesystem::path source;
  std::string module;
  std::vector<std::string> kernels;
  std::vector<std::string> options;
  Emit emit = Emit::spirv;
  std::filesystem::path output;
  std::filesystem::path depfile;  // where to write, for make, what the output depends on; empty: nowhere
};
void build_extension(const ExtensionBuild& build);

}  // namespace ipex::jit
