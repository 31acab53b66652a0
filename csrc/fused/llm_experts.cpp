// Routing of tokens to experts, and products with matrices that are chosen row by row, torch_ipex::.
#include <ATen/ceil_div.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <tuple>

#include "aten/reduce/reduce.h"
#include "fused/llm_checks.h"
#include "kernels/llm/experts_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;

constexpr std::int64_t columns_of_job = 16, rows_of_job = 8;  // chosen_columns, chosen_rows

std::tuple<Tensor, Tensor> count_of(const Tensor& numbers, std::int64_t experts) {
  auto counts = at::empty({experts}, numbers.options()),
       places = at::empty(numbers.sizes(), numbers.options());
  kernels::RoutingParams params{};
  params.numbers = numbers.mutable_data_ptr<std::int32_t>();
  params.counts = counts.mutable_data_ptr<std::int32_t>();
  params.places = places.mutable_data_ptr<std::int32_t>();
  params.tokens = numbers.numel();
  params.chosen = 1;
  params.experts = experts;
  const auto [kernel, range] = row_kernel("count_tokens", experts);
  launch("llm/experts", kernel, range, params);
  return {counts, places};
}

std::tuple<Tensor, Tensor> count_expert_tokens(const Tensor& numbers, std::int64_t n_experts) {
  TORCH_CHECK(numbers.scalar_type() == at::kInt, "count_expert_tokens: expected int32, but got ",
              numbers.scalar_type());
  TORCH_CHECK(n_experts > 0, "count_expert_tokens: expected at least one expert, but got ", n_experts);
  return count_of(numbers.contiguous(), n_experts);
}

std::tuple<Tensor, Tensor, Tensor, Tensor> topk_softmax(const Tensor& gating, std::int64_t n_topk,
                                                        bool renormalize) {
  check_dtype_of_model("topk_softmax", gating);
  TORCH_CHECK(gating.dim() == 2 && n_topk > 0 && n_topk <= gating.size(1),
              "topk_softmax: expected logits of shape [tokens, experts] and as many experts as ", n_topk,
              ", but got ", gating.sizes());
  const auto logits = gating.contiguous();
  const auto tokens = logits.size(0), experts = logits.size(1);
  auto weights = at::empty({tokens, n_topk}, logits.options().dtype(at::kFloat));
  auto numbers = at::empty({tokens, n_topk}, logits.options().dtype(at::kInt));
  kernels::RoutingParams params{};
  params.logits = logits.const_data_ptr();
  params.weights = weights.mutable_data_ptr<float>();
  params.numbers = numbers.mutable_data_ptr<std::int32_t>();
  params.tokens = tokens;
  params.experts = experts;
  params.chosen = n_topk;
  params.normalize = renormalize;
  const auto [kernel, range] = row_kernel("choose_experts", tokens);
  launch("llm/experts", instantiation(kernel, type_name(logits.scalar_type())), range, params);
  const auto [counts, places] = count_of(numbers, experts);
  return {weights, numbers, counts, places};
}

bool dense_rows(const Tensor& tensor) { return tensor.size(-1) <= 1 || tensor.stride(-1) == 1; }

void chosen_products(const Tensor& input, const Tensor& matrices, const Tensor& output, const Tensor& choices,
                     double scale, bool add) {
  constexpr auto* name = "chosen_products";
  const auto model = matrices.scalar_type();
  check_dtype_of_model(name, matrices);
  const auto fits = [&](const Tensor& tensor) {
    return tensor.scalar_type() == model || tensor.scalar_type() == at::kFloat;
  };
  TORCH_CHECK(fits(input) && fits(output) && (input.scalar_type() == model || output.scalar_type() == model),
              name, ": expected input and output of dtype ", model, ", or one of them of Float, but got ",
              input.scalar_type(), " and ", output.scalar_type());
  TORCH_CHECK(
      input.dim() == 2 && matrices.dim() == 3 && output.dim() == 2 && choices.dim() == 1 &&
          input.size(1) == matrices.size(2) && output.size(1) == matrices.size(1) &&
          input.size(0) == output.size(0) && input.size(0) == choices.size(0),
      name,
      ": expected input [rows, depth], matrices [choices, columns, depth], output [rows, columns] and "
      "choices [rows], but got ",
      input.sizes(), ", ", matrices.sizes(), ", ", output.sizes(), " and ", choices.sizes());
  for (const auto* tensor : {&matrices, &output, &choices}) check_device(name, "all tensors", *tensor, input);
  TORCH_CHECK(c10::isIntegralType(choices.scalar_type(), false), name,
              ": expected choices of integers, but got ", choices.scalar_type());
  TORCH_CHECK(dense_rows(output), name,
              ": expected output with rows of neighbouring elements, but got strides ", output.strides());
  const auto x = dense_rows(input) ? input : input.contiguous();
  const auto w = dense_rows(matrices) ? matrices : matrices.contiguous();
  const auto numbers = choices.to(at::kInt).contiguous();
  kernels::ChosenProductsParams params{};
  params.input = x.const_data_ptr();
  params.matrices = w.const_data_ptr();
  params.output = output.mutable_data_ptr();
  params.choices = numbers.const_data_ptr<std::int32_t>();
  params.choice_count = w.size(0);
  params.rows = x.size(0);
  params.columns = w.size(1);
  params.depth = w.size(2);
  params.input_stride = x.stride(0);
  params.output_stride = output.stride(0);
  params.matrix_stride = w.stride(0);
  params.column_stride = w.stride(1);
  params.column_blocks = at::ceil_div(params.columns, columns_of_job);
  params.scale = static_cast<float>(scale);
  params.add = add;
  const auto [kernel, range] =
      row_kernel("chosen_products", at::ceil_div(params.rows, rows_of_job) * params.column_blocks);
  launch("llm/experts",
         instantiation(kernel, type_name(x.scalar_type()), type_name(model), type_name(output.scalar_type())),
         range, params);
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_FRAGMENT(torch_ipex, m) {
  m.def("topk_softmax(Tensor gating, int n_topk, bool renormalize) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def("count_expert_tokens(Tensor numbers, int n_experts) -> (Tensor, Tensor)");
  m.def(
      "chosen_products(Tensor input, Tensor matrices, Tensor(a!) output, Tensor choices, float scale=1.0, "
      "bool "
      "add=False) -> ()");
}

TORCH_LIBRARY_IMPL(torch_ipex, XPU, m) {
  m.impl("topk_softmax", ipex::aten::topk_softmax);
  m.impl("count_expert_tokens", ipex::aten::count_expert_tokens);
  m.impl("chosen_products", ipex::aten::chosen_products);
}
