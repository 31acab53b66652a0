// Tensors shaped [batch, channels, depth, height, width], dense with channels first or last; fewer dimensions
// have depth (and height) 1.
#pragma once

#include <cstdint>

#include "kernels/core/divider.hpp"

namespace ipex::kernels {

struct Planes {
  std::uint32_t numel;
  bool channels_last;
  Divider channels;
  Divider sizes[3];
};

// The rows of such a tensor: along the width, or along the channels where they are last. A work-group has a
// slice of `steps` rows.
struct PlaneRows {
  std::uint32_t rows;
  std::uint32_t steps;
  std::int32_t length;
  std::int32_t other_plane;  // elements of a plane of the tensor that is read
  Divider slices;            // of a row
  Divider sizes[3];          // depth, height and width; width 1 where the rows run along it
};

// Where element `position` of `planes` is; and where the same channel begins in another tensor, with planes
// of `other_plane` elements.
struct PlanePlace {
  std::int32_t spatial[3];
  std::int64_t other;
  std::int32_t scale;  // distance between neighbours within a plane
};

inline PlanePlace plane_place(const Planes& planes, std::uint32_t position, std::int32_t other_plane) {
  PlanePlace place;
  std::uint32_t channel = 0;
  if (planes.channels_last) {
    channel = position;
    position = split(planes.channels, channel);
  }
  for (int d = 2; d >= 0; --d) {
    std::uint32_t within = position;
    position = split(planes.sizes[d], within);
    place.spatial[d] = static_cast<std::int32_t>(within);
  }
  const std::int64_t channels = planes.channels.divisor;
  place.other = planes.channels_last ? position * channels * other_plane + channel
                                     : std::int64_t{position} * other_plane;
  place.scale = planes.channels_last ? static_cast<std::int32_t>(channels) : 1;
  return place;
}

}  // namespace ipex::kernels
