#pragma once

#include <cstdint>

namespace ipex::kernels {

// How a kernel reports a value it cannot use, such as an index out of range, without making the host wait: it
// writes the operator's name (the address of a string of the host) where the host looks at its next
// synchronisation, a place for each device and kind of problem.
struct Fault {
  std::uint64_t* slot;
  std::uint64_t name;

  void raise() const { *slot = name; }
};

}  // namespace ipex::kernels
