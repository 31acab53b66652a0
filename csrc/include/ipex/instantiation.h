// Names of kernels.
#pragma once

#include <string>
#include <string_view>

namespace ipex {

// "name<first,second>"
template <class... Arguments>
std::string instantiation(std::string_view name, const Arguments&... arguments) {
  std::string text{name};
  char separator = '<';
  ((text.append(1, separator).append(arguments), separator = ','), ...);
  return text.append(1, '>');
}

}  // namespace ipex
