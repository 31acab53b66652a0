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

// Compiler options: the folders of headers, which -I names, and the others.
struct Options {
  std::vector<fs::path> folders;
  std::vector<std::string> others;

  explicit Options(const std::vector<std::string>& options) {
    for (std::size_t i = 0; i < options.size(); ++i) {
      if (!options[i].starts_with("-I")) {
        others.push_back(options[i]);
      } else if (options[i].size() > 2) {
        folders.emplace_back(options[i].substr(2));
      } else if (i + 1 < options.size()) {
        folders.emplace_back(options[++i]);
      }
    }
  }
};

// The name between the quotes or angle brackets of an #include, empty for any other line.
std::string included(const std::string& line) {
  const auto hash = line.find_first_not_of(" \t");
  if (hash == std::string::npos || line[hash] != '#') return {};
  const auto open = line.find_first_of("\"<", hash);
  if (open == std::string::npos || line.find("include") > open) return {};
  return line.substr(open + 1, line.find_first_of("\">", open + 1) - open - 1);
}

// Where headers are looked for, and those met so far.
struct Headers {
  explicit Headers(const Source& source) : folders(Options(source.options).folders) {}

  std::vector<fs::path> folders;
  std::set<fs::path> seen;

  // The file that `line` includes, in the folders or in `beside`; empty for headers of SYCL and of C++, which
  // belong to the compiler, and for any other line.
  fs::path find(const std::string& line, const fs::path& beside) const {
    const std::string name = included(line);
    if (name.empty()) return {};
    fs::path path = beside.empty() ? fs::path{} : beside / name;
    for (auto folder = folders.begin(); !fs::is_regular_file(path) && folder != folders.end(); ++folder) {
      path = *folder / name;
    }
    return fs::is_regular_file(path) ? fs::weakly_canonical(path) : fs::path{};
  }
  bool is_new(const fs::path& path) { return seen.insert(path).second; }
};

void add_includes(Headers& headers, const fs::path& beside, const std::string& text, Digest& digest) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto path = headers.find(line, beside);
    if (path.empty() || !headers.is_new(path)) continue;
    const std::string content = read_text(path);
    digest.add(included(line)).add(content);
    add_includes(headers, path.parent_path(), content, digest);
  }
}

bool is_within(const fs::path& path, const fs::path& folder) {
  const auto relative = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

std::string flattened(Headers& headers, const fs::path& beside, const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const auto path = headers.find(line, beside);
    if (path.empty() || is_within(path, kernel_root())) {
      result += line;
    } else if (headers.is_new(path)) {
      result += flattened(headers, path.parent_path(), read_text(path));
    }
    result += '\n';
  }
  return result;
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

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot read " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

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

Source with_kernel_headers(Source source) {
  source.options.push_back("-I" + kernel_root().string());
  return source;
}

std::vector<std::string> options_without_folders(const Source& source) {
  return Options(source.options).others;
}

Digest source_digest(const Source& source) {
  Digest digest;
  digest.add(std::to_string(__SYCL_COMPILER_VERSION)).add(source.text);
  // The headers' text counts, not where they are.
  for (const auto& option : options_without_folders(source)) digest.add(option);
  Headers headers(source);
  add_includes(headers, {}, source.text, digest);
  return digest;
}

std::set<fs::path> included_headers(const Source& source) {
  Headers headers(source);
  Digest ignored;
  add_includes(headers, {}, source.text, ignored);
  return std::move(headers.seen);
}

std::string flattened(const Source& source) {
  Headers headers(source);
  return flattened(headers, {}, source.text);
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
