#include "compiler/extension_build.h"

#include <fstream>
#include <sstream>
#include <sycl/sycl.hpp>

#include "jit/archive.h"
#include "jit/compiler.h"
#include "jit/error.h"
#include "jit/library.h"
#include "jit/loader.h"
#include "jit/signature.h"

namespace ipex::jit {
namespace {

namespace fs = std::filesystem;

Source source_of(const ExtensionBuild& build) {
  Source source{read_text(build.source), build.options, build.source.string()};
  source.options.push_back("-I" + fs::absolute(build.source).parent_path().string());
  // So that names in lists of kernels are those that the library's own lists have.
  if (source.text.find("\"kernels/") != std::string::npos)
    source.text += "\nusing namespace ipex::kernels;\n";
  return source;
}

void write_file(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) throw Error("cannot write " + path.string());
}

// A string literal, in pieces that every compiler takes.
std::string literal(std::string_view text) {
  std::string result = "\"";
  char code[8];
  std::size_t column = 0;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n\"\n    \"";
      column = 0;
      continue;
    }
    const auto value = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (value >= 32 && value < 127 && c != '?') {
      result += c;
    } else {
      std::snprintf(code, sizeof(code), "\\%03o", value);
      result += code;
    }
    if (++column % 1000 == 0) result += "\"\n    \"";
  }
  return result + "\"";
}

std::string registration(const ExtensionBuild& build, const Source& source, std::string_view archive) {
  std::string text = "// Made from " + build.source.filename().string() +
                     "; do not edit.\n#include <ipex/kernels.h>\n\nnamespace {\n\n";
  text += "const char source[] =\n    " + literal(flattened(source)) + ";\n\n";
  text += "alignas(16) const char archive[] =\n    " + literal(archive) + ";\n\n";
  text += "const ipex::RegisteredKernels registered(" + literal(build.module) + ", source, {";
  std::string separator;
  for (const auto& option : options_without_folders(source)) {
    text.append(separator).append(literal(option));
    separator = ", ";
  }
  return text + "}, archive, sizeof(archive) - 1);\n\n}  // namespace\n";
}

std::string archive_of(const ExtensionBuild& build, const std::vector<Bytes>& modules) {
  Archive::Contents contents;
  for (std::size_t i = 0; i < modules.size(); ++i)
    contents[archive_name(build.module, build.kernels[i])] = modules[i];
  std::ostringstream archive;
  Archive::write(archive, contents);
  return std::move(archive).str();
}

std::string dependencies(const ExtensionBuild& build, const Source& source) {
  const auto escaped = [](const fs::path& path) {
    std::string text;
    for (const char c : path.string()) {
      if (c == ' ') text += '\\';
      text += c;
    }
    return text;
  };
  std::string text = escaped(build.output) + ": " + escaped(fs::absolute(build.source));
  for (const auto& header : included_headers(source)) text.append(" ").append(escaped(header));
  return text + "\n";
}

void print_summary(const ExtensionBuild& build, const std::vector<Bytes>& modules) {
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const auto parameters = text_of(parameters_of(entry_point_of(modules[i])));
    std::printf("%s(%s): %zu bytes of SPIR-V\n", build.kernels[i].c_str(), parameters.c_str(),
                modules[i].size());
  }
}

}  // namespace

void build_extension(const ExtensionBuild& build) {
  if (build.emit == ExtensionBuild::Emit::spirv && build.kernels.size() != 1)
    throw Error("a file of SPIR-V holds one kernel, but " + std::to_string(build.kernels.size()) +
                " are named");
  const Source source = source_of(build), complete = with_kernel_headers(source);
  if (!build.depfile.empty()) write_file(build.depfile, dependencies(build, complete));
  std::vector<Bytes> modules;
  if (!build.kernels.empty()) {
    const sycl::device device;
    std::string log;
    // Who asks for messages gets them again where nothing has changed.
    modules = build.emit == ExtensionBuild::Emit::nothing
                  ? compile_to_spirv(device, complete, build.kernels, &log)
                  : compile(source, build.kernels, device, &log);
    std::fputs(log.c_str(), stderr);
  }
  switch (build.emit) {
    case ExtensionBuild::Emit::nothing:
      for (const auto& spirv : modules)
        load_spirv_uncached(spirv, sycl::context(sycl::device()), sycl::device());
      break;
    case ExtensionBuild::Emit::spirv:
      write_file(build.output, {reinterpret_cast<const char*>(modules[0].data()), modules[0].size()});
      break;
    case ExtensionBuild::Emit::archive:
      write_file(build.output, archive_of(build, modules));
      break;
    case ExtensionBuild::Emit::registration:
      write_file(build.output, registration(build, source, archive_of(build, modules)));
      break;
  }
  print_summary(build, modules);
}

}  // namespace ipex::jit
