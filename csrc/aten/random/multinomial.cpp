// Samples of categories, from a race of exponential numbers or by searching the cumulative sums.
#include <ATen/core/Tensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/multinomial_native.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/stack.h>

#include <limits>

namespace at::native {

namespace {

constexpr int64_t most_categories = int64_t{1} << 24;

void check_probabilities(const Tensor& self) {
  const auto total = self.sum(-1);
  // min, max and sum of everything in one transfer to the host.
  const auto summary =
      at::stack({self.min().to(kFloat), self.max().to(kFloat), total.min().to(kFloat)}).cpu();
  const auto* values = summary.const_data_ptr<float>();
  TORCH_CHECK(values[0] >= 0 && values[1] < std::numeric_limits<float>::infinity(),
              "probability tensor contains either `inf`, `nan` or element < 0");
  TORCH_CHECK(values[2] > 0, "invalid multinomial distribution (sum of probabilities <= 0)");
}

}  // namespace

Tensor& multinomial_out_xpu(const Tensor& self, int64_t samples, bool replacement,
                            std::optional<Generator> generator, Tensor& out) {
  TORCH_CHECK(out.device() == self.device(), "multinomial arguments must have the same device");
  TORCH_CHECK(self.dim() > 0 && self.dim() <= 2, "prob_dist must be 1 or 2 dim");
  TORCH_CHECK(isFloatingType(self.scalar_type()),
              "multinomial only supports floating-point dtypes for input, got: ", self.scalar_type());
  TORCH_CHECK(out.scalar_type() == kLong, "multinomial expects Long tensor out, got: ", out.scalar_type());
  TORCH_CHECK(samples > 0, "cannot sample n_sample <= 0 samples");
  const auto categories = self.size(-1);
  TORCH_CHECK(replacement || samples <= categories,
              "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  TORCH_CHECK(categories <= most_categories, "number of categories cannot exceed 2^24");
  if (self.dim() == 1) {
    at::native::resize_output(out, {samples});
  } else {
    at::native::resize_output(out, {self.size(0), samples});
  }
  if (out.numel() == 0) return out;
  check_probabilities(self);

  if (!replacement || samples == 1) {
    // The category whose exponential clock of rate p rings first is drawn with probability p; the next ones
    // follow without replacement (Efraimidis and Spirakis, 2006).
    auto race = at::empty_like(self).exponential_(1, generator);
    race = self.div(race);
    out.copy_(samples == 1 ? race.argmax(-1, true) : std::get<1>(race.topk(samples, -1)));
    return out;
  }
  const auto levels = at::cumsum(self, -1, self.scalar_type() == kDouble ? kDouble : kFloat);
  const auto draws = at::empty(out.sizes(), levels.options()).uniform_(0, 1, generator);
  const auto last = levels.narrow(-1, categories - 1, 1);
  // A draw below the total may be rounded up to it.
  const auto found = at::searchsorted(levels, draws.mul(last), false, true);
  out.copy_(found.clamp_max(categories - 1));
  return out;
}

Tensor multinomial_xpu(const Tensor& self, int64_t samples, bool replacement,
                       std::optional<Generator> generator) {
  auto out = at::empty({0}, self.options().dtype(kLong));
  multinomial_out_xpu(self, samples, replacement, std::move(generator), out);
  return out;
}

}  // namespace at::native
