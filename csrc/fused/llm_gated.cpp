// Gated activations of large language models, torch_ipex::.
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/TensorIterator.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/library.h>

#include "aten/pointwise/elementwise.h"
#include "fused/llm_checks.h"

namespace ipex::aten {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

enum Activation { silu, gelu, gelu_tanh };

ElementwiseRow row(const char* name, bool pairs) {
  return {name, name, {at::kFloat, at::kHalf, at::kBFloat16}, Output::same, false, "llm/gated", false, pairs};
}
// By Activation.
ElementwiseRow forward_rows[] = {row("silu_mul", true), row("gelu_mul", true), row("gelu_tanh_mul", true)};
ElementwiseRow backward_rows[] = {row("silu_mul_backward", false), row("gelu_mul_backward", false),
                                  row("gelu_tanh_mul_backward", false)};
ElementwiseRow quick_row = row("gelu_quick", true);

template <class... Inputs>
void compute(ElementwiseRow& row, const Tensor& out, const Inputs&... inputs) {
  at::TensorIteratorConfig config;
  config.add_output(out);
  (config.add_const_input(inputs), ...);
  auto iterator = config.build();
  elementwise(iterator, row, {});
}

Activation gelu_of(const char* name, std::string_view approximate) {
  TORCH_CHECK(approximate == "none" || approximate == "tanh", name,
              ": expected approximate to be none or tanh, but got ", approximate);
  return approximate == "tanh" ? gelu_tanh : gelu;
}

// What is activated, and what is multiplied: two tensors, or the halves of the last dimension of one.
struct Operands {
  Tensor x, y;

  Operands(const char* name, const Tensor& first, const Tensor& second) : x(first), y(second) {
    check_dtype_of_model(name, first);
    if (second.defined()) {
      check_like(name, "the second operand", second, first);
      check_shape(name, "the second operand", second, first.sizes());
      return;
    }
    TORCH_CHECK(first.dim() > 0 && first.size(-1) % 2 == 0, name,
                ": expected an even last size, but got shape ", first.sizes());
    const auto size = first.size(-1) / 2;
    x = first.narrow(-1, 0, size);
    y = first.narrow(-1, size, size);
  }
};

Tensor gate(const char* name, const Tensor& first, const Tensor& second, Activation activation) {
  const Operands operands(name, first, second);
  auto out = at::empty(operands.x.sizes(), first.options());
  compute(forward_rows[activation], out, operands.x, operands.y);
  return out;
}

Tensor& gate_out(const char* name, const Tensor& first, const Tensor& second, Activation activation,
                 Tensor& out) {
  const Operands operands(name, first, second);
  check_like(name, "out", out, first);
  check_shape(name, "out", out, operands.x.sizes());
  compute(forward_rows[activation], out, operands.x, operands.y);
  return out;
}

// Of operators that have derivatives themselves.
variable_list differentiable_gradients(const Operands& operands, const Tensor& gradient,
                                       Activation activation) {
  const auto& [x, y] = operands;
  if (activation == silu) {
    const auto slope = at::sigmoid(x);
    return {gradient * y * slope * (1 + x * (1 - slope)), gradient * at::silu(x)};
  }
  const auto* approximate = activation == gelu ? "none" : "tanh";
  return {at::gelu_backward(gradient * y, x, approximate), gradient * at::gelu(x, approximate)};
}

class Gate : public torch::autograd::Function<Gate> {
 public:
  // Without a second tensor the first one is of halves.
  static Tensor forward(AutogradContext* context, const char* name, const Tensor& first,
                        const std::optional<Tensor>& given_second, std::int64_t activation) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const auto second = defined_or_empty(given_second);
    context->save_for_backward({first, second});
    context->saved_data["activation"] = activation;
    return gate(name, first, second, static_cast<Activation>(activation));
  }

  static variable_list backward(AutogradContext* context, const variable_list& given) {
    const auto saved = context->get_saved_variables();
    const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
    const Operands operands("gated activation", saved[0], saved[1]);
    const bool halves = !saved[1].defined();
    const auto& gradient = given[0];
    if (c10::GradMode::is_enabled()) {
      const auto gradients = differentiable_gradients(operands, gradient, activation);
      if (halves) return {Tensor(), at::cat(gradients, -1), Tensor(), Tensor()};
      return {Tensor(), gradients[0], gradients[1], Tensor()};
    }
    auto first = at::empty(saved[0].sizes(), saved[0].options());
    auto second = halves ? Tensor() : at::empty(saved[1].sizes(), saved[1].options());
    const Operands parts("gated activation", first, second);
    compute(backward_rows[activation], parts.x, gradient, operands.x, operands.y);
    compute(forward_rows[activation], parts.y, operands.x, gradient);
    return {Tensor(), first, second, Tensor()};
  }
};

using Run = Tensor (*)(const char*, const Tensor&, const Tensor&, Activation);
using RunOut = Tensor& (*)(const char*, const Tensor&, const Tensor&, Activation, Tensor&);

Tensor gate_recorded(const char* name, const Tensor& first, const Tensor& second, Activation activation) {
  const auto given_second = second.defined() ? std::optional<Tensor>(second) : std::nullopt;
  return Gate::apply(name, first, given_second, static_cast<std::int64_t>(activation));
}

Tensor& gate_out_recorded(const char* name, const Tensor& first, const Tensor& second, Activation activation,
                          Tensor& out) {
  TORCH_CHECK(!torch::autograd::compute_requires_grad(first, second, out), name,
              ": out has no gradient; leave it away where one is wanted");
  const at::AutoDispatchBelowADInplaceOrView below;
  gate_out(name, first, second, activation, out);
  mark_written(out);
  return out;
}

template <Run run>
void implement(torch::Library& library) {
  library.impl("silu_mul", [](const Tensor& x, const Tensor& y) { return run("silu_mul", x, y, silu); });
  library.impl("silu_and_mul", [](const Tensor& x) { return run("silu_and_mul", x, Tensor(), silu); });
  library.impl("gelu_mul", [](const Tensor& x, const Tensor& y, c10::string_view approximate) {
    return run("gelu_mul", x, y, gelu_of("gelu_mul", approximate));
  });
  library.impl("gelu_and_mul", [](const Tensor& x, c10::string_view approximate) {
    return run("gelu_and_mul", x, Tensor(), gelu_of("gelu_and_mul", approximate));
  });
}

template <RunOut run>
void implement_out(torch::Library& library) {
  library.impl("silu_mul.out", [](const Tensor& x, const Tensor& y, Tensor& out) -> Tensor& {
    return run("silu_mul", x, y, silu, out);
  });
  library.impl("silu_and_mul.out", [](const Tensor& x, Tensor& out) -> Tensor& {
    return run("silu_and_mul", x, Tensor(), silu, out);
  });
  library.impl("gelu_mul.out",
               [](const Tensor& x, const Tensor& y, Tensor& out, c10::string_view approximate) -> Tensor& {
                 return run("gelu_mul", x, y, gelu_of("gelu_mul", approximate), out);
               });
  library.impl("gelu_and_mul.out", [](const Tensor& x, Tensor& out, c10::string_view approximate) -> Tensor& {
    return run("gelu_and_mul", x, Tensor(), gelu_of("gelu_and_mul", approximate), out);
  });
}

Tensor& gelu_quick_out(const Tensor& x, Tensor& out) {
  check_dtype_of_model("gelu_quick", x);
  check_like("gelu_quick", "out", out, x);
  check_shape("gelu_quick", "out", out, x.sizes());
  compute(quick_row, out, x);
  return out;
}

Tensor gelu_quick(const Tensor& x) {
  auto out = at::empty(x.sizes(), x.options());
  return gelu_quick_out(x, out);
}

Tensor gelu_quick_recorded(const Tensor& x) {
  if (torch::autograd::compute_requires_grad(x)) return x * at::sigmoid(x * 1.702);
  const at::AutoDispatchBelowADInplaceOrView below;
  return gelu_quick(x);
}

}  // namespace
}  // namespace ipex::aten

TORCH_LIBRARY_FRAGMENT(torch_ipex, m) {
  m.def("silu_mul(Tensor x, Tensor y) -> Tensor");
  m.def("silu_mul.out(Tensor x, Tensor y, Tensor(a!) out) -> Tensor(a!)");
  m.def("silu_and_mul(Tensor x) -> Tensor");
  m.def("silu_and_mul.out(Tensor x, Tensor(a!) out) -> Tensor(a!)");
  m.def("gelu_mul(Tensor x, Tensor y, *, str approximate=\"none\") -> Tensor");
  m.def("gelu_mul.out(Tensor x, Tensor y, Tensor(a!) out, str approximate=\"none\") -> Tensor(a!)");
  m.def("gelu_and_mul(Tensor x, *, str approximate=\"none\") -> Tensor");
  m.def("gelu_and_mul.out(Tensor x, Tensor(a!) out, str approximate=\"none\") -> Tensor(a!)");
  m.def("gelu_quick(Tensor x) -> Tensor");
  m.def("gelu_quick.out(Tensor x, Tensor(a!) out) -> Tensor(a!)");
}

TORCH_LIBRARY_IMPL(torch_ipex, XPU, m) {
  ipex::aten::implement<ipex::aten::gate>(m);
  ipex::aten::implement_out<ipex::aten::gate_out>(m);
  m.impl("gelu_quick", ipex::aten::gelu_quick);
  m.impl("gelu_quick.out", ipex::aten::gelu_quick_out);
}

TORCH_LIBRARY_IMPL(torch_ipex, AutogradXPU, m) {
  ipex::aten::implement<ipex::aten::gate_recorded>(m);
  ipex::aten::implement_out<ipex::aten::gate_out_recorded>(m);
  m.impl("gelu_quick", ipex::aten::gelu_quick_recorded);
}
