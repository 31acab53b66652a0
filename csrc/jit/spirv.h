#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ipex::jit {

using Bytes = std::vector<std::byte>;

// A SPIR-V module of many kernels, taken apart.
class SpirvModule {
 public:
  explicit SpirvModule(std::span<const std::byte> bytes);  // throws Error when it is not SPIR-V
  ~SpirvModule();

  std::vector<std::string> entry_points() const;

  // A module with one kernel and only what it uses, so that a device builds nothing else, and so that a
  // kernel free of double (or half, or an atomic on them) does not ask the device for it. Throws Error for an
  // unknown name.
  Bytes extract(std::string_view entry_point) const;

 private:
  struct Parsed;
  class Reachable;
  class Unneeded;
  std::unique_ptr<Parsed> parsed_;
};

// The name of the only kernel of an extracted module.
std::string entry_point_of(std::span<const std::byte> spirv);

}  // namespace ipex::jit
