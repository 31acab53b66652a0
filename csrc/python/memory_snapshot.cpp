#include <c10/util/Exception.h>
#include <c10/xpu/XPUCachingAllocator.h>
#include <torch/csrc/profiler/combined_traceback.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "python/bindings.h"

namespace py = pybind11;

namespace torch {
// Its header needs nlohmann/json.hpp, which the wheel leaves out.
TORCH_API std::vector<py::object> py_symbolize(std::vector<CapturedTraceback*>& to_symbolize);
}  // namespace torch

namespace ipex::python {
namespace {

using c10::CachingDeviceAllocator::BlockInfo;
using c10::CachingDeviceAllocator::RecordContext;
using c10::CachingDeviceAllocator::SegmentInfo;
using c10::CachingDeviceAllocator::TraceEntry;

// Gives each dictionary its "frames" at the end: symbols are looked up once for all of them.
class Frames {
 public:
  void attach(py::dict& owner, const std::shared_ptr<c10::GatheredContext>& context) {
    if (context) {
      tracebacks_.push_back(torch::getCapturedTracebackFromContext(context));
      owners_.push_back(owner);
    } else {
      owner["frames"] = py::list();
    }
  }

  void resolve() {
    const std::vector<py::object> frames = torch::py_symbolize(tracebacks_);
    for (size_t i = 0; i < frames.size(); ++i) owners_[i]["frames"] = frames[i];
  }

 private:
  std::vector<torch::CapturedTraceback*> tracebacks_;
  std::vector<py::dict> owners_;
};

const char* state_of(const BlockInfo& block) {
  if (block.allocated) return "active_allocated";
  return block.active ? "active_awaiting_free" : "inactive";
}

const char* name_of(TraceEntry::Action action) {
  switch (action) {
    case TraceEntry::ALLOC:
      return "alloc";
    case TraceEntry::FREE_REQUESTED:
      return "free_requested";
    case TraceEntry::FREE_COMPLETED:
      return "free_completed";
    case TraceEntry::SEGMENT_ALLOC:
      return "segment_alloc";
    case TraceEntry::SEGMENT_FREE:
      return "segment_free";
    case TraceEntry::SEGMENT_MAP:
      return "segment_map";
    case TraceEntry::SEGMENT_UNMAP:
      return "segment_unmap";
    case TraceEntry::SNAPSHOT:
      return "snapshot";
    case TraceEntry::OOM:
      return "oom";
  }
  TORCH_INTERNAL_ASSERT(false, "unknown trace action ", static_cast<int>(action));
}

uintptr_t address_of(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

py::dict to_dict(const SegmentInfo& segment, Frames& frames) {
  py::list blocks;
  size_t address = segment.address;
  for (const BlockInfo& block : segment.blocks) {
    py::dict dict;
    dict["address"] = address;
    dict["size"] = block.size;
    dict["requested_size"] = block.requested_size;
    dict["state"] = state_of(block);
    frames.attach(dict, block.context_when_allocated);
    blocks.append(dict);
    address += block.size;
  }
  py::dict dict;
  dict["device"] = segment.device;
  dict["address"] = segment.address;
  dict["total_size"] = segment.total_size;
  dict["allocated_size"] = segment.allocated_size;
  dict["active_size"] = segment.active_size;
  dict["requested_size"] = segment.requested_size;
  dict["stream"] = address_of(segment.stream);
  dict["segment_type"] = segment.is_large ? "large" : "small";
  dict["segment_pool_id"] = segment.owner_private_pool_id;
  dict["is_expandable"] = segment.is_expandable;
  frames.attach(dict, segment.context_when_allocated);
  dict["blocks"] = blocks;
  return dict;
}

py::dict to_dict(const TraceEntry& entry, Frames& frames) {
  py::dict dict;
  dict["action"] = name_of(entry.action_);
  dict[entry.action_ == TraceEntry::OOM ? "device_free" : "addr"] = entry.addr_;
  dict["size"] = entry.size_;
  dict["stream"] = address_of(entry.stream_);
  dict["time_us"] = entry.time_.t_;
  dict["pool_id"] = entry.mempool_;
  dict["compile_context"] = entry.compile_context_;
  dict["user_metadata"] = entry.user_metadata_;
  frames.attach(dict, entry.context_);
  return dict;
}

py::dict memory_snapshot(std::optional<c10::MempoolId_t> pool) {
  const auto snapshot = c10::xpu::XPUCachingAllocator::snapshot(pool.value_or(c10::MempoolId_t{0, 0}));
  Frames frames;
  py::list segments;
  for (const SegmentInfo& segment : snapshot.segments) segments.append(to_dict(segment, frames));
  py::list traces;
  for (const auto& device_trace : snapshot.device_traces) {
    py::list entries;
    for (const TraceEntry& entry : device_trace) entries.append(to_dict(entry, frames));
    traces.append(entries);
  }
  frames.resolve();

  py::dict settings;
  settings["expandable_segments"] = snapshot.config_metadata.expandable_segments;
  settings["last_allocator_settings"] = snapshot.config_metadata.last_allocator_settings;
  py::dict dict;
  dict["segments"] = segments;
  dict["device_traces"] = traces;
  dict["allocator_settings"] = settings;
  dict["external_annotations"] = py::list();
  return dict;
}

template <bool with_cpp>
std::shared_ptr<c10::GatheredContext> gather() {
  return torch::CapturedTraceback::gather(/*python=*/true, /*script=*/true, with_cpp);
}

void check_choice(const char* argument, const std::optional<std::string>& value,
                  std::initializer_list<const char*> choices, const char* expected) {
  TORCH_CHECK(!value || std::find(choices.begin(), choices.end(), *value) != choices.end(),
              "_record_memory_history: expected ", argument, " to be ", expected, ", got '", *value, "'");
}

void record_memory_history(const std::optional<std::string>& enabled,
                           const std::optional<std::string>& context, const std::string& stacks,
                           size_t max_entries, bool clear_history,
                           const std::vector<std::string>& skip_actions) {
  check_choice("enabled", enabled, {"state", "all"}, "'state', 'all' or None");
  check_choice("context", context, {"state", "alloc", "all"}, "'state', 'alloc', 'all' or None");
  check_choice("stacks", stacks, {"python", "all"}, "'python' or 'all'");

  RecordContext when = RecordContext::NEVER;
  if (enabled && context) {
    when = *context == "all"     ? RecordContext::ALL
           : *context == "alloc" ? RecordContext::ALLOC
                                 : RecordContext::STATE;
  }
  const size_t entries = enabled == "all" ? max_entries : 1;
  c10::xpu::XPUCachingAllocator::recordHistory(enabled.has_value(),
                                               stacks == "all" ? gather<true> : gather<false>, entries, when,
                                               clear_history, skip_actions);
}

}  // namespace

void bind_memory_snapshot(py::module_& module) {
  bind(module, "_xpu_memorySnapshot", memory_snapshot);
  bind(module, "_xpu_recordMemoryHistory", record_memory_history);
}

}  // namespace ipex::python
