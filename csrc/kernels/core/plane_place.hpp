// Where the elements of a work-item are in the tensors of planes.hpp.
#pragma once

#include "kernels/core/planes.hpp"
#include "kernels/core/row_slice.hpp"

namespace ipex::kernels {

// Where an element is; and where the same channel begins in another tensor, with planes of `other_plane`
// elements.
struct PlanePlace {
  std::int64_t position;
  std::int32_t spatial[3];
  std::int64_t other;
  std::int32_t scale;  // distance between neighbours within a plane
};

// Leaves in `number` the planes before, or with channels last the samples.
inline void split_spatial(const Planes& planes, std::uint32_t& number, PlanePlace& place) {
#pragma unroll
  for (int d = 2; d >= 0; --d) {
    std::uint32_t within = number;
    number = split(planes.sizes[d], within);
    place.spatial[d] = static_cast<std::int32_t>(within);
  }
}

// visit(place) for each element of the work-item.
template <bool ChannelsLast, class Visit>
inline void for_each_place(const Planes& planes, std::int32_t other_plane, Visit visit) {
  PlanePlace place;
  if constexpr (ChannelsLast) {
    const auto slice = this_row_slice(planes.places);
    const auto lane = this_lane();
    if (lane >= slice.lanes) return;
    const std::int64_t channels = planes.places.length;
    place.scale = static_cast<std::int32_t>(channels);
    for (std::uint32_t step = 0; step < planes.steps; ++step) {
      std::uint32_t number = slice.row * planes.steps + step;
      place.position = number * channels + slice.first + lane;
      split_spatial(planes, number, place);
      place.other = number * channels * other_plane + slice.first + lane;
      visit(place);
    }
  } else {
    auto number = static_cast<std::uint32_t>(this_item().get_global_id(0));
    if (number >= planes.numel) return;
    place.position = number;
    place.scale = 1;
    split_spatial(planes, number, place);
    place.other = std::int64_t{number} * other_plane;
    visit(place);
  }
}

}  // namespace ipex::kernels
