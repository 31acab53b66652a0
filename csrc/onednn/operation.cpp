#include "onednn/operation.h"

#include <c10/core/Allocator.h>
#include <c10/util/Exception.h>
#include <c10/util/SmallVector.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <oneapi/dnnl/dnnl_sycl.hpp>
#include <string_view>
#include <utility>

#include "onednn/engine.h"
#include "onednn/stream.h"
#include "runtime/stream.h"

namespace ipex::onednn {

bool uses_reference(const dnnl::primitive_desc_base& description) {
  return std::string_view(description.impl_info_str()).find("ref") != std::string_view::npos;
}

struct Operation::Binding {
  int id;
  const dnnl::memory::desc& description;
  void* data;
};

Operation::Operation(c10::DeviceIndex device, dnnl::primitive primitive,
                     const dnnl::primitive_desc_base& description, std::vector<Argument> arguments,
                     Reorders reorders)
    : device_(device),
      primitive_(std::move(primitive)),
      is_reference_(uses_reference(description)),
      scratchpad_(description.scratchpad_desc()),
      scratchpad_offset_(reserve(scratchpad_)),
      arguments_(std::move(arguments)),
      reorders_(arguments_.size()) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto& target = engine(device);
  for (std::size_t index = 0; index < arguments_.size(); ++index) {
    const auto& argument = arguments_[index];
    if (argument.given == argument.wanted) continue;
    const bool read = argument.access == Access::read;
    const dnnl::reorder::primitive_desc reorder_description(target, read ? argument.given : argument.wanted,
                                                            target, read ? argument.wanted : argument.given,
                                                            attributes);
    auto& reorder = reorders_[index];
    reorder.primitive = dnnl::reorder(reorder_description);
    reorder.offset = reserve(argument.wanted);
    reorder.scratchpad = reorder_description.scratchpad_desc();
    reorder.scratchpad_offset = reserve(reorder.scratchpad);
    if (reorders == Reorders::fastest && target.get_kind() == dnnl::engine::kind::cpu) {
      reorder.copies = read ? StridedReorder::find(argument.given, argument.wanted)
                            : StridedReorder::find(argument.wanted, argument.given);
    }
  }
}

std::size_t Operation::reserve(const dnnl::memory::desc& description) {
  constexpr std::size_t alignment = 64;
  const auto offset = workspace_bytes_;
  workspace_bytes_ += (description.get_size() + alignment - 1) / alignment * alignment;
  return offset;
}

std::size_t Operation::bytes_of(int id) const {
  const auto found = std::find_if(arguments_.begin(), arguments_.end(),
                                  [=](const Argument& argument) { return argument.id == id; });
  return found == arguments_.end() ? 0 : found->given.get_size();
}

void Operation::execute(const dnnl::stream& stream, const dnnl::primitive& primitive,
                        std::span<const Binding> bindings) const {
  // The library keeps the memory objects it needs; it reads their handles when the work runs, so an object
  // can not serve a second call.
  c10::SmallVector<dnnl::memory, 8> memories;
  c10::SmallVector<dnnl_exec_arg_t, 8> arguments;
  for (const auto& binding : bindings) {
    memories.push_back(dnnl::sycl_interop::make_memory(binding.description, engine(device_),
                                                       dnnl::sycl_interop::memory_kind::usm, binding.data));
    arguments.push_back({binding.id, memories.back().get()});
  }
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), stream.get(),
                                                 static_cast<int>(arguments.size()), arguments.data()),
                          "could not execute a primitive");
}

bool Operation::is_copied(std::size_t index, Access access, const void* data) const {
  const auto& copies = reorders_[index].copies;
  return copies && arguments_[index].access == access && copies->serves(data);
}

void Operation::copy(Access access, std::span<void* const> data, std::byte* workspace) const {
  for (std::size_t index = 0; index < arguments_.size(); ++index) {
    if (!is_copied(index, access, data[index])) continue;
    const auto& reorder = reorders_[index];
    void *from = data[index], *to = workspace + reorder.offset;
    if (access == Access::write) std::swap(from, to);
    reorder.copies->run({c10::kXPU, device_}, from, to);
  }
}

void Operation::run(std::span<void* const> data) const {
  TORCH_INTERNAL_ASSERT(data.size() == arguments_.size(), "oneDNN: a primitive of ", arguments_.size(),
                        " arguments got ", data.size(), " addresses");
  // Freed on return, which the caching allocator orders after the work enqueued here.
  c10::DataPtr workspace;
  if (workspace_bytes_ != 0) workspace = c10::GetAllocator(c10::kXPU)->allocate(workspace_bytes_);
  auto* base = static_cast<std::byte*>(workspace.get());
  // Kernels come before the library's tasks and after them.
  copy(Access::read, data, base);
  run_library(data, base);
  copy(Access::write, data, base);
}

void Operation::run_library(std::span<void* const> data, std::byte* workspace) const {
  const runtime::LibraryQueue queue(device_);
  const auto& stream = stream_over(queue.get(), device_);
  const auto reorder = [&](std::size_t index, Access access) {
    const auto& step = reorders_[index];
    const auto& argument = arguments_[index];
    if (!step.primitive || argument.access != access || is_copied(index, access, data[index])) return;
    const bool read = access == Access::read;
    const Binding given{read ? DNNL_ARG_FROM : DNNL_ARG_TO, argument.given, data[index]};
    const Binding wanted{read ? DNNL_ARG_TO : DNNL_ARG_FROM, argument.wanted, workspace + step.offset};
    const Binding scratchpad{DNNL_ARG_SCRATCHPAD, step.scratchpad, workspace + step.scratchpad_offset};
    execute(stream, step.primitive, std::array{given, wanted, scratchpad});
  };

  for (std::size_t index = 0; index < arguments_.size(); ++index) reorder(index, Access::read);
  c10::SmallVector<Binding, 8> bindings;
  for (std::size_t index = 0; index < arguments_.size(); ++index) {
    const auto& argument = arguments_[index];
    void* address = reorders_[index].primitive ? workspace + reorders_[index].offset : data[index];
    bindings.push_back({argument.id, argument.wanted, address});
  }
  if (scratchpad_.get_size() != 0) {
    bindings.push_back({DNNL_ARG_SCRATCHPAD, scratchpad_, workspace + scratchpad_offset_});
  }
  execute(stream, primitive_, {bindings.data(), bindings.size()});
  for (std::size_t index = 0; index < arguments_.size(); ++index) reorder(index, Access::write);
  queue.finish();
}

}  // namespace ipex::onednn
