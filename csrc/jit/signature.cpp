#include "jit/signature.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include "jit/error.h"

namespace ipex::jit {
namespace {

std::string demangled(std::string_view entry_point) {
  const std::string name(entry_point);
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  if (status != 0) throw Error("the kernel " + name + " is not a free function");
  std::string result = text.get();
  constexpr std::string_view prefix = "__sycl_kernel_";
  for (auto at = result.find(prefix); at != std::string::npos; at = result.find(prefix, at))
    result.erase(at, prefix.size());
  return result;
}

// The text between the last parentheses that match.
std::string_view parameter_list(std::string_view function) {
  const auto close = function.rfind(')');
  int depth = 0;
  for (auto at = close; at != std::string_view::npos && at-- > 0;) {
    if (function[at] == ')') ++depth;
    if (function[at] == '(' && depth-- == 0) return function.substr(at + 1, close - at - 1);
  }
  throw Error("the kernel " + std::string(function) + " is not a function");
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool remove_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text = trimmed(text.substr(0, text.size() - suffix.size()));
  return true;
}

Parameter parameter(std::string_view text) {
  Parameter result{Parameter::Kind::value, {}, false, std::string(text)};
  auto type = text;
  if (remove_suffix(type, "*")) {
    result.kind = Parameter::Kind::pointer;
    result.writable = !remove_suffix(type, " const");
  } else if (type.find("::work_group_memory<") != std::string_view::npos) {
    result.kind = Parameter::Kind::local_memory;
  }
  result.type = type;
  return result;
}

}  // namespace

std::vector<Parameter> parameters_of(std::string_view entry_point) {
  const std::string function = demangled(entry_point);
  const auto list = parameter_list(function);
  std::vector<Parameter> parameters;
  int depth = 0;
  for (std::size_t start = 0, at = 0; at <= list.size(); ++at) {
    const char c = at < list.size() ? list[at] : ',';
    if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == ']' || c == '}') --depth;
    if (c != ',' || (depth != 0 && at < list.size())) continue;
    const auto text = trimmed(list.substr(start, at - start));
    if (!text.empty()) parameters.push_back(parameter(text));
    start = at + 1;
  }
  return parameters;
}

std::string text_of(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const auto& parameter : parameters) text.append(text.empty() ? "" : ", ").append(parameter.text);
  return text;
}

}  // namespace ipex::jit
