// What the host hands to the kernels of reduce.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise_params.hpp"

namespace ipex::kernels {

constexpr int reduce_max_dims = 3;
constexpr int reduce_max_inputs = 2;
constexpr int reduce_max_outputs = 2;
constexpr int reduce_max_context = 3;
constexpr int reduce_max_integers = 3;
constexpr int reduce_max_scalars = 4;
// Independent accumulators of one work-item.
constexpr int reduce_chains = 4;
// Neighbouring results that one work-item with packs of 64 bytes takes, in packs.
constexpr int reduce_tile_packs = 64;
// Parts of a result up to which one work-item joins them.
constexpr int reduce_few_chunks = 32;
// Room for one partial result of any operation.
constexpr std::size_t reduce_partial_bytes = 32;

// Some dimensions of a tensor: element number -> offsets in elements, dimension 0 varying fastest. Where
// there is more than one, there are less than 2^31 elements.
struct ReduceDims {
  int count = 0;
  std::int64_t numel = 1;
  std::int64_t sizes[reduce_max_dims];
  Divider dividers[reduce_max_dims];
  std::int64_t input[reduce_max_dims];
  std::int64_t output[reduce_max_dims];
};

struct ReduceParams {
  const void* inputs[reduce_max_inputs];
  void* outputs[reduce_max_outputs];
  const void* context[reduce_max_context];  // what an operation reads besides its inputs
  ReduceDims kept;
  ReduceDims reduced;
  // The reduced elements are split into chunks. With one, results are written; with more, partial results go
  // to partials[output * chunks + chunk] and reduce_combine finishes.
  std::int64_t chunk;
  std::int64_t chunks;
  void* partials;
  std::int64_t integers[reduce_max_integers];
  // The operation's members.
  alignas(16) unsigned char scalars[reduce_max_scalars * 16] = {};
  std::int64_t rows_apart;  // with packs across results: from a row to the next of those side by side
};

}  // namespace ipex::kernels
