#include "jit/compiler.h"

#include <algorithm>
#include <regex>
#include <sycl/sycl.hpp>

#include "jit/counters.h"
#include "jit/debug.h"
#include "jit/error.h"

namespace ipex::jit {
namespace {

namespace syclex = sycl::ext::oneapi::experimental;

// SYCL shows SPIR-V and kernel names only of executables, that is after it has made machine code of every
// kernel. An object has both already; these reach them.
struct ImageAccess : sycl::detail::device_image_plain {
  static constexpr auto content = &ImageAccess::ext_oneapi_get_backend_content_view_impl;
};
struct BundleAccess : sycl::detail::kernel_bundle_plain {
  using Get = std::string (kernel_bundle_plain::*)(const std::string&);
  static constexpr Get raw_kernel_name = &BundleAccess::ext_oneapi_get_raw_kernel_name;
};

// The compiler's log with the source's name; it calls the source rtc_<number>.cpp and appends a list of the
// wanted kernels.
std::string readable(const std::string& log, const Source& source) {
  static const std::regex place("rtc_[0-9]+\\.cpp:([0-9]+)");
  const auto lines = static_cast<std::size_t>(std::count(source.text.begin(), source.text.end(), '\n')) + 1;
  std::string text;
  auto rest = log.begin();
  for (std::sregex_iterator match(log.begin(), log.end(), place), end; match != end; ++match) {
    const bool of_source = std::stoul((*match)[1]) <= lines;
    text.append(rest, (*match)[0].first).append(of_source ? source.name : "wanted kernels");
    rest = of_source ? (*match)[1].first - 1 : (*match)[0].second;
  }
  return text.append(rest, log.end());
}

std::string describe(const std::vector<std::string>& instantiations) {
  constexpr std::size_t shown = 3;
  std::string text;
  for (std::size_t i = 0; i < instantiations.size() && i < shown; ++i) {
    text += (i == 0 ? "'" : ", '") + instantiations[i] + "'";
  }
  if (instantiations.size() > shown)
    text += " and " + std::to_string(instantiations.size() - shown) + " more";
  return text;
}

}  // namespace

std::vector<Bytes> compile_to_spirv(const sycl::device& device, const Source& source,
                                    const std::vector<std::string>& instantiations, std::string* log) {
  std::vector<std::string> options = source.options;
  options.emplace_back("-fsycl-device-code-split=off");  // several images could not be read
  debug::Timer timer;
  if (debug::enabled(debug::Source))
    debug::log("source of " + describe(instantiations) + ":\n" + source.text);
  try {
    auto text = syclex::create_kernel_bundle_from_source(sycl::context(device), syclex::source_language::sycl,
                                                         source.text);
    std::string messages;
    auto object =
        syclex::compile(text, {device},
                        syclex::properties{syclex::registered_names{instantiations},
                                           syclex::build_options{options}, syclex::save_log{&messages}});
    if (log != nullptr) *log = readable(messages, source);
    const auto [first, last] = (object.begin()->*ImageAccess::content)();
    const SpirvModule module(std::span<const std::byte>(first, last));
    std::vector<Bytes> spirv;
    spirv.reserve(instantiations.size());
    for (const auto& name : instantiations) {
      const std::string entry = (object.*BundleAccess::raw_kernel_name)(name);
      spirv.push_back(module.extract(entry));
      if (debug::enabled(debug::Source)) debug::log("SPIR-V entry point of '" + name + "': " + entry);
    }
    counters().compiles.add(1);
    if (debug::enabled(debug::Cache)) {
      debug::log("compiled " + describe(instantiations) + " in " + timer.milliseconds());
    }
    return spirv;
  } catch (const sycl::exception& error) {
    throw Error("cannot compile the kernel " + describe(instantiations) + " of " + source.name + ":\n" +
                readable(error.what(), source));
  }
}

}  // namespace ipex::jit
