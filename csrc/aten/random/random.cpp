// The random fills. Checks and messages are stock's templates; here is what they call.
#include "aten/random/random.h"

#include <ATen/ExpandUtils.h>
#include <ATen/native/DistributionTemplates.h>
#include <ATen/native/TensorFactories.h>
#include <ATen/ops/add.h>
#include <ATen/ops/bernoulli_native.h>
#include <ATen/ops/cauchy_native.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/exponential_native.h>
#include <ATen/ops/geometric_native.h>
#include <ATen/ops/log_normal_native.h>
#include <ATen/ops/normal_native.h>
#include <ATen/ops/random_native.h>
#include <ATen/ops/randperm_native.h>
#include <ATen/ops/uniform_native.h>
#include <ATen/xpu/XPUGeneratorImpl.h>

#include <bit>
#include <cmath>

#include "aten/fault.h"
#include "aten/pointwise/elementwise.h"

namespace ipex::aten {

kernels::PhiloxState reserve_random(const std::optional<at::Generator>& generator, c10::Device device,
                                    std::int64_t draws) {
  auto* source = at::get_generator_or_default<at::XPUGeneratorImpl>(
      generator, at::xpu::detail::getDefaultXPUGenerator(device.index()));
  const std::lock_guard lock(source->mutex_);
  const auto [seed, offset] = source->philox_engine_inputs(4 * draws);
  return {seed, offset};
}

Range random_range(std::int64_t numel, int count) {
  const std::int64_t per_group = kernels::random_stride * count;
  return {(numel + per_group - 1) / per_group, kernels::random_stride};
}

std::uint64_t random_threshold(double p) {
  return static_cast<std::uint64_t>(std::llround(std::ldexp(p, 32)));
}

namespace {

using Generator = std::optional<at::Generator>;

// Calls fill(tensor) with self where its elements fill its memory, else with a contiguous tensor copied to
// it.
template <class Function>
void fill_dense(const at::Tensor& self, Function fill) {
  if (self.is_non_overlapping_and_dense()) return fill(self);
  const auto dense = at::empty_like(self, at::MemoryFormat::Contiguous);
  fill(dense);
  self.copy_(dense);
}

// Numbers of one block, as random_count<T> of the kernels.
int numbers_per_block(c10::ScalarType dtype) { return dtype == at::kDouble ? 2 : 4; }

template <class Argument>
void random_fill(const char* name, const char* distribution, const at::Tensor& self,
                 const Generator& generator, int count, std::initializer_list<Argument> arguments) {
  if (self.numel() == 0) return;
  const auto dtype = self.scalar_type();
  check_dtype(name, dtype);
  fill_dense(self, [&](const at::Tensor& output) {
    kernels::RandomParams params{
        output.mutable_data_ptr(), output.numel(), reserve_random(generator, self.device()), {}};
    static_assert(sizeof(Argument) * 2 <= sizeof params.arguments);
    std::copy(arguments.begin(), arguments.end(), reinterpret_cast<Argument*>(params.arguments));
    launch("random", instantiation("random_fill", distribution, type_name(dtype)),
           random_range(params.numel, count), params);
  });
}

// A distribution over real numbers.
void random_real(const char* name, const char* distribution, const at::Tensor& self,
                 const Generator& generator, std::initializer_list<double> arguments) {
  const auto dtype = self.scalar_type();
  const int count = numbers_per_block(dtype);
  if (dtype == at::kDouble) {
    random_fill<double>(name, distribution, self, generator, count, arguments);
  } else {
    float narrow[2] = {};
    std::copy(arguments.begin(), arguments.end(), narrow);
    random_fill<float>(name, distribution, self, generator, count, {narrow[0], narrow[1]});
  }
}

void check_floating(const char* name, const at::Tensor& self) {
  TORCH_CHECK_NOT_IMPLEMENTED(c10::isFloatingType(self.scalar_type()), '"', name, "\" not implemented for '",
                              self.scalar_type(), "'");
}

// Integers of [base, base + range), range 0 meaning 2^64. 32 bits per number leave a bias of range / 2^32.
void random_integers(const at::Tensor& self, std::uint64_t range, std::int64_t base,
                     const Generator& generator) {
  TORCH_CHECK_NOT_IMPLEMENTED(!self.is_complex(), "\"random_\" not implemented for '", self.scalar_type(),
                              "'");
  const bool wide = range == 0 || range >= (std::uint64_t{1} << 28);
  random_fill<std::uint64_t>("random_", wide ? "op::wide_integers" : "op::integers", self, generator,
                             wide ? 2 : 4, {static_cast<std::uint64_t>(base), range});
}

// How many integers random_() without bounds chooses from: all the non-negative ones that the dtype holds
// exactly.
std::uint64_t natural_range(c10::ScalarType dtype) {
  switch (dtype) {
    case at::kDouble:
      return (std::uint64_t{1} << 53) + 1;
    case at::kFloat:
      return (std::uint64_t{1} << 24) + 1;
    case at::kHalf:
      return (std::uint64_t{1} << 11) + 1;
    case at::kBFloat16:
      return (std::uint64_t{1} << 8) + 1;
    case at::kBool:
      return 2;
    case at::kUInt64:
      return 0;
    default: {
      const auto bits = 8 * c10::elementSize(dtype) - (c10::isSignedType(dtype) ? 1 : 0);
      return std::uint64_t{1} << bits;
    }
  }
}

// What stock's templates expect: class templates over the generator with a call operator.
template <class>
struct Uniform {
  void operator()(at::TensorIteratorBase& iterator, double from, double to, const Generator& generator) {
    random_real("uniform_", "op::uniform", iterator.tensor(0), generator, {from, to});
  }
};

template <class>
struct Normal {
  void operator()(const at::Tensor& self, double mean, double deviation, const Generator& generator) {
    check_floating("normal_", self);
    random_real("normal_", "op::normal", self, generator, {mean, deviation});
  }
};

template <class>
struct LogNormal {
  void operator()(at::TensorIteratorBase& iterator, double mean, double deviation,
                  const Generator& generator) {
    check_floating("log_normal_", iterator.tensor(0));
    random_real("log_normal_", "op::log_normal", iterator.tensor(0), generator, {mean, deviation});
  }
};

template <class>
struct Cauchy {
  void operator()(at::TensorIteratorBase& iterator, double median, double scale, const Generator& generator) {
    random_real("cauchy_", "op::cauchy", iterator.tensor(0), generator, {median, scale});
  }
};

template <class>
struct Exponential {
  void operator()(at::TensorIteratorBase& iterator, double rate, const Generator& generator) {
    check_floating("exponential_", iterator.tensor(0));
    random_real("exponential_", "op::exponential", iterator.tensor(0), generator, {rate});
  }
};

template <class>
struct Geometric {
  void operator()(at::TensorIteratorBase& iterator, double p, const Generator& generator) {
    const auto& self = iterator.tensor(0);
    TORCH_CHECK_NOT_IMPLEMENTED(!self.is_complex() && self.scalar_type() != at::kBool,
                                "\"geometric_\" not implemented for '", self.scalar_type(), "'");
    random_real("geometric_", "op::geometric", self, generator, {std::log1p(-p)});
  }
};

template <class>
struct Integers {
  void operator()(at::TensorIteratorBase& iterator, std::uint64_t range, std::int64_t base,
                  const Generator& generator) {
    random_integers(iterator.tensor(0), range, base, generator);
  }
  void operator()(at::TensorIteratorBase& iterator, const Generator& generator) {
    const auto& self = iterator.tensor(0);
    TORCH_CHECK_NOT_IMPLEMENTED(
        self.scalar_type() == at::kLong || self.scalar_type() == at::kDouble ||
            self.scalar_type() == at::kFloat || self.scalar_type() == at::kBFloat16,
        "random_ over 64 bits handles only int64, double, float and bfloat16, but got ", self.scalar_type());
    random_integers(self, 0, 0, generator);
  }
};

template <class>
struct NaturalIntegers {
  void operator()(at::TensorIteratorBase& iterator, const Generator& generator) {
    const auto& self = iterator.tensor(0);
    random_integers(self, natural_range(self.scalar_type()), 0, generator);
  }
};

template <class>
struct Bernoulli {
  void operator()(const at::Tensor& self, double p, const Generator& generator) {
    random_fill<std::uint64_t>("bernoulli_", "op::bernoulli", self, generator, 4, {random_threshold(p)});
  }

  void operator()(const at::Tensor& self, const at::Tensor& p, const Generator& generator) {
    TORCH_CHECK(c10::isFloatingType(p.scalar_type()),
                "bernoulli_ expects probabilities of a floating-point dtype, but got ", p.scalar_type());
    TORCH_CHECK(p.device() == self.device() || (p.is_cpu() && p.dim() == 0),
                "bernoulli_ expects probabilities on ", self.device(), ", but got ", p.device());
    check_dtype("bernoulli_", p.scalar_type());
    check_dtype("bernoulli_", self.scalar_type());
    const auto probability = p.to(self.device()).expand(self.sizes()).contiguous();
    const auto output = self.contiguous();
    kernels::BernoulliParams params{output.mutable_data_ptr(), probability.const_data_ptr(), output.numel(),
                                    reserve_random(generator, self.device()),
                                    fault_for("bernoulli_", Problem::probability)};
    launch("random",
           instantiation("random_bernoulli", type_name(p.scalar_type()), type_name(self.scalar_type())),
           random_range(params.numel, 4), params);
    if (!output.is_same(self)) self.copy_(output);
  }
};

// An instance of stock's templates stands for the generator type; ours need none.
struct AnyGenerator;
namespace templates = at::native::templates;

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;
using ipex::aten::launch;  // not at::launch
namespace stock = ipex::aten::templates;

Tensor& uniform__xpu(Tensor& self, double from, double to, std::optional<Generator> generator) {
  return stock::uniform_impl_<Uniform, AnyGenerator>(self, from, to, generator);
}

Tensor& normal__xpu(Tensor& self, double mean, double deviation, std::optional<Generator> generator) {
  return stock::normal_impl_<Normal, AnyGenerator>(self, mean, deviation, generator);
}

Tensor normal_Tensor_float_xpu(const Tensor& mean, double deviation, std::optional<Generator> generator) {
  return stock::normal_impl<Normal, AnyGenerator>(mean, deviation, generator);
}

Tensor& normal_Tensor_float_out_xpu(const Tensor& mean, double deviation, std::optional<Generator> generator,
                                    Tensor& out) {
  return stock::normal_out_impl<Normal, AnyGenerator>(out, mean, deviation, generator);
}

Tensor normal_float_Tensor_xpu(double mean, const Tensor& deviation, std::optional<Generator> generator) {
  return stock::normal_impl<Normal, AnyGenerator>(mean, deviation, generator);
}

Tensor& normal_float_Tensor_out_xpu(double mean, const Tensor& deviation, std::optional<Generator> generator,
                                    Tensor& out) {
  return stock::normal_out_impl<Normal, AnyGenerator>(out, mean, deviation, generator);
}

Tensor normal_Tensor_Tensor_xpu(const Tensor& mean, const Tensor& deviation,
                                std::optional<Generator> generator) {
  return stock::normal_impl<Normal, AnyGenerator>(mean, deviation, generator);
}

Tensor& normal_Tensor_Tensor_out_xpu(const Tensor& mean, const Tensor& deviation,
                                     std::optional<Generator> generator, Tensor& out) {
  return stock::normal_out_impl<Normal, AnyGenerator>(out, mean, deviation, generator);
}

Tensor& log_normal__xpu(Tensor& self, double mean, double deviation, std::optional<Generator> generator) {
  return stock::log_normal_impl_<LogNormal, AnyGenerator>(self, mean, deviation, generator);
}

Tensor& cauchy__xpu(Tensor& self, double median, double scale, std::optional<Generator> generator) {
  return stock::cauchy_impl_<Cauchy, AnyGenerator>(self, median, scale, generator);
}

Tensor& exponential__xpu(Tensor& self, double rate, std::optional<Generator> generator) {
  return stock::exponential_impl_<Exponential, AnyGenerator>(self, rate, generator);
}

Tensor& geometric__xpu(Tensor& self, double p, std::optional<Generator> generator) {
  return stock::geometric_impl_<Geometric, AnyGenerator>(self, p, generator);
}

Tensor& random__xpu(Tensor& self, std::optional<Generator> generator) {
  return stock::random_impl<NaturalIntegers, AnyGenerator>(self, generator);
}

Tensor& random__from_xpu(Tensor& self, int64_t from, std::optional<int64_t> to,
                         std::optional<Generator> generator) {
  return stock::random_from_to_impl<Integers, AnyGenerator>(self, from, to, generator);
}

Tensor& random__to_xpu(Tensor& self, int64_t to, std::optional<Generator> generator) {
  return random__from_xpu(self, 0, to, generator);
}

Tensor& bernoulli__float_xpu(Tensor& self, double p, std::optional<Generator> generator) {
  return stock::bernoulli_impl_<Bernoulli, AnyGenerator>(self, p, generator);
}

Tensor& bernoulli__Tensor_xpu(Tensor& self, const Tensor& p, std::optional<Generator> generator) {
  return stock::bernoulli_impl_<Bernoulli, AnyGenerator>(self, p, generator);
}

Tensor& bernoulli_out_xpu(const Tensor& self, std::optional<Generator> generator, Tensor& out) {
  return stock::bernoulli_out_impl<Bernoulli, AnyGenerator>(out, self, generator);
}

Tensor& randperm_generator_out_xpu(int64_t n, std::optional<Generator> generator, Tensor& out) {
  TORCH_CHECK(n >= 0, "n must be non-negative, got", n);
  check_supported_max_int_with_precision(n, out);
  out.resize_({n});
  if (n == 0) return out;
  check_dtype("randperm", out.scalar_type());
  fill_dense(out, [&](const Tensor& output) {
    // A network over twice as many numbers at least: over exactly n it would make even permutations only.
    const auto bits = static_cast<std::uint32_t>(std::bit_width(static_cast<std::uint64_t>(n - 1))) + 1;
    const auto width = std::max(bits, std::uint32_t{2});
    ipex::kernels::PermutationParams params{output.mutable_data_ptr(), static_cast<std::uint64_t>(n),
                                            reserve_random(generator, out.device(), 3), width - width / 2,
                                            width / 2};
    launch("random", instantiation("random_permutation", type_name(out.scalar_type())),
           {(n + 255) / 256, 256}, params);
  });
  return out;
}

}  // namespace at::native
