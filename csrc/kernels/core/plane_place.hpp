// Where the elements of a work-item are in the tensors of planes.hpp.
#pragma once

#include "kernels/core/planes.hpp"
#include "kernels/core/rows.hpp"

namespace ipex::kernels {

// Where an element is, or with channels last the channels of a place; and where the same channels begin in
// another tensor, with planes of `other_plane` elements.
struct PlanePlace {
  std::int64_t position;
  std::int32_t spatial[3];
  std::int64_t other;
  std::int32_t scale;  // distance between neighbours within a plane
};

// Place `number` of planes that are `scale` channels side by side.
inline PlanePlace place_of(const Planes& planes, std::uint32_t number, std::int32_t scale,
                           std::int32_t other_plane) {
  PlanePlace place;
  place.position = std::int64_t{number} * scale;
  place.scale = scale;
#pragma unroll
  for (int d = 2; d >= 0; --d) {
    std::uint32_t within = number;
    number = split(planes.sizes[d], within);
    place.spatial[d] = static_cast<std::int32_t>(within);
  }
  place.other = std::int64_t{number} * scale * other_plane;
  return place;
}

// visit(place, each) for the elements of the work-item; each(function) calls function(channel).
template <class Visit>
inline void visit_element(const Planes& planes, std::int32_t other_plane, Visit visit) {
  const auto number = static_cast<std::uint32_t>(this_item().get_global_id(0));
  if (number >= planes.numel) return;
  visit(place_of(planes, number, 1, other_plane), [](auto function) { function(std::int64_t{0}); });
}
template <class Rows, class Visit>
inline void visit_places(const Rows& rows, const Planes& planes, std::int32_t other_plane, Visit visit) {
  const auto channels = static_cast<std::int32_t>(planes.channels.divisor);
  const std::int64_t places = planes.numel / planes.channels.divisor;
  rows.for_jobs(places, [&](std::int64_t number) {
    visit(place_of(planes, static_cast<std::uint32_t>(number), channels, other_plane),
          [&](auto function) { rows.for_each(channels, function); });
  });
}

}  // namespace ipex::kernels
