// Builds and runs a decoder's step for a few tokens: kernels/llm/decode.hpp.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "aten/kernel_table.h"
#include "fused/llm_quantized.h"
#include "kernels/llm/decode_params.hpp"

namespace ipex::fused {

constexpr const char* decode_without_codes = "no_codes";  // the format of a program of numbers alone
constexpr std::int64_t decode_splits = 16;                // of the keys, at most

struct DecodeShape {
  std::int64_t width;             // of the hidden state
  std::int64_t heads, key_heads;  // of queries; of keys and values
  std::int64_t head_size;
  std::int64_t rotary;                   // features of a head that positions rotate, the first ones
  bool interleaved;                      // pairs of them are neighbours; else halves
  std::int64_t inner;                    // the widest vector of an MLP
  std::int64_t experts = 0, chosen = 0;  // all of them; for each token
  std::int64_t expert_inner = 0;         // the vector of one
  // Where the cache has latent vectors: their features, those of a head's query that are not rotated, those
  // of its values, and the widest vector that queries are made of. Then head_size is latent + rotary.
  std::int64_t latent = 0, plain = 0, value = 0, query_latent = 0;
  double scale, soft_cap;                       // of scores
  std::vector<at::Tensor> inverse_frequencies;  // float32 [rotary / 2], at most two
  std::vector<double> frequency_scales;
};

struct DecodeNorm {
  std::string kind = "none";  // "rms", "layer"
  std::optional<at::Tensor> weight, bias;
  double epsilon = 0, offset = 0;
};

// Weights [rows, depth]: numbers, or codes of few bits. The codes of a program are of one kind.
using DecodeMatrix = std::variant<at::Tensor, aten::QuantizedMatrix>;

// How experts are chosen by their scores, and what the chosen ones count.
struct DecodeChoice {
  bool normalized = false;         // weights of the chosen add up to 1, not those of all
  bool sigmoid = false;            // of the scores, not their softmax
  bool shared = false;             // the score that follows is that of the expert that all tokens share
  double scale = 1;                // of the weights
  std::optional<at::Tensor> bias;  // float32 [experts], added for the choice alone
  std::int64_t groups = 1, chosen_groups = 1;
};

// Rows of a product, and the rows whose activation multiplies them.
struct DecodeRows {
  DecodeMatrix weight;
  std::optional<at::Tensor> bias;
  std::optional<DecodeMatrix> gate;
  std::optional<at::Tensor> gate_bias;
};

class DecodeProgram {
 public:
  DecodeProgram(DecodeShape shape, c10::ScalarType dtype, c10::Device device);

  // Vectors are "hidden", "projected" (queries, keys, values), "attention", "inner", "branch", "scores" (of
  // experts), "query latent", "latent" and "values". The results of `rows` follow each other in `output`.
  // `weighted`: they are multiplied by the weight of the expert that all tokens share, which goes with their
  // activation.
  void add_product(const std::vector<DecodeRows>& rows, const std::string& input, const std::string& output,
                   const DecodeNorm& norm, const std::string& activation, bool accumulate, double scale,
                   bool weighted);
  void add_choice(const DecodeChoice& choice);  // by "scores"
  // The chosen experts' results are added to "hidden". Weights have three dimensions, the first of experts.
  // limit: if not 0, of the activation's input and of what it is multiplied by, to which 1 is added.
  void add_experts(const DecodeRows& inner, const DecodeRows& outer, const DecodeNorm& norm,
                   const std::string& activation, double limit);
  // `angles`: which frequencies rotate queries and keys; -1: none.
  void add_heads(std::int64_t layer, std::int64_t angles, const DecodeNorm& query_norm,
                 const DecodeNorm& key_norm);
  // The same where the cache has latent vectors, made of "projected" (queries) and "latent" by `expand`
  // [heads (plain + value), latent]; and "values" of what attention made of them.
  void add_latent_heads(std::int64_t layer, std::int64_t angles, const DecodeNorm& norm,
                        const at::Tensor& expand);
  void add_latent_values(const at::Tensor& expand);
  void add_attention(std::int64_t layer, std::int64_t window, const std::optional<at::Tensor>& slopes,
                     const std::optional<at::Tensor>& sinks);
  void add_normalized(const std::string& input, const DecodeNorm& norm, double scale);  // to "hidden"
  // What the program ends with.
  void add_finish(const DecodeNorm& norm);

  // Whether the current device runs programs: one whose work-items are cores.
  static bool runs_here();

  // Hidden states [rows, tokens, width] before the first layer -> after the last normalization.
  // positions: int64 [rows, tokens], what rotations ask for. mask: int64 [rows, at least cached + tokens], 0
  // for positions that are not seen. segments: int64 [layers, segments, 8], each a kernels::DecodeSegment;
  // begins: the position that each begins with, and where the last ends. row_of: int32 [positions, rows].
  at::Tensor step(const at::Tensor& input, const at::Tensor& positions, const std::optional<at::Tensor>& mask,
                  std::int64_t cached, const at::Tensor& segments, const std::vector<std::int64_t>& begins,
                  const std::optional<at::Tensor>& row_of);

 private:
  struct Vector {
    std::int64_t offset, stride;
  };
  kernels::DecodeStage& add_stage(kernels::DecodeKind kind);
  static void connect(kernels::DecodeStage& stage, Vector from, Vector to);
  Vector vector_of(const std::string& name) const;
  kernels::DecodeNormalization normalization(const DecodeNorm& norm, std::int64_t size);
  kernels::DecodeNormalization head_normalization(const DecodeNorm& norm, std::int64_t heads);
  const void* address_of(const char* what, const std::optional<at::Tensor>& tensor, std::int64_t size);
  void add_tiles(const std::vector<DecodeRows>& rows, std::int64_t room, kernels::DecodeStage& stage);
  kernels::DecodeRows rows_of(const char* what, const DecodeMatrix& matrix,
                              const std::optional<at::Tensor>& bias, kernels::DecodeStage& stage);
  void check_shape() const;
  const float* floats_of(const char* what, const std::optional<at::Tensor>& tensor, std::int64_t size);
  const void* expansion_of(const at::Tensor& expand);
  void upload();
  void follow_stream();

  DecodeShape shape_;
  c10::ScalarType dtype_;
  c10::Device device_;
  std::map<std::string, Vector> vectors_;
  std::int64_t angles_ = 0, scratch_ = 0, scratch_stride_ = 0, groups_ = 0;
  std::vector<kernels::DecodeStage> stages_;
  std::vector<std::size_t> first_tiles_;  // of each stage, in tiles_
  std::vector<kernels::DecodeTile> tiles_;
  std::vector<kernels::QuantizedWeight> matrices_;
  std::string format_ = decode_without_codes;  // of the codes, if there are any
  aten::TypedKernel* kernel_ = nullptr;
  std::vector<at::Tensor> kept_;  // what addresses point to
  at::Tensor device_stages_, device_tiles_, device_matrices_, counters_, workspace_;
  int parity_ = 0;
  std::optional<c10::Stream> last_stream_;
};

}  // namespace ipex::fused
