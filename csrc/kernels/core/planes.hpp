// Tensors shaped [batch, channels, depth, height, width], dense with channels first or last; fewer dimensions
// have depth (and height) 1.
#pragma once

#include <cstdint>

#include "kernels/core/row_grid.hpp"

namespace ipex::kernels {

// How its elements are numbered. Channels first: a work-item does the element of its number. Channels last: a
// row is the channels of a place.
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

}  // namespace ipex::kernels
