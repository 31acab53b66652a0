// What the host hands to the kernels of scan.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ipex::kernels {

// Room for a State of any operator.
constexpr std::size_t scan_state_bytes = 16;

// Dense tensors shaped [outer, length, inner], scanned along `length`. A line is one (outer, inner); where
// there are few of them each is cut into `chunks`, whose totals are found first.
struct ScanParams {
  const void* input;
  void* output;
  std::int64_t* indices;  // of the chosen elements, for operators that choose
  void* totals;           // a State for each (line, chunk): what precedes the chunk, or null for one chunk
  std::int64_t outer;
  std::int64_t length;
  std::int64_t inner;
  std::int64_t chunk;  // length of a chunk
  std::int64_t chunks;
};

}  // namespace ipex::kernels
