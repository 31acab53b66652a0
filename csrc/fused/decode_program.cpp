#include "fused/decode_program.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

#include "aten/reduce/reduce.h"
#include "runtime/limits.h"

namespace ipex::fused {
namespace {

using kernels::decode_tokens;
using kernels::DecodeKind;

constexpr const char* no_codes = "no_codes";

// Splits of the keys: so many at most, and so many keys at least in each.
constexpr std::int64_t most_splits = 16, shortest_split = 128;
// Of the weights that a tile reads: enough that its turn costs nothing, little enough that the last ones end
// together.
constexpr std::int64_t tile_bytes = 64 << 10;

struct FormatKernel {
  std::string_view format;
  aten::TypedKernel kernel;

  explicit FormatKernel(const char* name)
      : format(name), kernel("llm/decode", "decode", nullptr, name) {}
};
FormatKernel format_kernels[] = {FormatKernel(no_codes),           FormatKernel("weights::int4"),
                                 FormatKernel("weights::int8"),      FormatKernel("weights::e4m3"),
                                 FormatKernel("weights::e5m2"),      FormatKernel("byte_weights::int4"),
                                 FormatKernel("byte_weights::int8")};

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

template <class T>
at::Tensor on_device(std::vector<T>& values, c10::Device device) {
  const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(T));
  return at::from_blob(values.data(), {bytes}, at::kByte).to(device);
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

DecodeProgram::DecodeProgram(DecodeShape shape, c10::ScalarType dtype, c10::Device device)
    : shape_(std::move(shape)), dtype_(dtype), device_(device) {
  TORCH_CHECK_VALUE(dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf,
                    "decode: expected float32, bfloat16 or float16, got ", dtype);
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
                          table.numel() == shape_.rotary / 2 && table.device() == device,
                      "decode: expected ", shape_.rotary / 2, " frequencies in float32 on ", device);
  }
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
  add_vector("projected", (shape_.heads + 2 * shape_.key_heads) * shape_.head_size);
  add_vector("queries", shape_.heads * shape_.head_size);
  add_vector("attention", shape_.heads * most_splits * (shape_.head_size + 2));
  add_vector("inner", shape_.inner);
  add_vector("scores", shape_.experts + 1);
  add_vector("choices", 2 * shape_.chosen + 1);
  add_vector("slots", shape_.chosen * shape_.expert_inner);
  angles_ = reserve(2 * decode_tokens * shape_.rotary);
  const auto widest =
      std::max({shape_.width, shape_.inner, shape_.heads * shape_.head_size, shape_.experts});
  scratch_stride_ = std::max(decode_tokens * widest, 2 * kernels::decode_position_block * shape_.head_size);
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
  TORCH_CHECK_VALUE(format_ == no_codes || format_ == product.format,
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
  scratch_stride_ = std::max<std::int64_t>(scratch_stride_, decode_tokens * (depth + of_vector));
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
      TORCH_CHECK_VALUE(rows_in(*block.gate) == count, "decode: expected as many rows of the gate as others, ",
                        count, ", got ", rows_in(*block.gate));
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

void DecodeProgram::add_choice(bool normalized, bool shared) {
  auto& stage = add_stage(DecodeKind::choose);
  TORCH_CHECK_VALUE(shape_.chosen > 0 && shape_.chosen <= shape_.experts,
                    "decode: expected 1 to ", shape_.experts, " experts of a token, got ", shape_.chosen);
  connect(stage, vector_of("scores"), vector_of("choices"));
  stage.experts = static_cast<int>(shape_.experts);
  stage.chosen = static_cast<int>(shape_.chosen);
  stage.normalized = normalized;
  stage.shared = shared;
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

void DecodeProgram::add_attention(std::int64_t layer, std::int64_t window,
                                  const std::optional<at::Tensor>& slopes,
                                  const std::optional<at::Tensor>& sinks) {
  const auto address = [&](const std::optional<at::Tensor>& tensor) -> const float* {
    if (!tensor) return nullptr;
    TORCH_CHECK_VALUE(tensor->scalar_type() == at::kFloat && tensor->is_contiguous() &&
                          tensor->numel() == shape_.heads && tensor->device() == device_,
                      "decode: expected float32 [", shape_.heads, "] for the heads on ", device_);
    kept_.push_back(*tensor);
    return tensor->const_data_ptr<float>();
  };
  auto& stage = add_stage(DecodeKind::attention);
  stage.layer = static_cast<int>(layer);
  stage.window = static_cast<int>(window);
  stage.slopes = address(slopes);
  stage.sinks = address(sinks);
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

void DecodeProgram::upload() {
  if (counters_.defined()) return;
  kernel_ = &std::find_if(std::begin(format_kernels), std::end(format_kernels), [&](const auto& each) {
               return each.format == format_;
             })->kernel;
  device_tiles_ = on_device(tiles_, device_);
  device_matrices_ = on_device(matrices_, device_);
  scratch_stride_ = (scratch_stride_ + 15) / 16 * 16;
  workspace_ =
      at::empty({scratch_ + groups_ * scratch_stride_}, at::TensorOptions(device_).dtype(at::kFloat));
  const auto* tiles = static_cast<const kernels::DecodeTile*>(device_tiles_.const_data_ptr());
  for (std::size_t s = 0; s < stages_.size(); ++s) stages_[s].rows = tiles + first_tiles_[s];
  device_stages_ = on_device(stages_, device_);
  constexpr std::int64_t words = 2 * kernels::decode_line;  // of each stage
  counters_ = at::zeros({2 * static_cast<std::int64_t>(stages_.size()) * words},
                        at::TensorOptions(device_).dtype(at::kInt));
}

// The workspace is one: a step on another stream waits for the one before.
void DecodeProgram::follow_stream() {
  const auto current = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
  if (last_stream_ && *last_stream_ != current) {
    c10::Event before(device_.type());
    before.record(*last_stream_);
    before.block(current);
  }
  last_stream_ = current;
}

bool DecodeProgram::runs_here() { return aten::walks_alone(); }

at::Tensor DecodeProgram::step(const at::Tensor& input, const at::Tensor& positions,
                               const std::optional<at::Tensor>& mask, std::int64_t cached,
                               const at::Tensor& segments, const std::vector<std::int64_t>& begins,
                               const std::optional<at::Tensor>& row_of) {
  TORCH_CHECK_VALUE(input.dim() == 3 && input.size(2) == shape_.width && input.scalar_type() == dtype_ &&
                        input.device() == device_,
                    "decode: expected hidden states [rows, tokens, ", shape_.width, "] of ", dtype_, " on ",
                    device_, ", got ", input.scalar_type(), input.sizes(), " on ", input.device());
  const auto rows = input.size(0), tokens = input.size(1);
  TORCH_CHECK_VALUE(rows * tokens > 0 && rows * tokens <= decode_tokens, "decode: expected 1 to ",
                    decode_tokens, " tokens, got ", rows, " x ", tokens);
  TORCH_CHECK_VALUE(positions.scalar_type() == at::kLong && positions.numel() == rows * tokens &&
                        positions.device() == device_,
                    "decode: expected int64 positions [", rows, ", ", tokens, "], got ",
                    positions.scalar_type(), positions.sizes());
  const auto count = static_cast<std::int64_t>(begins.size()) - 1;
  TORCH_CHECK_VALUE(count > 0 && count <= kernels::decode_segments && segments.dim() == 3 &&
                        segments.size(1) == count && segments.size(2) == 8 && segments.is_contiguous() &&
                        segments.scalar_type() == at::kLong && segments.device() == device_,
                    "decode: expected int64 segments [layers, ", count, ", 8], got ", segments.scalar_type(),
                    segments.sizes());
  const auto end = cached + tokens;
  TORCH_CHECK_VALUE(cached >= 0 && end <= begins.back(), "decode: ", end,
                    " positions do not fit the cache of ", begins.back());
  const c10::DeviceGuard guard(device_);
  follow_stream();
  upload();
  const auto states = input.contiguous(), places = positions.contiguous();
  auto result = at::empty_like(states);
  kernels::DecodeParams params{};
  if (mask) {
    TORCH_CHECK_VALUE(mask->dim() == 2 && mask->size(0) == rows && mask->size(1) >= end &&
                          mask->stride(1) == 1 && mask->scalar_type() == at::kLong &&
                          mask->device() == device_,
                      "decode: expected an int64 mask [", rows, ", at least ", end, "], got ",
                      mask->scalar_type(), mask->sizes());
    params.mask = mask->const_data_ptr<std::int64_t>();
    params.mask_stride = mask->stride(0);
  }
  if (row_of) {
    TORCH_CHECK_VALUE(row_of->dim() == 2 && row_of->size(0) >= end && row_of->size(1) == rows &&
                          row_of->is_contiguous() && row_of->scalar_type() == at::kInt &&
                          row_of->device() == device_,
                      "decode: expected int32 row_of [at least ", end, ", ", rows, "], got ",
                      row_of->scalar_type(), row_of->sizes());
    params.row_of = row_of->const_data_ptr<std::int32_t>();
  }
  params.stages = static_cast<const kernels::DecodeStage*>(device_stages_.const_data_ptr());
  params.stage_count = static_cast<int>(stages_.size());
  params.counters = static_cast<std::uint32_t*>(counters_.mutable_data_ptr());
  params.parity = parity_;
  params.workspace = workspace_.mutable_data_ptr<float>();
  params.scratch = scratch_;
  params.scratch_stride = scratch_stride_;
  params.matrices = static_cast<const kernels::QuantizedWeight*>(device_matrices_.const_data_ptr());
  params.input = states.const_data_ptr();
  params.result = result.mutable_data_ptr();
  params.hidden = vectors_.at("hidden").offset;
  params.width = static_cast<int>(shape_.width);
  params.heads = static_cast<int>(shape_.heads);
  params.key_heads = static_cast<int>(shape_.key_heads);
  params.head_size = static_cast<int>(shape_.head_size);
  params.rotary = static_cast<int>(shape_.rotary);
  params.interleaved = shape_.interleaved;
  params.scale = static_cast<float>(shape_.scale);
  params.soft_cap = static_cast<float>(shape_.soft_cap);
  params.projected = vectors_.at("projected").offset;
  params.queries = vectors_.at("queries").offset;
  params.partial = vectors_.at("attention").offset;
  params.choices = vectors_.at("choices").offset;
  params.choices_stride = static_cast<int>(vectors_.at("choices").stride);
  params.angles = angles_;
  params.frequency_count = static_cast<int>(shape_.inverse_frequencies.size());
  for (int f = 0; f < params.frequency_count; ++f) {
    params.frequencies[f] = {shape_.inverse_frequencies[f].const_data_ptr<float>(),
                             static_cast<float>(shape_.frequency_scales[f])};
  }
  params.tokens = static_cast<int>(rows * tokens);
  params.tokens_of_row = static_cast<int>(tokens);
  params.cached = static_cast<int>(cached);
  const auto splits = std::clamp<std::int64_t>((end + shortest_split - 1) / shortest_split, 1, most_splits);
  params.split_length = static_cast<int>((end + splits - 1) / splits);
  params.splits = static_cast<int>(splits);
  params.positions = places.const_data_ptr<std::int64_t>();
  params.rows = static_cast<int>(rows);
  params.segments = static_cast<const kernels::DecodeSegment*>(segments.const_data_ptr());
  params.segment_count = static_cast<int>(count);
  for (std::size_t s = 0; s < begins.size(); ++s) params.begins[s] = static_cast<int>(begins[s]);
  aten::launch(kernel_->get("decode", dtype_, device_.index()), {groups_, 1}, params);
  parity_ = 1 - parity_;
  return result;
}

}  // namespace ipex::fused
