#include "aten/elements.h"

#include <algorithm>

namespace ipex::aten {

Elements::Elements(const at::TensorIteratorBase& iterator, int count)
    : shape(iterator.shape().begin(), iterator.shape().end()), operands(count) {
  for (int operand = 0; operand < operands; ++operand) {
    data[operand] = static_cast<char*>(iterator.data_ptr(operand));
    strides[operand] = iterator.strides(operand);
    element_size[operand] = static_cast<std::int64_t>(iterator.element_size(operand));
  }
}

Elements Elements::part(int dim, std::int64_t begin, std::int64_t length) const {
  Elements result = *this;
  result.shape[dim] = length;
  for (int operand = 0; operand < operands; ++operand) result.data[operand] += begin * strides[operand][dim];
  return result;
}

Walk walk_along_longest(const Elements& elements) {
  Walk walk;
  const auto& shape = elements.shape;
  if (shape.size() > 1 && shape[0] < shortest_row) {
    walk.row = static_cast<int>(std::max_element(shape.begin(), shape.end()) - shape.begin());
  }
  return walk;
}

SliceSize slice_size(std::int64_t length, bool narrow) {
  const auto& limits = runtime::device_limits();
  const bool is_cpu = limits.is_cpu;
  // On a CPU one thread does a whole group and each group costs it the offsets anew: wide ones, the widest
  // where all threads still have several, but narrow where every step should find its cache lines where the
  // step before left them.
  const std::int64_t group = static_cast<std::int64_t>(limits.max_group_size);
  const std::int64_t wide = length >= group * limits.compute_units * 4 ? group : 2048;
  const std::int64_t widest = is_cpu ? (narrow ? 32 : wide) : 256;
  const std::int64_t granularity = is_cpu ? 1 : 32;
  const auto size = equal_slices(length, widest);
  return {size.slices, (size.lanes + granularity - 1) / granularity * granularity};
}

std::vector<Elements> split(const Elements& elements, const Walk& walk) {
  // The dimension with the fewest positions if there are too many dimensions, else halves of the largest.
  int used = 0, smallest = -1, largest = -1;
  for (int d = 0; d < elements.dims(); ++d) {
    if (d == walk.row || elements.shape[d] == 1) continue;
    ++used;
    if (smallest < 0 || elements.shape[d] < elements.shape[smallest]) smallest = d;
    if (largest < 0 || elements.shape[d] > elements.shape[largest]) largest = d;
  }
  std::vector<Elements> parts;
  if (used > kernels::row_grid_outer_dims) {
    for (std::int64_t position = 0; position < elements.shape[smallest]; ++position) {
      parts.push_back(elements.part(smallest, position, 1));
    }
  } else {
    const int dim = largest < 0 ? walk.row : largest;
    const std::int64_t half = elements.shape[dim] / 2;
    parts = {elements.part(dim, 0, half), elements.part(dim, half, elements.shape[dim] - half)};
  }
  return parts;
}

}  // namespace ipex::aten
