// Samples of distributions whose parameters are tensors.
#include <ATen/core/Tensor.h>
#include <ATen/ExpandUtils.h>
#include <ATen/ops/_sample_dirichlet_native.h>
#include <ATen/ops/_standard_gamma.h>
#include <ATen/ops/_standard_gamma_native.h>
#include <ATen/ops/binomial_native.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/poisson_native.h>
#include <ATen/TensorOperators.h>

#include "aten/fault.h"
#include "aten/kernel_table.h"
#include "aten/random/random.h"
#include "kernels/sampling_params.hpp"

namespace ipex::aten {
namespace {

using at::Tensor;
using Generator = std::optional<at::Generator>;

Tensor sample(const char* name, TypedKernel& kernel, const Tensor& first, const Tensor& second,
              const Generator& generator) {
  TORCH_CHECK_NOT_IMPLEMENTED(at::isFloatingType(first.scalar_type()), '"', name, "\" not implemented for '",
                              first.scalar_type(), "'");
  auto output = at::empty_like(first, at::MemoryFormat::Contiguous);
  auto& found = kernel.get(name, first.scalar_type(), first.get_device());
  if (output.numel() == 0) return output;
  const auto parameter = first.contiguous(), other = second.defined() ? second.contiguous() : second;
  const kernels::SamplingParams params{parameter.const_data_ptr(),
                                       other.defined() ? other.const_data_ptr() : nullptr,
                                       output.mutable_data_ptr(),
                                       output.numel(),
                                       reserve_random(generator, first.device(), kernels::sampling_draws),
                                       fault_for(name, Problem::rate)};
  launch(found, range_for(output.numel()), params);
  return output;
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor _standard_gamma_xpu(const Tensor& self, std::optional<Generator> generator) {
  static TypedKernel kernel{"sampling", "sample_each", "op::standard_gamma"};
  return sample("_standard_gamma", kernel, self, {}, generator);
}

Tensor poisson_xpu(const Tensor& self, std::optional<Generator> generator) {
  static TypedKernel kernel{"sampling", "sample_each", "op::poisson"};
  return sample("poisson", kernel, self, {}, generator);
}

Tensor binomial_xpu(const Tensor& count, const Tensor& prob, std::optional<Generator> generator) {
  TORCH_CHECK(count.scalar_type() == prob.scalar_type(),
              "binomial: expected count and prob of one dtype, but got ", count.scalar_type(), " and ",
              prob.scalar_type());
  static TypedKernel kernel{"sampling", "sample_each", "op::binomial"};
  const auto [counts, probabilities] = expand_outplace(count, prob);
  return sample("binomial", kernel, *counts, *probabilities, generator);
}

Tensor _sample_dirichlet_xpu(const Tensor& self, std::optional<Generator> generator) {
  const auto gamma = at::_standard_gamma(self, std::move(generator));
  return gamma.div(gamma.sum(-1, true));
}

}  // namespace at::native
