#include "jit/source.h"

#include <dlfcn.h>

#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <sycl/version.hpp>

#include "jit/error.h"

namespace ipex::jit {
namespace fs = std::filesystem;
namespace {

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot read the kernel source " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

// Adds the headers under `root` that `text` includes, each once. Headers of SYCL and of C++ belong to the
// compiler.
void add_includes(const fs::path& root, const std::string& text, std::set<std::string>& seen,
                  Digest& digest) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const auto open = line.find('"');
    if (line.find("include") == std::string::npos || open == std::string::npos) continue;
    const auto name = line.substr(open + 1, line.find('"', open + 1) - open - 1);
    const fs::path path = root / name;
    if (!seen.insert(name).second || !fs::exists(path)) continue;
    const std::string content = read_text(path);
    digest.add(name).add(content);
    add_includes(root, content, seen, digest);
  }
}

fs::path find_kernel_root() {
  const fs::path folder = library_folder();
  if (fs::exists(folder / "kernels")) return folder;
  const fs::path tree = folder / ".." / ".." / "csrc";
  if (fs::exists(tree / "kernels")) return fs::canonical(tree);
  throw Error("the kernel sources are missing: neither " + (folder / "kernels").string() + " nor " +
              (tree / "kernels").string() + " exists");
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

fs::path library_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&kernel_root), &info) == 0 || info.dli_fname == nullptr) {
    throw Error("cannot tell where the kernel library was loaded from");
  }
  return fs::absolute(info.dli_fname).parent_path();
}

const fs::path& kernel_root() {
  static const fs::path root = find_kernel_root();
  return root;
}

Source module_source(const fs::path& root, std::string_view module) {
  return {"#include \"kernels/" + std::string(module) + ".hpp\"\nusing namespace ipex::kernels;\n",
          {"-std=c++20", "-I" + root.string()}};
}

Digest source_digest(const fs::path& root, const Source& source) {
  const std::string root_option = "-I" + root.string();
  Digest digest;
  digest.add(std::to_string(__SYCL_COMPILER_VERSION)).add(source.text);
  for (const auto& option : source.options) {
    if (option != root_option) digest.add(option);  // the headers' text counts, not where they are
  }
  std::set<std::string> seen;
  add_includes(root, source.text, seen, digest);
  return digest;
}

std::string canonical(std::string_view instantiation) {
  std::string text;
  bool space = false;
  for (const char c : instantiation) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      space = true;
      continue;
    }
    if (space && !text.empty() && is_word(text.back()) && is_word(c)) text += ' ';
    text += c;
    space = false;
  }
  return text;
}

}  // namespace ipex::jit
