// A decoder's step for a few tokens in one launch. A token needs hundreds of stages of some microseconds
// each; launches of their own would cost as much as the work.
//
// Work-groups take tiles of a stage by a counter until there are no more, and go on when all of its tiles are
// done. A tile that is waited for was taken, so some work-group is at it: the waiting ends however many
// work-groups run at once.
#pragma once

#include <sycl/atomic_ref.hpp>

#include "kernels/core/lanes.hpp"
#include "kernels/core/rows.hpp"
#include "kernels/llm/decode_attention.hpp"
#include "kernels/llm/decode_products.hpp"
#include "kernels/llm/decode_stages.hpp"

namespace ipex::kernels {

using DecodeCounter = sycl::atomic_ref<std::uint32_t, sycl::memory_order::acq_rel, sycl::memory_scope::device,
                                       sycl::access::address_space::global_space>;

IPEX_WITHIN std::uint32_t add_to(std::uint32_t* word, std::uint32_t value) {
  return DecodeCounter(*word).fetch_add(value);
}
IPEX_WITHIN void wait_for(std::uint32_t* word, std::uint32_t value) {
  while (DecodeCounter(*word).load(sycl::memory_order::acquire) < value) {
  }
}

// The counters of one stage: tiles taken, and tiles done.
class DecodeTiles {
 public:
  DecodeTiles(const DecodeParams& params, int stage)
      : words_(params.counters + (int64_t{params.parity} * params.stage_count + stage) * (2 * decode_line)) {}

  int take() const { return static_cast<int>(add_to(words_, 1)); }
  void add_done(std::uint32_t count) const { add_to(words_ + decode_line, count); }
  void wait(std::uint32_t count) const { wait_for(words_ + decode_line, count); }

 private:
  std::uint32_t* words_;
};

template <class T>
IPEX_WITHIN void load_hidden(const DecodeParams& params, int token) {
  const auto* input = static_cast<const T*>(params.input) + token * int64_t{params.width};
  float* const hidden = params.workspace + params.hidden + token * int64_t{params.width};
  along(params.width, [&](auto i) { store(hidden, i, load<float>(input, i)); });
}

template <class T, class Format>
IPEX_WITHIN void run_tile(const DecodeParams& params, const DecodeStage& stage, int tile, float* scratch,
                          DecodeVectors vectors) {
  switch (stage.kind) {
    case DecodeKind::angles:
      compute_angles(params, tile);
      load_hidden<T>(params, tile);
      break;
    case DecodeKind::product:
    case DecodeKind::inner_experts:
    case DecodeKind::outer_experts:
      multiply_piece<T, Format>(params, stage, tile, vectors);
      break;
    case DecodeKind::choose:
      choose_experts(params, stage, tile, scratch);
      break;
    case DecodeKind::heads:
      finish_head<T>(params, stage, tile, scratch);
      break;
    case DecodeKind::attention:
      attend<T>(params, stage, tile);
      break;
    case DecodeKind::latent_heads:
      finish_latent<T>(params, stage, tile, scratch);
      break;
    case DecodeKind::latent_values:
      expand_values<T>(params, stage, tile, scratch);
      break;
    case DecodeKind::normalize:
      add_normalized<T>(params, stage, tile, scratch);
      break;
    case DecodeKind::finish:
      finish_token<T>(params, stage, tile, scratch);
      break;
  }
}

// How many tiles a stage has in this step.
IPEX_WITHIN int tiles_of(const DecodeParams& params, const DecodeStage& stage) {
  switch (stage.kind) {
    case DecodeKind::product:
      return stage.tiles;
    case DecodeKind::inner_experts:
      return params.tokens * stage.chosen * stage.tiles;
    case DecodeKind::outer_experts:
      return params.tokens * stage.tiles;
    case DecodeKind::heads:
      return params.tokens * (params.heads + 2 * params.key_heads);
    case DecodeKind::attention:
      return params.tokens * params.key_heads * head_blocks(params) * params.splits;
    case DecodeKind::latent_heads:
      return params.tokens * (params.heads + 1);
    case DecodeKind::latent_values:
      return params.tokens * params.heads;
    default:
      return params.tokens;
  }
}

// Weights are numbers of T, or codes of `Format`.
template <class T, class Format>
IPEX_KERNEL_OF_ONE void decode(DecodeParams params) {
  const auto group = static_cast<int64_t>(this_item().get_group(0));
  float* const scratch = params.workspace + params.scratch + group * params.scratch_stride;
  if (group == 0) {
    // Nobody uses the other set: the step before is over.
    const int64_t size = int64_t{params.stage_count} * (2 * decode_line);
    std::uint32_t* const others = params.counters + (1 - params.parity) * size;
    for (int64_t i = 0; i < size; ++i) others[i] = 0;
  }
  for (int s = 0; s < params.stage_count; ++s) {
    const auto& stage = params.stages[s];
    const DecodeTiles tiles(params, s);
    const int count = tiles_of(params, stage);
    DecodeVectors vectors{};
    std::uint32_t done = 0;
    for (int tile = tiles.take(); tile < count; tile = tiles.take()) {
      if (done == 0 && stage.tiles > 0) vectors = vectors_of<T, Format>(params, stage, scratch);
      run_tile<T, Format>(params, stage, tile, scratch, vectors);
      ++done;
    }
    if (done > 0) tiles.add_done(done);
    tiles.wait(static_cast<std::uint32_t>(count));
  }
}

}  // namespace ipex::kernels
