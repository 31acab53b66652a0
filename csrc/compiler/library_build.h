#pragma once

#include <filesystem>
#include <vector>

namespace ipex::jit {

// Compiles listed instantiations of the library's own kernels, in several processes, and writes the archive
// that ships with the library. A list has lines "module<TAB>instantiation". Kernels made by an earlier run
// are taken from the cache folder as long as no header that their module includes has changed. Throws Error.
struct LibraryBuild {
  std::filesystem::path output;
  std::filesystem::path root;  // holds kernels/
  std::filesystem::path cache;
  unsigned jobs;
  std::vector<std::filesystem::path> lists;
};
void build_library(const LibraryBuild& build);

}  // namespace ipex::jit
