// Rotary position embedding, torch_ipex::.
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/library.h>

#include <tuple>

#include "aten/fault.h"
#include "aten/reduce/reduce.h"
#include "fused/llm_checks.h"
#include "kernels/llm/rotary_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;
using kernels::RotaryParams;
using OptionalTensor = std::optional<Tensor>;

constexpr char operator_name[] = "rotary_embedding";

// The angles of pairs of elements: a row of cosines and sines for each place, or for each position.
struct Angles {
  Tensor cos,
      sin;  // [batch, position, head, rotary_dim or half of it], any of the first three 1; or [rows, …]
  Tensor positions, offsets;  // [batch, position], integers; or undefined
  std::int64_t rotary_dim;
  bool halves;
  bool inverse;
};

// [batch, position, head, element]
Tensor four_dimensions(const Tensor& tensor) {
  TORCH_CHECK(tensor.dim() == 3 || tensor.dim() == 4, operator_name,
              ": expected query and key of shape [batch, position, head, element] or [token, head, element], "
              "but got ",
              tensor.sizes());
  return tensor.dim() == 3 ? tensor.unsqueeze(0) : tensor;
}

// What vectors [batch, position, head, element] are written into, where their elements do not follow each
// other: a tensor of which they become a copy.
struct Output {
  Tensor wanted, written;

  explicit Output(const Tensor& tensor) : wanted(tensor), written(tensor) {
    if (tensor.size(3) > 1 && tensor.stride(3) != 1) written = at::empty(tensor.sizes(), tensor.options());
  }
  void finish() const {
    if (!written.is_same(wanted)) wanted.copy_(written);
  }
};

Tensor with_dense_rows(const Tensor& tensor) {
  return tensor.size(-1) > 1 && tensor.stride(-1) != 1 ? tensor.contiguous() : tensor;
}

kernels::RotaryVectors vectors_of(const Tensor& input, const Tensor& output) {
  kernels::RotaryVectors vectors{};
  vectors.input = input.const_data_ptr();
  vectors.output = output.mutable_data_ptr();
  for (int d = 0; d < 3; ++d) {
    vectors.sizes[d] = input.size(d);
    vectors.input_strides[d] = input.stride(d);
    vectors.output_strides[d] = output.stride(d);
  }
  vectors.head_size = input.size(3);
  return vectors;
}

void check_vectors(const char* what, const Tensor& vectors, const Tensor& like, const Angles& angles) {
  check_like(operator_name, what, vectors, like);
  TORCH_CHECK(vectors.size(0) == like.size(0) && vectors.size(1) == like.size(1), operator_name,
              ": expected query and key at the same positions, but got shapes ", like.sizes(), " and ",
              vectors.sizes());
  TORCH_CHECK(angles.rotary_dim > 0 && angles.rotary_dim % 2 == 0 && angles.rotary_dim <= vectors.size(3),
              operator_name, ": expected an even rotary_dim of at most ", vectors.size(3), ", but got ",
              angles.rotary_dim);
}

void set_table(RotaryParams& params, const Angles& angles, const Tensor& query, bool other_heads) {
  const auto& cos = angles.cos;
  const auto width = cos.size(-1), pairs = angles.rotary_dim / 2;
  TORCH_CHECK(cos.sizes() == angles.sin.sizes() && (width == pairs || width == 2 * pairs), operator_name,
              ": expected cos and sin of one shape whose last size is ", 2 * pairs, " or ", pairs,
              ", but got shapes ", cos.sizes(), " and ", angles.sin.sizes());
  for (int d = 0; d < 3 && !angles.positions.defined(); ++d) {
    const bool one = cos.size(d) == 1 || cos.stride(d) == 0;
    TORCH_CHECK(cos.size(d) == 1 || (cos.size(d) == query.size(d) && (one || d < 2 || !other_heads)),
                operator_name, ": expected cos and sin for vectors of shape ", query.sizes(),
                ", but got shape ", cos.sizes());
    params.table_strides[d] = one ? 0 : cos.stride(d);
  }
  params.cos = cos.const_data_ptr();
  params.sin = angles.sin.const_data_ptr();
  params.pairs = pairs;
  params.table_step = width == pairs || angles.halves ? 1 : 2;
  params.table_second = width == pairs ? 0 : angles.halves ? pairs : 1;
  params.halves = angles.halves;
  params.inverse = angles.inverse;
}

void set_positions(RotaryParams& params, const Angles& angles) {
  if (!angles.positions.defined()) return;
  params.table_row = angles.cos.stride(0);
  params.table_rows = angles.cos.size(0);
  params.positions = angles.positions.const_data_ptr();
  params.wide_integers = angles.positions.scalar_type() == at::kLong;
  for (int d = 0; d < 2; ++d) params.position_strides[d] = angles.positions.stride(d);
  if (angles.offsets.defined()) {
    params.offsets = angles.offsets.const_data_ptr();
    for (int d = 0; d < 2; ++d) params.offset_strides[d] = angles.offsets.stride(d);
  }
  params.fault = fault_for(operator_name);
}

// Vectors of [batch, position, head, element]; the key may be undefined.
void turn(const Tensor& query, const Tensor& key, const Tensor& query_out, const Tensor& key_out,
          const Angles& given) {
  check_dtype_of_model(operator_name, query);
  check_vectors("query", query, query, given);
  if (key.defined()) check_vectors("key", key, query, given);
  check_device(operator_name, "cos and sin", given.cos, query);
  check_like(operator_name, "sin", given.sin, given.cos);
  TORCH_CHECK(given.cos.scalar_type() == query.scalar_type() || given.cos.scalar_type() == at::kFloat,
              operator_name, ": expected cos and sin of dtype ", query.scalar_type(), " or Float, but got ",
              given.cos.scalar_type());
  auto angles = given;
  angles.cos = with_dense_rows(given.cos);
  angles.sin = with_dense_rows(given.sin);
  if (angles.cos.strides() != angles.sin.strides()) {
    angles.cos = angles.cos.contiguous();
    angles.sin = angles.sin.contiguous();
  }
  RotaryParams params{};
  set_table(params, angles, query, key.defined() && key.size(2) != query.size(2));
  set_positions(params, angles);
  if (query.numel() == 0 && !(key.defined() && key.numel() > 0)) return;
  const auto query_in = with_dense_rows(query);
  const Output query_result(query_out);
  params.vectors[0] = vectors_of(query_in, query_result.written);
  params.count = 1;
  std::int64_t jobs = query.size(0) * query.size(1) * query.size(2);
  const auto key_in = key.defined() ? with_dense_rows(key) : key;
  std::optional<Output> key_result;
  if (key.defined()) {
    key_result.emplace(key_out);
    params.vectors[1] = vectors_of(key_in, key_result->written);
    params.count = 2;
    jobs += key.size(0) * key.size(1) * key.size(2);
  }
  const auto [kernel, range] = row_kernel("rotary", jobs);
  launch("llm/rotary",
         instantiation(kernel, type_name(query.scalar_type()), type_name(angles.cos.scalar_type())), range,
         params);
  query_result.finish();
  if (key_result) key_result->finish();
}

// Tables of [tokens, …], [batch, position, …] or [batch, position, head, …] as four dimensions.
Tensor table_for(const Tensor& table, const Tensor& query) {
  if (table.dim() == 4) return table;
  if (table.dim() == 3 && query.size(0) == 1 && table.size(0) == query.size(1) && table.size(0) != 1) {
    return table.unsqueeze(0);  // [token, head, element]
  }
  if (table.dim() == 3) return table.unsqueeze(2);
  TORCH_CHECK(table.dim() == 2, operator_name, ": expected cos and sin of 2 to 4 dimensions, but got shape ",
              table.sizes());
  const auto tokens = query.size(0) * query.size(1);
  TORCH_CHECK(table.size(0) == tokens || table.size(0) == query.size(1), operator_name,
              ": expected cos and sin for ", tokens, " tokens, but got shape ", table.sizes(),
              "; a table of all positions needs position_ids");
  if (table.size(0) == query.size(1)) return table.unsqueeze(0).unsqueeze(2);
  return table.reshape({query.size(0), query.size(1), 1, table.size(1)});
}

// Integers for [batch, position].
Tensor integers_for(const char* what, const Tensor& integers, const Tensor& query) {
  const auto dtype = integers.scalar_type();
  check_device(operator_name, what, integers, query);
  TORCH_CHECK(dtype == at::kLong || dtype == at::kInt, operator_name, ": expected ", what,
              " of dtype int64 or int32, but got ", dtype);
  const auto batch = query.size(0), positions = query.size(1);
  TORCH_CHECK(integers.numel() == batch * positions || integers.numel() == positions, operator_name,
              ": expected ", what, " for [", batch, ", ", positions, "], but got shape ", integers.sizes());
  if (integers.numel() == batch * positions) return integers.reshape({batch, positions});
  return integers.reshape({1, positions}).expand({batch, positions});
}

Angles angles_of(const Tensor& query, const Tensor& sin, const Tensor& cos, std::int64_t rotary_dim,
                 bool halves, bool inverse, const OptionalTensor& positions) {
  if (!positions || !positions->defined()) {
    return {table_for(cos, query), table_for(sin, query), {}, {}, rotary_dim, halves, inverse};
  }
  const auto rows = [](const Tensor& table) { return table.reshape({-1, table.size(-1)}); };
  return {rows(cos), rows(sin), integers_for("position_ids", *positions, query), {}, rotary_dim,
          halves,    inverse};
}

std::tuple<Tensor, Tensor> rotate_pairs(const Tensor& query, const Tensor& key, const Tensor& sin,
                                        const Tensor& cos, std::int64_t rotary_dim, bool halves,
                                        const OptionalTensor& positions, bool inverse) {
  const auto q = four_dimensions(query), k = four_dimensions(key);
  auto query_out = at::empty(query.sizes(), query.options()), key_out = at::empty(key.sizes(), key.options());
  turn(q, k, four_dimensions(query_out), four_dimensions(key_out),
       angles_of(q, sin, cos, rotary_dim, halves, inverse, positions));
  return {query_out, key_out};
}

void rotate_pairs_(const Tensor& query, const Tensor& key, const Tensor& sin, const Tensor& cos,
                   std::int64_t rotary_dim, bool halves, const OptionalTensor& positions) {
  const auto q = four_dimensions(query), k = four_dimensions(key);
  turn(q, k, q, k, angles_of(q, sin, cos, rotary_dim, halves, false, positions));
}

template <bool halves>
void apply_rotary_embedding(const Tensor& query, const Tensor& key, const Tensor& sin, const Tensor& cos,
                            const Tensor& query_out, const Tensor& key_out) {
  const auto q = four_dimensions(query), k = four_dimensions(key);
  check_like(operator_name, "query_out", query_out, query);
  check_like(operator_name, "key_out", key_out, key);
  check_shape(operator_name, "query_out", query_out, query.sizes());
  check_shape(operator_name, "key_out", key_out, key.sizes());
  turn(q, k, four_dimensions(query_out), four_dimensions(key_out),
       {table_for(cos, q), table_for(sin, q), {}, {}, sin.size(-1), halves, false});
}

// Vectors of [tokens, heads * head_size], as [1, token, head, element]; `copied` where that is no view.
struct Tokens {
  Tensor given, vectors;

  Tokens(const Tensor& tensor, std::int64_t tokens, std::int64_t head_size) : given(tensor) {
    TORCH_CHECK(head_size > 0 && tensor.numel() % std::max<std::int64_t>(1, tokens * head_size) == 0,
                operator_name, ": expected query and key of ", tokens, " tokens and heads of ", head_size,
                " elements, but got shape ", tensor.sizes());
    const auto heads = tokens == 0 ? 0 : tensor.numel() / (tokens * head_size);
    vectors = tensor.reshape({1, tokens, heads, head_size});
  }
  void finish() const {
    if (vectors.const_data_ptr() != given.const_data_ptr()) given.copy_(vectors.view(given.sizes()));
  }
};

void rotary_embedding_batched(const Tensor& positions, const Tensor& query, const OptionalTensor& key,
                              std::int64_t head_size, const Tensor& cos_sin_cache, bool is_neox,
                              std::int64_t rot_dim, const OptionalTensor& offsets) {
  TORCH_CHECK(cos_sin_cache.dim() == 2 && cos_sin_cache.size(1) == rot_dim, operator_name,
              ": expected cos_sin_cache of shape [positions, ", rot_dim, "], but got ",
              cos_sin_cache.sizes());
  const auto tokens = positions.numel();
  const Tokens q(query, tokens, head_size);
  std::optional<Tokens> k;
  if (key && key->defined()) k.emplace(*key, tokens, head_size);
  const auto cache = with_dense_rows(cos_sin_cache);
  Angles angles{cache.narrow(1, 0, rot_dim / 2),
                cache.narrow(1, rot_dim / 2, rot_dim / 2),
                integers_for("positions", positions, q.vectors),
                {},
                rot_dim,
                is_neox,
                false};
  if (offsets && offsets->defined()) {
    angles.offsets = integers_for("offsets", *offsets, q.vectors).to(angles.positions.scalar_type());
  }
  const auto key_vectors = k ? k->vectors : Tensor();
  turn(q.vectors, key_vectors, q.vectors, key_vectors, angles);
  q.finish();
  if (k) k->finish();
}

void rotary_embedding(const Tensor& positions, const Tensor& query, const OptionalTensor& key,
                      std::int64_t head_size, const Tensor& cos_sin_cache, bool is_neox,
                      std::int64_t rot_dim) {
  rotary_embedding_batched(positions, query, key, head_size, cos_sin_cache, is_neox, rot_dim, std::nullopt);
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The derivative of a rotation is the rotation back.
class Rotation : public torch::autograd::Function<Rotation> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& query, const Tensor& key,
                               const Tensor& sin, const Tensor& cos, std::int64_t rotary_dim, bool halves,
                               const OptionalTensor& positions, bool inverse) {
    const at::AutoDispatchBelowADInplaceOrView below;
    context->save_for_backward({sin, cos, defined_or_empty(positions)});
    context->saved_data["rotary_dim"] = rotary_dim;
    context->saved_data["halves"] = halves;
    context->saved_data["inverse"] = inverse;
    const auto [query_out, key_out] =
        rotate_pairs(query, key, sin, cos, rotary_dim, halves, positions, inverse);
    return {query_out, key_out};
  }

  static variable_list backward(AutogradContext* context, const variable_list& given) {
    const auto saved = context->get_saved_variables();
    const auto positions = saved[2].defined() ? OptionalTensor(saved[2]) : std::nullopt;
    auto gradients = Rotation::apply(
        given[0], given[1], saved[0], saved[1], context->saved_data["rotary_dim"].toInt(),
        context->saved_data["halves"].toBool(), positions, !context->saved_data["inverse"].toBool());
    gradients.resize(8);
    return gradients;
  }
};

std::tuple<Tensor, Tensor> rotate_pairs_recorded(const Tensor& query, const Tensor& key, const Tensor& sin,
                                                 const Tensor& cos, std::int64_t rotary_dim, bool halves,
                                                 const OptionalTensor& positions, bool inverse) {
  const auto result = Rotation::apply(query, key, sin, cos, rotary_dim, halves, positions, inverse);
  return {result[0], result[1]};
}

// For operators that write into tensors: they have no derivative.
void before_writing(bool recorded, const Tensor& query, const OptionalTensor& key) {
  TORCH_CHECK(!recorded, operator_name,
              ": vectors that need a gradient are not written in place; use "
              "torch.ops.torch_ipex.rotate_pairs");
  mark_written(query);
  if (key && key->defined()) mark_written(*key);
}

template <auto run, std::size_t query, std::size_t key>
struct Recorded;
template <class... Arguments, void (*run)(Arguments...), std::size_t query, std::size_t key>
struct Recorded<run, query, key> {
  static void call(Arguments... arguments) {
    const auto all = std::tie(arguments...);
    before_writing(torch::autograd::compute_requires_grad(std::get<0>(all), std::get<1>(all),
                                                          std::get<query>(all), std::get<key>(all)),
                   std::get<query>(all), std::get<key>(all));
    const at::AutoDispatchBelowADInplaceOrView below;
    run(arguments...);
  }
};

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_FRAGMENT(torch_ipex, m) {
  m.def(
      "rotate_pairs(Tensor query, Tensor key, Tensor sin, Tensor cos, int rotary_dim, bool halves, Tensor? "
      "positions=None, bool inverse=False) -> (Tensor, Tensor)");
  m.def(
      "rotate_pairs_(Tensor(a!) query, Tensor(b!) key, Tensor sin, Tensor cos, int rotary_dim, bool halves, "
      "Tensor? positions=None) -> ()");
  for (const std::string kind : {"half_qk", "two_qk"}) {
    ipex::aten::define(m, "apply_rotary_embedding_" + kind +
                              "(Tensor query, Tensor key, Tensor sin, Tensor cos, Tensor(a!) query_out, "
                              "Tensor(b!) key_out) -> ()");
  }
  const std::string arguments =
      "Tensor positions, Tensor(a!) query, Tensor(b!)? key, int head_size, Tensor cos_sin_cache, bool "
      "is_neox, int rot_dim";
  ipex::aten::define(m, "rotary_embedding(" + arguments + ") -> ()");
  ipex::aten::define(m, "rotary_embedding_batched(" + arguments + ", Tensor? offsets=None) -> ()");
}

TORCH_LIBRARY_IMPL(torch_ipex, XPU, m) {
  m.impl("rotate_pairs", ipex::aten::rotate_pairs);
  m.impl("rotate_pairs_", ipex::aten::rotate_pairs_);
  m.impl("apply_rotary_embedding_half_qk", ipex::aten::apply_rotary_embedding<true>);
  m.impl("apply_rotary_embedding_two_qk", ipex::aten::apply_rotary_embedding<false>);
  m.impl("rotary_embedding", ipex::aten::rotary_embedding);
  m.impl("rotary_embedding_batched", ipex::aten::rotary_embedding_batched);
}

TORCH_LIBRARY_IMPL(torch_ipex, AutogradXPU, m) {
  using namespace ipex::aten;
  m.impl("rotate_pairs", rotate_pairs_recorded);
  m.impl("rotate_pairs_", Recorded<rotate_pairs_, 0, 1>::call);
  m.impl("apply_rotary_embedding_half_qk", Recorded<apply_rotary_embedding<true>, 4, 5>::call);
  m.impl("apply_rotary_embedding_two_qk", Recorded<apply_rotary_embedding<false>, 4, 5>::call);
  m.impl("rotary_embedding", Recorded<rotary_embedding, 1, 2>::call);
  m.impl("rotary_embedding_batched", Recorded<rotary_embedding_batched, 1, 2>::call);
}
