#include "onednn/matmul.h"

#include <ATen/ops/empty.h>
#include <c10/util/DimVector.h>

#include <optional>

#include "onednn/engine.h"
#include "runtime/libraries.h"
#include "runtime/strides.h"

namespace ipex::onednn {
namespace {

using at::Tensor;

// Sizes and strides of a matrix or batch as the library's fast kernels take them: one of the last two strides
// is 1, the other spans it.
struct Layout {
  at::DimVector sizes, strides;

  bool row_major() const { return strides.back() == 1; }

  dnnl::memory::desc describe(c10::ScalarType dtype) const {
    return {dnnl::memory::dims(sizes.begin(), sizes.end()), data_type(dtype),
            dnnl::memory::dims(strides.begin(), strides.end())};
  }

  void append_to(Key& key) const {
    key.append(sizes);
    key.append(strides);
  }
};

std::optional<Layout> find_layout(const Tensor& tensor) {
  Layout layout{at::DimVector(tensor.sizes()), runtime::canonical_strides(tensor)};
  const auto dimensions = tensor.dim();
  auto& row = layout.strides[dimensions - 2];
  auto& column = layout.strides[dimensions - 1];
  const auto rows = layout.sizes[dimensions - 2];
  const auto columns = layout.sizes[dimensions - 1];
  if (rows == 1 && (column == 1 || columns == 1)) row = columns;
  if (column == 1 || columns == 1) {
    column = 1;
    if (row < columns) return std::nullopt;
  } else {
    if (rows == 1) row = 1;
    if (row != 1 || column < rows) return std::nullopt;
  }
  for (std::int64_t batch = 0; batch < dimensions - 2; ++batch) {
    if (layout.strides[batch] != 0) continue;
    layout.sizes[batch] = 1;  // the library repeats it
    layout.strides[batch] = rows * columns;
  }
  return layout;
}

struct Operand {
  Tensor tensor;
  Layout layout;

  explicit Operand(Tensor given) : tensor(std::move(given)) {
    auto found = find_layout(tensor);
    if (!found) {
      tensor = tensor.contiguous();
      found = find_layout(tensor);
    }
    layout = *std::move(found);
  }

  Operand(const Tensor& given, c10::ScalarType dtype) : Operand(given.to(dtype)) {}

  dnnl::memory::desc describe() const { return layout.describe(tensor.scalar_type()); }
  void append_to(Key& key) const {
    key.append(static_cast<int>(tensor.scalar_type()));
    layout.append_to(key);
  }
};

// Without VNNI the CPU library adds pairs of products in 16 bits, with saturation.
bool has_exact_int8(c10::DeviceIndex device) {
  if (engine(device).get_kind() != dnnl::engine::kind::cpu) return true;
  return cpu_has(dnnl::cpu_isa::avx2_vnni) || cpu_has(dnnl::cpu_isa::avx512_core_vnni);
}

bool writable_in_place(const Tensor& destination) {
  const auto layout = find_layout(destination);
  return layout && layout->row_major() && layout->sizes == at::DimVector(destination.sizes());
}

dnnl::memory::desc describe_bias(const Tensor& bias, std::int64_t dimensions) {
  dnnl::memory::dims sizes(dimensions, 1);
  sizes.back() = bias.numel();
  return {sizes, data_type(bias.scalar_type()), dnnl::memory::dims(dimensions, 1)};
}

Operation make(const Operand& destination, const Operand& source, const Operand& weight, const Tensor& bias,
               const PostOps& post_ops, const std::vector<Operand>& operands) {
  const auto device = destination.tensor.device().index();
  std::vector<Argument> arguments;
  const auto add = [&](int id, Access access, const dnnl::memory::desc& description) {
    arguments.push_back(as_given(id, access, description));
  };
  add(DNNL_ARG_SRC, Access::read, source.describe());
  add(DNNL_ARG_WEIGHTS, Access::read, weight.describe());
  add(DNNL_ARG_DST, Access::write, destination.describe());
  std::vector<dnnl::memory::desc> descriptions;
  for (std::size_t index = 0; index < operands.size(); ++index) {
    descriptions.push_back(operands[index].describe());
    add(post_ops.operand_argument(index), Access::read, descriptions.back());
  }
  dnnl::memory::desc bias_description;
  if (bias.defined()) {
    bias_description = describe_bias(bias, destination.tensor.dim());
    add(DNNL_ARG_BIAS, Access::read, bias_description);
  }
  auto attributes = common_attributes();
  attributes.set_post_ops(post_ops.build(descriptions));
  const dnnl::matmul::primitive_desc description(engine(device), source.describe(), weight.describe(),
                                                 bias_description, destination.describe(), attributes);
  return {device, dnnl::matmul(description), description, std::move(arguments)};
}

// Enqueues the product. With `fast_only`, does nothing and returns false where the library is slow.
bool run(const Operand& destination, const Operand& source, const Operand& weight, const Tensor& bias,
         const PostOps& post_ops, bool fast_only) {
  std::vector<Operand> operands;
  for (const auto& operand : post_ops.operands()) operands.emplace_back(operand);
  Key key('m');
  key.append(destination.tensor.device().index());
  append_common_attributes(key);
  destination.append_to(key);
  source.append_to(key);
  weight.append_to(key);
  key.append(bias.defined() ? static_cast<int>(bias.scalar_type()) : -1);
  post_ops.append_to(key);
  for (const auto& operand : operands) operand.append_to(key);

  const auto operation =
      cached(key, [&] { return make(destination, source, weight, bias, post_ops, operands); });
  if (fast_only && operation->is_reference()) return false;
  c10::SmallVector<void*, 8> data{source.tensor.data_ptr(), weight.tensor.data_ptr(),
                                  destination.tensor.data_ptr()};
  for (const auto& operand : operands) data.push_back(operand.tensor.data_ptr());
  if (bias.defined()) data.push_back(bias.data_ptr());
  operation->run({data.data(), data.size()});
  return true;
}

// Runs with a destination the library can write, of dtype `dtype`, and copies it where it belongs.
template <class Function>
void with_writable(const Tensor& destination, c10::ScalarType dtype, bool read, Function function) {
  if (destination.scalar_type() == dtype && writable_in_place(destination)) return function(destination);
  const auto options = destination.options().dtype(dtype);
  const auto substitute = at::empty(destination.sizes(), options);
  if (read) substitute.copy_(destination);
  function(substitute);
  destination.copy_(substitute);
}

// The library repeats the batch of one operand, not of both.
bool repeats_batch(const Tensor& tensor) {
  for (std::int64_t batch = 0; batch < tensor.dim() - 2; ++batch) {
    if (tensor.stride(batch) == 0 && tensor.size(batch) > 1) return true;
  }
  return false;
}

void multiply(const Tensor& destination, const Tensor& source, const Tensor& weight, const Tensor& bias,
              PostOps& post_ops) {
  const auto layout = find_layout(destination);
  if (layout && !layout->row_major() && !bias.defined() && post_ops.operands().empty()) {
    return multiply(destination.transpose(-2, -1), weight.transpose(-2, -1), source.transpose(-2, -1), bias,
                    post_ops);
  }
  const auto dtype = source.scalar_type();
  const auto support = dtype_support(destination.device().index(), dtype);
  const bool weights_as_they_are = support == DtypeSupport::weights_only || support == DtypeSupport::imitated;
  const bool convert = support == DtypeSupport::converted || weights_as_they_are;
  const auto activations = convert ? c10::kFloat : dtype;
  const auto results = convert ? c10::kFloat : destination.scalar_type();
  for (auto& operand : post_ops.operands()) operand = operand.to(results).contiguous();
  const auto vector = bias.defined() ? bias.to(results).contiguous() : bias;
  with_writable(destination, results, post_ops.reads_destination(), [&](const Tensor& writable) {
    const Operand target(writable), left(source, activations);
    // Weights in half precision are widened in registers, where the shape allows: a small batch then reads
    // half.
    if (weights_as_they_are && run(target, left, Operand(weight), vector, post_ops, true)) return;
    run(target, left, Operand(weight, activations), vector, post_ops, false);
  });
}

}  // namespace

const char* matmul_refusal(const c10::Device& device, c10::ScalarType dtype, c10::ScalarType result) {
  if (!runtime::libraries_allowed()) return "IPEX_XPU_LIBRARIES is none";
  if (dtype_support(device.index(), c10::kFloat) == DtypeSupport::none) {
    return "oneDNN does not serve this device";
  }
  if (dtype == c10::kChar) {
    if (result != c10::kInt) return "oneDNN's int8 results saturate, PyTorch's wrap";
    return has_exact_int8(device.index())
               ? nullptr
               : "oneDNN's sums of int8 products overflow on processors without VNNI";
  }
  return dtype_support(device.index(), dtype) == DtypeSupport::none
             ? "oneDNN has no matmul of this dtype on this device"
             : nullptr;
}

void matmul(const char* name, const Tensor& destination, const Tensor& source, const Tensor& weight,
            const Tensor& bias, PostOps post_ops) {
  for (std::int64_t batch = 0; batch < destination.dim() - 2; ++batch) {
    if (destination.size(batch) != 1) continue;
    // Of four dimensions of which the first has size 1 oneDNN 3.13 reads the wrong matrices of the batch.
    for (auto& operand : post_ops.operands()) operand = operand.squeeze(batch);
    return matmul(name, destination.squeeze(batch), source.squeeze(batch), weight.squeeze(batch), bias,
                  std::move(post_ops));
  }
  try {
    const bool both = repeats_batch(source) && repeats_batch(weight);
    multiply(destination, both ? source.contiguous() : source, weight, bias, post_ops);
  } catch (const dnnl::error& error) {
    TORCH_CHECK(false, name, ": oneDNN can not multiply ", source.toString(), source.sizes(), " by ",
                weight.toString(), weight.sizes(), " on ", destination.device(), ": ", error.what());
  }
}

}  // namespace ipex::onednn
