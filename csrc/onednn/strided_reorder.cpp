#include "onednn/strided_reorder.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>

#include "runtime/word_dtype.h"

namespace ipex::onednn {
namespace {

using dnnl::memory;
using Dim = memory::dim;

bool is_blocked(const memory::desc& layout) { return layout.get_inner_nblks() != 0; }

// Those of padding included.
bool has_only_elements(const memory::desc& layout) {
  if (layout.get_format_kind() != memory::format_kind::blocked || layout.get_submemory_offset() != 0)
    return false;
  const auto padded = layout.get_padded_dims();
  if (!is_blocked(layout)) return padded == layout.get_dims();
  const auto elements = std::accumulate(padded.begin(), padded.end(), Dim{1}, std::multiplies<>());
  return layout.get_size() ==
         static_cast<std::size_t>(elements) * memory::data_type_size(layout.get_data_type());
}

}  // namespace

// Of the elements that fill blocks of the library's layout only in part.
struct StridedReorder::Tail {
  std::size_t outer, block;  // axes
  Dim count;
};

// Both are made of axes when each dimension is cut as the blocked layout cuts it.
std::optional<StridedReorder> StridedReorder::find(const memory::desc& from, const memory::desc& to) {
  const bool packs = is_blocked(to);
  // For less, a kernel among the library's tasks costs more than it gains.
  constexpr std::size_t most_bytes_of_library = 1 << 20;
  if (from.get_size() <= most_bytes_of_library || is_blocked(from) == packs ||
      from.get_data_type() != to.get_data_type() || !has_only_elements(from) || !has_only_elements(to)) {
    return {};
  }
  const auto &plain = packs ? from : to, &blocked = packs ? to : from;
  const auto dims = plain.get_dims(), steps = plain.get_strides(), outer_steps = blocked.get_strides(),
             blocks = blocked.get_inner_blks(), owners = blocked.get_inner_idxs();
  StridedReorder reorder;
  reorder.word_ = static_cast<Dim>(memory::data_type_size(plain.get_data_type()));
  Axes axes;
  std::optional<Tail> tail;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    Dim covered = 1, block_step = 1;
    const auto add = [&](Dim size, Dim step) {
      const auto plain_step = steps[d] * covered;
      axes.push_back(packs ? Axis{size, plain_step, step} : Axis{size, step, plain_step});
    };
    const auto first = axes.size();
    for (auto k = blocks.size(); k-- > 0; block_step *= blocks[k]) {
      if (owners[k] != static_cast<Dim>(d)) continue;
      add(blocks[k], block_step);
      covered *= blocks[k];
    }
    add(dims[d] / covered, outer_steps[d]);
    if (dims[d] % covered == 0) continue;
    if (tail || axes.size() != first + 2) return {};
    tail = Tail{first + 1, first, dims[d] % covered};
  }
  if (!reorder.widen(axes, tail) || !is_fast(axes, reorder.word_)) return {};
  reorder.add_parts(axes, tail, packs);
  return reorder;
}

// Elements that stay together become one word. Fails where the tail cuts one.
bool StridedReorder::widen(Axes& axes, const std::optional<Tail>& tail) {
  const auto together = std::find_if(axes.begin(), axes.end(), [&](const Axis& axis) {
    return axis.from == 1 && axis.to == 1 && (axis.size * word_ == 4 || axis.size * word_ == 8);
  });
  if (together == axes.end()) return true;
  const auto size = together->size;
  const auto divisible = [&](const Axis& axis) {
    return &axis == together || axis.size <= 1 || (axis.from % size == 0 && axis.to % size == 0);
  };
  if ((tail && &axes[tail->block] == together) || !std::all_of(axes.begin(), axes.end(), divisible))
    return false;
  for (auto& axis : axes) {
    axis.from /= size;
    axis.to /= size;
  }
  *together = {1, 0, 0};
  word_ *= size;
  return true;
}

// Whether the kernels of strided copies read and write whole cache lines: by tiles, by pairs, or by rows.
bool StridedReorder::is_fast(const Axes& axes, Dim word) {
  constexpr Dim tile = 16, line = 64;
  const auto consecutive = [&](Dim Axis::*step) {
    return std::find_if(axes.begin(), axes.end(),
                        [&](const Axis& axis) { return axis.size > 1 && axis.*step == 1; });
  };
  const auto read = consecutive(&Axis::from), written = consecutive(&Axis::to);
  if (read == axes.end() || written == axes.end()) return false;
  if (read == written) return read->size * word >= line;
  return read->size >= tile && (written->size >= tile || (written->size == 2 && read->to == 2));
}

void StridedReorder::add_parts(const Axes& axes, const std::optional<Tail>& tail, bool packs) {
  parts_.push_back({axes, 0, 0, false});
  if (!tail) return;
  const auto outer = axes[tail->outer], block = axes[tail->block];
  const auto add = [&](Dim first, Dim count, bool is_padding) {
    parts_.push_back({axes, outer.size * outer.from + first * block.from,
                      outer.size * outer.to + first * block.to, is_padding});
    parts_.back().axes[tail->outer].size = 1;
    parts_.back().axes[tail->block].size = count;
  };
  add(0, tail->count, false);
  if (packs) add(tail->count, block.size - tail->count, true);
}

bool StridedReorder::serves(const void* plain) const {
  return reinterpret_cast<std::uintptr_t>(plain) % static_cast<std::uintptr_t>(word_) == 0;
}

void StridedReorder::run(c10::Device device, void* from, void* to) const {
  const at::AutoDispatchBelowADInplaceOrView below;
  for (const auto& part : parts_) {
    const auto view = [&](void* data, Dim offset, Dim Axis::*step) {
      c10::SmallVector<Dim, 8> sizes, strides;
      for (const auto& axis : part.axes) {
        sizes.push_back(axis.size);
        strides.push_back(axis.*step);
      }
      return at::for_blob(static_cast<std::byte*>(data) + offset * word_, sizes)
          .strides(strides)
          .target_device(device)
          .options(at::device(device).dtype(runtime::word_dtype(word_)))
          .make_tensor();
    };
    const auto target = view(to, part.to, &Axis::to);
    if (part.is_padding) {
      target.zero_();
    } else {
      target.copy_(view(from, part.from, &Axis::from));
    }
  }
}

}  // namespace ipex::onednn
