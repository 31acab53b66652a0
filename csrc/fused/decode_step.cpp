// A program of decoding as the device has it, and one step of it.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

#include "aten/reduce/reduce.h"
#include "fused/decode_program.h"

namespace ipex::fused {
namespace {

using kernels::decode_tokens;

// Keys, at least, in each split of them.
constexpr std::int64_t shortest_split = 128;

struct FormatKernel {
  std::string_view format;
  aten::TypedKernel kernel;

  explicit FormatKernel(const char* name) : format(name), kernel("llm/decode", "decode", nullptr, name) {}
};
FormatKernel format_kernels[] = {FormatKernel(decode_without_codes), FormatKernel("weights::int4"),
                                 FormatKernel("weights::int8"),      FormatKernel("weights::e4m3"),
                                 FormatKernel("weights::e5m2"),      FormatKernel("byte_weights::int4"),
                                 FormatKernel("byte_weights::int8")};

template <class T>
at::Tensor on_device(std::vector<T>& values, c10::Device device) {
  const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(T));
  return at::from_blob(values.data(), {bytes}, at::kByte).to(device);
}

}  // namespace

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
  params.value_size = static_cast<int>(shape_.latent > 0 ? shape_.latent : shape_.head_size);
  params.latent = {static_cast<int>(shape_.latent), static_cast<int>(shape_.plain),
                   static_cast<int>(shape_.value)};
  params.latents = vectors_.at("latent").offset;
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
  const auto splits = std::clamp<std::int64_t>((end + shortest_split - 1) / shortest_split, 1, decode_splits);
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
