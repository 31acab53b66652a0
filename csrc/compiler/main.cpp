// The compiler of kernels, for the library's build and for users' extensions:
//   kernel_compiler --output kernels.bin --root csrc --cache build/kernel_cache [--jobs N] LIST...
//   kernel_compiler --source a.sycl.cpp --kernel "name<float>"... --emit spirv|archive|registration|nothing
//                   --output FILE [--module NAME] [--option OPTION]... [--depfile FILE]
// Users start it by `python -m intel_extension_for_pytorch.compile`, which finds its libraries.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "compiler/extension_build.h"
#include "compiler/library_build.h"
#include "jit/error.h"
#include "jit/source.h"

namespace ipex::jit {
namespace {

ExtensionBuild::Emit emitted(std::string_view name) {
  if (name == "spirv") return ExtensionBuild::Emit::spirv;
  if (name == "archive") return ExtensionBuild::Emit::archive;
  if (name == "registration") return ExtensionBuild::Emit::registration;
  if (name == "nothing") return ExtensionBuild::Emit::nothing;
  throw Error("--emit takes spirv, archive, registration or nothing, not " + std::string(name));
}

void run(int count, char** values) {
  LibraryBuild library{{}, {}, {}, std::max(1U, std::thread::hardware_concurrency()), {}};
  ExtensionBuild extension;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = values[i];
    if (!name.starts_with("--")) {
      library.lists.emplace_back(name);
      continue;
    }
    if (++i == count) throw Error("no value for " + std::string(name));
    const std::string value = values[i];
    if (name == "--output")
      library.output = extension.output = value;
    else if (name == "--root")
      library.root = std::filesystem::absolute(value);
    else if (name == "--cache")
      library.cache = value;
    else if (name == "--jobs")
      library.jobs = static_cast<unsigned>(std::max(1, std::atoi(values[i])));
    else if (name == "--source")
      extension.source = value;
    else if (name == "--module")
      extension.module = value;
    else if (name == "--kernel")
      extension.kernels.push_back(canonical(value));
    else if (name == "--option")
      extension.options.push_back(value);
    else if (name == "--depfile")
      extension.depfile = value;
    else if (name == "--emit")
      extension.emit = emitted(value);
    else
      throw Error("unknown option " + std::string(name));
  }
  if (library.output.empty() && extension.emit != ExtensionBuild::Emit::nothing)
    throw Error("--output is missing");
  if (!extension.source.empty()) {
    build_extension(extension);
  } else if (!library.root.empty() && !library.cache.empty()) {
    build_library(library);
  } else {
    throw Error("neither --source, nor --root and --cache are given");
  }
}

}  // namespace
}  // namespace ipex::jit

int main(int count, char** values) {
  try {
    ipex::jit::run(count, values);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
