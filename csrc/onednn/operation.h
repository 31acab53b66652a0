#pragma once

#include <c10/core/Device.h>

#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <span>
#include <vector>

#include "onednn/strided_reorder.h"

namespace ipex::onednn {

enum class Access { read, write };

// A tensor of an operation: how it lies in memory and how the primitive wants it.
struct Argument {
  int id;
  Access access;
  dnnl::memory::desc given;
  dnnl::memory::desc wanted;
};

// Who reorders the arguments.
enum class Reorders {
  library,
  fastest,  // our copies where they are faster, for operations that have kernels before and behind them
            // anyway
};

// One that the primitive wants as it lies.
inline Argument as_given(int id, Access access, const dnnl::memory::desc& description) {
  return {id, access, description, description};
}

// Whether the library has only its reference implementation, hundreds of times slower than the others.
bool uses_reference(const dnnl::primitive_desc_base& description);

// A primitive that is ready to run, with the reorders of arguments it wants laid out otherwise. Immutable,
// hence usable from any thread.
class Operation {
 public:
  // `description`, which made `primitive`, must leave the scratchpad to the user.
  Operation(c10::DeviceIndex device, dnnl::primitive primitive, const dnnl::primitive_desc_base& description,
            std::vector<Argument> arguments, Reorders reorders = Reorders::library);

  // Enqueues on the current stream; `data` are the addresses of the arguments, in their order.
  void run(std::span<void* const> data) const;

  bool is_reference() const { return is_reference_; }

  // What the argument takes as it is given.
  std::size_t bytes_of(int id) const;

 private:
  struct Binding;
  void execute(const dnnl::stream& stream, const dnnl::primitive& primitive,
               std::span<const Binding> bindings) const;

  struct Reorder {
    dnnl::primitive primitive;  // null where the argument is taken as it is
    std::size_t offset = 0;     // of its copy in the workspace
    dnnl::memory::desc scratchpad;
    std::size_t scratchpad_offset = 0;
    std::optional<StridedReorder> copies;  // instead, where they are faster
  };
  // Whether an argument of this access and address is reordered by copies of ours.
  bool is_copied(std::size_t index, Access access, const void* data) const;
  void copy(Access access, std::span<void* const> data, std::byte* workspace) const;
  void run_library(std::span<void* const> data, std::byte* workspace) const;
  std::size_t reserve(const dnnl::memory::desc& description);

  c10::DeviceIndex device_;
  std::size_t workspace_bytes_ = 0;  // first of what reserve() sets up
  dnnl::primitive primitive_;
  bool is_reference_;
  dnnl::memory::desc scratchpad_;
  std::size_t scratchpad_offset_ = 0;
  std::vector<Argument> arguments_;
  std::vector<Reorder> reorders_;  // one for each argument
};

}  // namespace ipex::onednn
