// Walking over the rows of planes.hpp: all of a row but the work-item's own place in it is common to the
// work-group.
#pragma once

#include "kernels/core/kernel.hpp"
#include "kernels/core/planes.hpp"

namespace ipex::kernels {

// A work-item's element.
struct RowPlace {
  std::int32_t spatial[3];
  std::int64_t row;     // where the group's slice of the row begins in the tensor that is walked
  std::int64_t other;   // and where it begins in the same plane (or sample) of the other tensor
  std::int32_t stride;  // between neighbours of a plane of the other tensor
  std::uint32_t lane;   // of the element in the slice
};

// work(place) for each element of the work-item.
template <bool ChannelsLast, class Work>
inline void for_plane_rows(const PlaneRows& rows, Work work) {
  const auto item = this_item();
  const auto width = static_cast<std::int32_t>(item.get_local_range(0));
  auto slice = static_cast<std::uint32_t>(item.get_group(0));
  const std::uint32_t block = split(rows.slices, slice);
  const std::int32_t first = static_cast<std::int32_t>(slice) * width;
  const std::int32_t lanes = sycl::min(rows.length - first, width);
  const auto lane = static_cast<std::int32_t>(item.get_local_id(0));
  if (lane >= lanes) return;
  for (std::uint32_t step = 0; step < rows.steps; ++step) {
    std::uint32_t number = block * rows.steps + step;
    if (number >= rows.rows) return;
    RowPlace place;
    place.row = std::int64_t{number} * rows.length + first;
#pragma unroll
    for (int d = 2; d >= 0; --d) {
      std::uint32_t within = number;
      number = split(rows.sizes[d], within);
      place.spatial[d] = static_cast<std::int32_t>(within);
    }
    place.other = std::int64_t{number} * rows.other_plane;
    place.stride = 1;
    if constexpr (ChannelsLast) {
      place.other = place.other * rows.length + first;
      place.stride = rows.length;
    } else {
      place.spatial[2] = first + lane;
    }
    place.lane = static_cast<std::uint32_t>(lane);
    work(place);
  }
}

// The element of the work-item's plane `column` after the common `position`: by a common pointer and the
// plain lane where the neighbours in memory are channels.
template <bool ChannelsLast, class T>
inline const T& plane_element(const T* data, const RowPlace& place, std::int32_t position,
                              std::int32_t column) {
  if constexpr (ChannelsLast) {
    return (data + place.other + (std::int64_t{position} + column) * place.stride)[place.lane];
  } else {
    return (data + place.other + position)[column];
  }
}

}  // namespace ipex::kernels
