#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "jit/digest.h"

namespace ipex::jit {

// What the runtime compiler is given.
struct Source {
  std::string text;
  std::vector<std::string> options;
  std::string name = "kernels.sycl.cpp";  // in the compiler's messages
};

// The content of a file. Throws Error.
std::string read_text(const std::filesystem::path& path);

// The folder of the library (or program) that this code is part of.
std::filesystem::path library_folder();

// The folder that holds kernels/: beside the library when installed, csrc/ for a library built in the source
// tree.
const std::filesystem::path& kernel_root();

// The source that instantiates kernels of <root>/kernels/<module>.hpp; their names are looked up in
// ipex::kernels.
Source module_source(const std::filesystem::path& root, std::string_view module);

// The options that do not name folders of headers with -I.
std::vector<std::string> options_without_folders(const Source& source);

// Source that is not ours, with the folder of "kernels/..." among those of its headers.
Source with_kernel_headers(Source source);

// Tells versions of a source apart: its text and options, every header that it includes from a folder named
// by -I, the compiler. Where the headers are does not count.
Digest source_digest(const Source& source);

// The headers that the source includes, directly or not, from folders named by -I.
std::set<std::filesystem::path> included_headers(const Source& source);

// The text with the headers that it includes from folders named by -I in their place, each once; those of
// kernels/ stay where they are.
std::string flattened(const Source& source);

// The text of an instantiation without the spaces that mean nothing.
std::string canonical(std::string_view instantiation);

}  // namespace ipex::jit
