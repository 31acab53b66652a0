#pragma once

#include <c10/core/Device.h>
#include <c10/util/SmallVector.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

namespace ipex::onednn {

// A reorder between a plain layout and a blocked one as strided copies, which on CPUs take a third of the
// time.
class StridedReorder {
 public:
  // None for other layouts, and where such copies would be slow.
  static std::optional<StridedReorder> find(const dnnl::memory::desc& from, const dnnl::memory::desc& to);

  // Whether the plain data may begin at this address; the blocked data's is a multiple of 64.
  bool serves(const void* plain) const;
  // Enqueues on the current stream.
  void run(c10::Device device, void* from, void* to) const;

 private:
  // A dimension of the copies; steps in elements, then in words.
  struct Axis {
    dnnl::memory::dim size, from, to;
  };
  using Axes = c10::SmallVector<Axis, 8>;
  // A copy, or zeros for padding; from and to are where it begins.
  struct Part {
    Axes axes;
    dnnl::memory::dim from, to;
    bool is_padding;
  };
  struct Tail;

  bool widen(Axes& axes, const std::optional<Tail>& tail);
  static bool is_fast(const Axes& axes, dnnl::memory::dim word);
  void add_parts(const Axes& axes, const std::optional<Tail>& tail, bool packs);

  c10::SmallVector<Part, 3> parts_;
  dnnl::memory::dim word_ = 0;  // bytes of what is copied at a time
};

}  // namespace ipex::onednn
