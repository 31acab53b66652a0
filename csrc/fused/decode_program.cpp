#include "fused/decode_program.h"

#include <algorithm>

#include "runtime/limits.h"

namespace ipex::fused {
namespace {

using kernels::decode_tokens;
using kernels::DecodeKind;

// Of the weights that a tile reads: enough that its turn costs nothing, little enough that the last ones end
// together.
constexpr std::int64_t tile_bytes = 64 << 10;

template <class Choice>
Choice choice_of(const char* what, const std::string& name, const std::map<std::string, Choice>& choices) {
  const auto found = choices.find(name);
  if (found != choices.end()) return found->second;
  std::string names;
  for (const auto& [known, choice] : choices) names += (names.empty() ? "" : ", ") + known;
  TORCH_CHECK_VALUE(false, "decode: ", what, " must be one of ", names, ", got ", name);
}

kernels::DecodeActivation activation_of(const std::string& name) {
  using enum kernels::DecodeActivation;
  return choice_of<kernels::DecodeActivation>("activation", name,
                                              {{"none", none},
                                               {"silu", silu},
                                               {"gelu", gelu},
                                               {"gelu_tanh", gelu_tanh},
                                               {"relu", relu},
                                               {"relu_squared", relu_squared},
                                               {"clamped_swish", clamped_swish}});
}

kernels::DecodeNorm norm_of(const std::string& name) {
  using enum kernels::DecodeNorm;
  return choice_of<kernels::DecodeNorm>("normalization", name,
                                        {{"none", none}, {"rms", root_mean_square}, {"layer", layer}});
}

std::int64_t rows_in(const DecodeMatrix& matrix) {
  const auto* numbers = std::get_if<at::Tensor>(&matrix);
  TORCH_CHECK_VALUE(!numbers || numbers->dim() >= 2, "decode: expected a matrix of weights, got shape ",
                    numbers->sizes());
  return numbers ? numbers->size(-2) : std::get<aten::QuantizedMatrix>(matrix).rows();
}
std::int64_t columns_in(const DecodeMatrix& matrix) {
  const auto* numbers = std::get_if<at::Tensor>(&matrix);
  return numbers ? numbers->size(-1) : std::get<aten::QuantizedMatrix>(matrix).columns;
}
std::int64_t row_bytes(const DecodeMatrix& matrix) {
  const auto* numbers = std::get_if<at::Tensor>(&matrix);
  return numbers ? numbers->size(-1) * numbers->element_size()
                 : std::get<aten::QuantizedMatrix>(matrix).codes.size(1);
}

}  // namespace

void DecodeProgram::check_shape() const {
  TORCH_CHECK_VALUE(dtype_ == at::kFloat || dtype_ == at::kBFloat16 || dtype_ == at::kHalf,
                    "decode: expected float32, bfloat16 or float16, got ", dtype_);
  TORCH_CHECK_VALUE(shape_.head_size > 0 && shape_.head_size <= kernels::decode_head_size &&
                        shape_.key_heads > 0 && shape_.heads % shape_.key_heads == 0,
                    "decode: expected heads of up to ", kernels::decode_head_size,
                    " features, a multiple of the heads of keys, got ", shape_.heads, " and ",
                    shape_.key_heads, " heads of ", shape_.head_size);
  TORCH_CHECK_VALUE(shape_.rotary % 2 == 0 && shape_.rotary <= shape_.head_size,
                    "decode: expected an even number of rotated features, got ", shape_.rotary);
  TORCH_CHECK_VALUE(shape_.inverse_frequencies.size() <= 2 &&
                        shape_.frequency_scales.size() == shape_.inverse_frequencies.size(),
                    "decode: expected at most two tables of frequencies with a scale each");
  for (const auto& table : shape_.inverse_frequencies) {
    TORCH_CHECK_VALUE(table.scalar_type() == at::kFloat && table.is_contiguous() &&
                          table.numel() == shape_.rotary / 2 && table.device() == device_,
                      "decode: expected ", shape_.rotary / 2, " frequencies in float32 on ", device_);
  }
  TORCH_CHECK_VALUE(
      shape_.latent == 0 || (shape_.key_heads == 1 && shape_.head_size == shape_.latent + shape_.rotary),
      "decode: expected latent vectors that all heads share, whose size with ", shape_.rotary,
      " rotated features is that of a head, got ", shape_.latent, " and ", shape_.head_size);
}

DecodeProgram::DecodeProgram(DecodeShape shape, c10::ScalarType dtype, c10::Device device)
    : shape_(std::move(shape)), dtype_(dtype), device_(device) {
  check_shape();
  std::int64_t offset = 0;
  const auto reserve = [&](std::int64_t size) {
    const auto place = offset;
    offset += (size + 15) / 16 * 16;
    return place;
  };
  const auto add_vector = [&](const char* name, std::int64_t stride) {
    vectors_[name] = {reserve(decode_tokens * stride), stride};
  };
  add_vector("hidden", shape_.width);
  add_vector("branch", shape_.width);
  const bool latent = shape_.latent > 0;
  const auto value_size = latent ? shape_.latent : shape_.head_size;
  add_vector("projected", latent ? shape_.heads * (shape_.plain + shape_.rotary)
                                 : (shape_.heads + 2 * shape_.key_heads) * shape_.head_size);
  add_vector("query latent", shape_.query_latent);
  add_vector("latent", latent ? shape_.latent + shape_.rotary : 0);
  add_vector("values", latent ? shape_.heads * shape_.value : 0);
  add_vector("queries", shape_.heads * shape_.head_size);
  add_vector("attention", shape_.heads * decode_splits * (value_size + 2));
  add_vector("inner", shape_.inner);
  add_vector("scores", shape_.experts + 1);
  add_vector("choices", 2 * shape_.chosen + 1);
  add_vector("slots", shape_.chosen * shape_.expert_inner);
  angles_ = reserve(2 * decode_tokens * shape_.rotary);
  const auto widest = std::max({shape_.width, shape_.inner, shape_.heads * shape_.head_size,
                                shape_.query_latent, shape_.heads * shape_.value, 2 * shape_.experts});
  scratch_stride_ = decode_tokens * widest;
  groups_ = 2 * std::max<std::int64_t>(runtime::device_limits(device.index()).compute_units, 1);
  scratch_ = offset;
  add_stage(DecodeKind::angles);
}

kernels::DecodeStage& DecodeProgram::add_stage(DecodeKind kind) {
  TORCH_CHECK(!counters_.defined(), "decode: a program that ran takes no more stages");
  auto& stage = stages_.emplace_back();
  first_tiles_.push_back(tiles_.size());
  stage.kind = kind;
  stage.scale = 1;
  stage.angles = -1;
  return stage;
}

void DecodeProgram::connect(kernels::DecodeStage& stage, Vector from, Vector to) {
  stage.input = from.offset;
  stage.input_stride = static_cast<int>(from.stride);
  stage.output = to.offset;
  stage.output_stride = static_cast<int>(to.stride);
}

DecodeProgram::Vector DecodeProgram::vector_of(const std::string& name) const {
  return choice_of("vector", name, vectors_);
}

const void* DecodeProgram::address_of(const char* what, const std::optional<at::Tensor>& tensor,
                                      std::int64_t size) {
  if (!tensor || !tensor->defined()) return nullptr;
  TORCH_CHECK_VALUE(tensor->scalar_type() == dtype_ && tensor->device() == device_ && tensor->is_contiguous(),
                    "decode: expected a contiguous ", what, " of ", dtype_, " on ", device_, ", got ",
                    tensor->scalar_type(), " on ", tensor->device(), " with strides ", tensor->strides());
  TORCH_CHECK_VALUE(tensor->numel() == size, "decode: expected ", what, " of ", size, " elements, got shape ",
                    tensor->sizes());
  kept_.push_back(*tensor);
  return tensor->const_data_ptr();
}

kernels::DecodeNormalization DecodeProgram::normalization(const DecodeNorm& norm, std::int64_t size) {
  return {norm_of(norm.kind),
          static_cast<float>(norm.epsilon),
          static_cast<float>(norm.offset),
          address_of("weight of a normalization", norm.weight, size),
          address_of("bias of a normalization", norm.bias, size),
          0,
          0};
}

// A weight of one head serves all; one of [heads, features] has a row for each; a vector of all their
// features is that of statistics over all heads.
kernels::DecodeNormalization DecodeProgram::head_normalization(const DecodeNorm& norm, std::int64_t heads) {
  const bool each = norm.weight && norm.weight->numel() == heads * shape_.head_size && heads > 1;
  auto result = normalization(norm, (each ? heads : 1) * shape_.head_size);
  result.head_step = each ? static_cast<int>(shape_.head_size) : 0;
  result.of_all_heads = each && norm.weight->dim() == 1;
  return result;
}

kernels::DecodeRows DecodeProgram::rows_of(const char* what, const DecodeMatrix& matrix,
                                           const std::optional<at::Tensor>& bias,
                                           kernels::DecodeStage& stage) {
  const auto depth = columns_in(matrix), experts = std::max<std::int64_t>(stage.experts, 1);
  TORCH_CHECK_VALUE(depth == stage.depth, "decode: expected ", what, " of ", stage.depth, " columns, got ",
                    depth);
  kernels::DecodeRows rows{};
  rows.bias = address_of("bias", bias, experts * rows_in(matrix));
  rows.bias_step = static_cast<int>(rows_in(matrix));
  if (const auto* numbers = std::get_if<at::Tensor>(&matrix)) {
    const auto wanted = stage.experts > 0 ? 3 : 2;
    TORCH_CHECK_VALUE(numbers->dim() == wanted && (wanted == 2 || numbers->size(0) == experts) &&
                          (numbers->stride(-1) == 1 || depth == 1) && numbers->scalar_type() == dtype_ &&
                          numbers->device() == device_,
                      "decode: expected ", what, " of ", wanted, " dimensions whose rows are dense, of ",
                      dtype_, " on ", device_, ", got ", numbers->scalar_type(), numbers->sizes(),
                      " with strides ", numbers->strides(), " on ", numbers->device());
    kept_.push_back(*numbers);
    rows.numbers = numbers->const_data_ptr();
    rows.step = numbers->stride(-2);
    rows.expert_step = stage.experts > 0 ? numbers->stride(0) : 0;
    return rows;
  }
  TORCH_CHECK_VALUE(stage.experts == 0, "decode: expected weights of experts that are numbers");
  const auto& codes = std::get<aten::QuantizedMatrix>(matrix);
  TORCH_CHECK_VALUE(codes.codes.device() == device_, "decode: expected ", what, " on ", device_, ", got ",
                    codes.codes.device());
  const auto product = aten::code_product("decode", codes, dtype_);
  TORCH_CHECK_VALUE(format_ == decode_without_codes || format_ == product.format,
                    "decode: expected codes of one kind in all products, got ", product.format, " and ",
                    format_);
  format_ = product.format;
  const auto& shape = product.activations;
  auto& known = stage.activations;
  TORCH_CHECK_VALUE(known.spans == 0 || (known.span_size == shape.span_size && known.blocks == shape.blocks),
                    "decode: expected groups of one size in the codes of a product, got ", shape.span_size,
                    " and ", known.span_size);
  known = shape;
  const auto of_vector = shape.digits * (shape.row_bytes / 4 + 2 * shape.spans);
  // Kernels read packs, so beyond the last span.
  scratch_stride_ =
      std::max<std::int64_t>(scratch_stride_, decode_tokens * (depth + of_vector) + kernels::decode_line);
  kept_.insert(kept_.end(), {codes.codes, codes.scales, codes.zeros});
  rows.matrix = static_cast<int>(matrices_.size());
  matrices_.push_back(aten::weight_params(codes));
  return rows;
}

// Tiles whose results follow each other in a vector with so much room.
void DecodeProgram::add_tiles(const std::vector<DecodeRows>& rows, std::int64_t room,
                              kernels::DecodeStage& stage) {
  std::int64_t total = 0;
  for (const auto& block : rows) total += rows_in(block.weight);
  // A few tiles for each work-group at least.
  const auto fair = total / (4 * groups_) / 4 * 4;
  const auto element = static_cast<std::int64_t>(c10::elementSize(dtype_));
  std::int64_t place = 0;
  for (const auto& block : rows) {
    const auto count = rows_in(block.weight);
    kernels::DecodeTile tile{};
    tile.values = rows_of("weights", block.weight, block.bias, stage);
    tile.gated = block.gate.has_value();
    if (block.gate) {
      TORCH_CHECK_VALUE(rows_in(*block.gate) == count,
                        "decode: expected as many rows of the gate as others, ", count, ", got ",
                        rows_in(*block.gate));
      tile.gate = rows_of("weights of a gate", *block.gate, block.gate_bias, stage);
    }
    const auto bytes = row_bytes(block.weight) + (block.gate ? row_bytes(*block.gate) : 0);
    const auto wanted =
        std::clamp<std::int64_t>(tile_bytes / bytes / 4 * 4, 4, std::max<std::int64_t>(fair, 4));
    for (std::int64_t row = 0; row < count; row += wanted) {
      auto& part = tiles_.emplace_back(tile);
      for (auto* each : {&part.values, &part.gate}) {
        const auto advance = [&](const void*& address, std::int64_t elements) {
          if (address) address = static_cast<const char*>(address) + elements * element;
        };
        advance(each->numbers, row * each->step);
        advance(each->bias, row);
        each->first = static_cast<int>(row);
      }
      part.rows = static_cast<int>(std::min(wanted, count - row));
      part.output = static_cast<int>(place + row);
    }
    place += count;
  }
  TORCH_CHECK_VALUE(place <= room, "decode: ", place, " results do not fit a vector of ", room);
  stage.tiles = static_cast<int>(tiles_.size() - first_tiles_.back());
}

void DecodeProgram::add_product(const std::vector<DecodeRows>& rows, const std::string& input,
                                const std::string& output, const DecodeNorm& norm,
                                const std::string& activation, bool accumulate, double scale, bool weighted) {
  TORCH_CHECK_VALUE(!rows.empty(), "decode: expected matrices of weights");
  const auto depth = columns_in(rows[0].weight);
  const auto from = vector_of(input), to = vector_of(output);
  auto& stage = add_stage(DecodeKind::product);
  stage.source = input == "attention" ? kernels::DecodeSource::attention : kernels::DecodeSource::vectors;
  TORCH_CHECK_VALUE(input == "attention" ? depth == shape_.heads * shape_.head_size : depth <= from.stride,
                    "decode: weights of ", depth, " columns do not fit the vector ", input);
  connect(stage, from, to);
  stage.depth = static_cast<int>(depth);
  stage.norm = normalization(norm, depth);
  stage.activation = activation_of(activation);
  stage.accumulate = accumulate;
  stage.scale = static_cast<float>(scale);
  stage.weighted = weighted;
  stage.chosen = static_cast<int>(shape_.chosen);
  add_tiles(rows, to.stride, stage);
}

void DecodeProgram::add_choice(const DecodeChoice& choice) {
  auto& stage = add_stage(DecodeKind::choose);
  TORCH_CHECK_VALUE(shape_.chosen > 0 && shape_.chosen <= shape_.experts, "decode: expected 1 to ",
                    shape_.experts, " experts of a token, got ", shape_.chosen);
  TORCH_CHECK_VALUE(choice.groups > 0 && shape_.experts % choice.groups == 0 && choice.chosen_groups > 0,
                    "decode: expected groups of ", shape_.experts, " experts, got ", choice.groups);
  connect(stage, vector_of("scores"), vector_of("choices"));
  stage.experts = static_cast<int>(shape_.experts);
  stage.chosen = static_cast<int>(shape_.chosen);
  stage.normalized = choice.normalized;
  stage.sigmoid = choice.sigmoid;
  stage.shared = choice.shared;
  stage.scale = static_cast<float>(choice.scale);
  stage.choice_bias = floats_of("a bias of scores", choice.bias, shape_.experts);
  stage.groups = static_cast<int>(choice.groups);
  stage.chosen_groups = static_cast<int>(choice.chosen_groups);
}

void DecodeProgram::add_experts(const DecodeRows& inner, const DecodeRows& outer, const DecodeNorm& norm,
                                const std::string& activation, double limit) {
  auto slots = vector_of("slots");
  slots.stride = shape_.expert_inner;  // of one expert
  const auto add = [&](DecodeKind kind, const DecodeRows& rows, Vector from, Vector to) -> auto& {
    auto& stage = add_stage(kind);
    connect(stage, from, to);
    stage.depth = static_cast<int>(columns_in(rows.weight));
    TORCH_CHECK_VALUE(stage.depth == from.stride, "decode: expected weights of experts of ", from.stride,
                      " columns, got ", stage.depth);
    stage.experts = static_cast<int>(shape_.experts);
    stage.chosen = static_cast<int>(shape_.chosen);
    add_tiles({rows}, to.stride, stage);
    return stage;
  };
  const auto hidden = vector_of("hidden");
  auto& first = add(DecodeKind::inner_experts, inner, hidden, slots);
  first.norm = normalization(norm, shape_.width);
  first.activation = activation_of(activation);
  first.limit = static_cast<float>(limit);
  add(DecodeKind::outer_experts, outer, slots, hidden).accumulate = true;
}

void DecodeProgram::add_heads(std::int64_t layer, std::int64_t angles, const DecodeNorm& query_norm,
                              const DecodeNorm& key_norm) {
  TORCH_CHECK_VALUE(angles < static_cast<std::int64_t>(shape_.inverse_frequencies.size()),
                    "decode: there is no table of frequencies ", angles);
  auto& stage = add_stage(DecodeKind::heads);
  stage.layer = static_cast<int>(layer);
  stage.angles = static_cast<int>(angles);
  stage.norm = head_normalization(query_norm, shape_.heads);
  stage.key_norm = head_normalization(key_norm, shape_.key_heads);
}

const float* DecodeProgram::floats_of(const char* what, const std::optional<at::Tensor>& tensor,
                                      std::int64_t size) {
  if (!tensor) return nullptr;
  TORCH_CHECK_VALUE(tensor->scalar_type() == at::kFloat && tensor->is_contiguous() &&
                        tensor->numel() == size && tensor->device() == device_,
                    "decode: expected ", what, " of dtype float32 [", size, "] on ", device_, ", got ",
                    tensor->scalar_type(), tensor->sizes(), " on ", tensor->device());
  kept_.push_back(*tensor);
  return tensor->const_data_ptr<float>();
}

const void* DecodeProgram::expansion_of(const at::Tensor& expand) {
  return address_of("expansion of latent vectors", expand,
                    shape_.heads * (shape_.plain + shape_.value) * shape_.latent);
}

void DecodeProgram::add_latent_heads(std::int64_t layer, std::int64_t angles, const DecodeNorm& norm,
                                     const at::Tensor& expand) {
  TORCH_CHECK_VALUE(angles >= 0 && angles < static_cast<std::int64_t>(shape_.inverse_frequencies.size()),
                    "decode: there is no table of frequencies ", angles);
  auto& stage = add_stage(DecodeKind::latent_heads);
  stage.layer = static_cast<int>(layer);
  stage.angles = static_cast<int>(angles);
  stage.norm = normalization(norm, shape_.latent);
  stage.expand = expansion_of(expand);
}

void DecodeProgram::add_latent_values(const at::Tensor& expand) {
  auto& stage = add_stage(DecodeKind::latent_values);
  connect(stage, vector_of("attention"), vector_of("values"));
  stage.expand = expansion_of(expand);
}

void DecodeProgram::add_attention(std::int64_t layer, std::int64_t window,
                                  const std::optional<at::Tensor>& slopes,
                                  const std::optional<at::Tensor>& sinks) {
  auto& stage = add_stage(DecodeKind::attention);
  stage.layer = static_cast<int>(layer);
  stage.window = static_cast<int>(window);
  stage.slopes = floats_of("slopes", slopes, shape_.heads);
  stage.sinks = floats_of("sinks", sinks, shape_.heads);
}

void DecodeProgram::add_normalized(const std::string& input, const DecodeNorm& norm, double scale) {
  auto& stage = add_stage(DecodeKind::normalize);
  connect(stage, vector_of(input), vector_of("hidden"));
  stage.depth = static_cast<int>(shape_.width);
  stage.norm = normalization(norm, shape_.width);
  stage.scale = static_cast<float>(scale);
}

void DecodeProgram::add_finish(const DecodeNorm& norm) {
  add_stage(DecodeKind::finish).norm = normalization(norm, shape_.width);
}

}  // namespace ipex::fused
