// Histograms: each value's bin by binary search, then one scattered addition.
#include <ATen/core/Tensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_histogramdd_bin_edges_native.h>
#include <ATen/ops/_histogramdd_from_bin_cts_native.h>
#include <ATen/ops/_histogramdd_from_bin_tensors_native.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/histc_native.h>
#include <ATen/ops/histogram_native.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/TensorOperators.h>

#include <cmath>

#include "aten/dtypes.h"

namespace ipex::aten {
namespace {

using at::Tensor;

struct Interval {
  double low, high;
};

// The values' smallest and largest; waits for the device.
Interval extent(const Tensor& values) {
  const auto [low, high] = at::aminmax(values);
  const auto both = at::stack({low, high}).cpu();
  return {both[0].item<double>(), both[1].item<double>()};
}

void check_interval(const char* name, Interval interval) {
  TORCH_CHECK(std::isfinite(interval.low) && std::isfinite(interval.high), name, ": range of [", interval.low,
              ", ", interval.high, "] is not finite");
  TORCH_CHECK(interval.low < interval.high, name, ": max must be larger than min, but got [", interval.low,
              ", ", interval.high, "]");
}

// Bins of weight 1, or of each value's weight. `places` [values, dims] beyond a dimension's bins do not
// count.
Tensor count(const std::vector<Tensor>& places, at::IntArrayRef bins, const Tensor& weight,
             const at::TensorOptions& options) {
  auto flat = at::zeros_like(places[0]);
  auto outside = at::zeros_like(flat, at::kBool);
  for (std::size_t d = 0; d < bins.size(); ++d) {
    flat.mul_(bins[d]).add_(places[d]);
    outside.logical_or_(places[d].lt(0)).logical_or_(places[d].ge(bins[d]));
  }
  const auto total = c10::multiply_integers(bins);
  flat.masked_fill_(outside, total);
  auto counts = at::zeros({total + 1}, weight.defined() ? weight.options() : flat.options());
  counts.scatter_add_(0, flat, weight.defined() ? weight.reshape(-1) : at::ones_like(flat));
  return counts.narrow(0, 0, total).to(options.dtype()).view(bins);
}

// The last bin is closed on both sides, the others on the left; -1 for what is not between the outer edges.
Tensor places_between(const Tensor& edges, const Tensor& values) {
  const auto bins = edges.size(0) - 1;
  const auto inside = values.ge(edges.select(0, 0)).logical_and_(values.le(edges.select(0, bins)));
  const auto places = at::searchsorted(edges, values.contiguous(), false, true).sub_(1);
  return places.clamp_max_(bins - 1).masked_fill_(inside.logical_not_(), -1);
}

void check_input(const Tensor& self, const Tensor& weight) {
  TORCH_CHECK_NOT_IMPLEMENTED(self.scalar_type() == at::kFloat || self.scalar_type() == at::kDouble,
                              "\"histogram\" not implemented for '", self.scalar_type(), "'");
  if (!weight.defined()) return;
  TORCH_CHECK(
      weight.scalar_type() == self.scalar_type(),
      "torch.histogram: if weight tensor is provided, it should have the same dtype as the input, but "
      "got ",
      weight.scalar_type(), " and ", self.scalar_type());
  TORCH_CHECK(weight.sizes() == self.sizes().slice(0, weight.dim()),
              "torch.histogram: if weight tensor is provided it should have the same shape as the input, but "
              "got ",
              weight.sizes(), " and ", self.sizes());
}

// Of samples [..., dims], one vector of edges for each dimension.
Tensor histogram(const Tensor& samples, at::TensorList edges, const Tensor& weight, bool density) {
  const auto dims = static_cast<std::int64_t>(edges.size());
  const auto rows = samples.reshape({-1, dims});
  std::vector<Tensor> places;
  std::vector<std::int64_t> bins;
  for (std::int64_t d = 0; d < dims; ++d) {
    TORCH_CHECK(edges[d].dim() == 1 && edges[d].numel() > 0,
                "torch.histogram: expected a vector of bin edges with at least one element, but got shape ",
                edges[d].sizes());
    TORCH_CHECK(edges[d].scalar_type() == samples.scalar_type(),
                "torch.histogram: input and bin edges should have the same dtype, but got ",
                samples.scalar_type(), " and ", edges[d].scalar_type());
    places.push_back(places_between(edges[d].contiguous(), rows.select(1, d)));
    bins.push_back(edges[d].numel() - 1);
  }
  auto result = count(places, bins, weight, samples.options());
  if (!density) return result;
  result.div_(result.sum());
  for (std::int64_t d = 0; d < dims; ++d) {
    std::vector<std::int64_t> shape(dims, 1);
    shape[d] = bins[d];
    result.div_(edges[d].diff().view(shape));
  }
  return result;
}

// Edges of equal bins over `range`, or over what the samples span.
std::vector<Tensor> equal_bins(const Tensor& samples, at::IntArrayRef bins,
                               at::OptionalArrayRef<double> range) {
  const auto dims = static_cast<std::int64_t>(bins.size());
  TORCH_CHECK(samples.dim() >= 2 && samples.size(-1) == dims, "torch.histogramdd: expected ",
              samples.size(-1), " numbers of bins, but got ", dims);
  TORCH_CHECK(!range || static_cast<std::int64_t>(range->size()) == 2 * dims,
              "torch.histogramdd: range should have ", 2 * dims, " elements, but got ",
              range ? range->size() : 0);
  std::vector<Tensor> edges;
  for (std::int64_t d = 0; d < dims; ++d) {
    TORCH_CHECK(bins[d] > 0, "torch.histogramdd: bins must be > 0, but got ", bins[d], " for dimension ", d);
    Interval interval{0, 1};
    if (range) {
      interval = {(*range)[2 * d], (*range)[2 * d + 1]};
    } else if (samples.numel() > 0) {
      interval = extent(samples.select(-1, d));
    }
    TORCH_CHECK(std::isfinite(interval.low) && std::isfinite(interval.high), "torch.histogramdd: dimension ",
                d, "'s range [", interval.low, ", ", interval.high, "] is not finite");
    TORCH_CHECK(interval.low <= interval.high, "torch.histogramdd: min should not exceed max, but got min ",
                interval.low, " max ", interval.high, " for dimension ", d);
    if (interval.low == interval.high) interval = {interval.low - 0.5, interval.high + 0.5};
    edges.push_back(at::linspace(interval.low, interval.high, bins[d] + 1, samples.options()));
  }
  return edges;
}

Tensor as_samples(const Tensor& self) { return self.reshape({-1, 1}); }

void give(const Tensor& from, Tensor& out) {
  at::native::resize_output(out, from.sizes());
  out.copy_(from);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {
using namespace ipex::aten;

Tensor histc_xpu(const Tensor& self, int64_t bins, const Scalar& min, const Scalar& max) {
  TORCH_CHECK(bins > 0, "bins must be > 0, but got ", bins);
  TORCH_CHECK_NOT_IMPLEMENTED(!self.is_complex() && self.scalar_type() != kBool,
                              "\"histc\" not implemented for '", self.scalar_type(), "'");
  const auto values = self.reshape(-1);
  Interval interval{min.toDouble(), max.toDouble()};
  if (interval.low == interval.high && self.numel() > 0) interval = extent(values);
  if (interval.low == interval.high) interval = {interval.low - 1, interval.high + 1};
  check_interval("torch.histc", interval);
  const bool whole = isIntegralType(self.scalar_type(), true);
  const auto compute = whole ? kLong : opmath_dtype(self.scalar_type());
  const auto offset = values.to(compute).sub(interval.low).mul_(static_cast<double>(bins));
  auto places = offset.div(interval.high - interval.low).clamp_max_(static_cast<double>(bins - 1));
  // Beyond the bins, whatever the number, before it becomes an integer.
  places.masked_fill_(values.ge(interval.low).logical_and_(values.le(interval.high)).logical_not_(), -1);
  return count({places.to(kLong)}, {bins}, {}, self.options());
}

Tensor& histc_out_xpu(const Tensor& self, int64_t bins, const Scalar& min, const Scalar& max, Tensor& out) {
  give(histc_xpu(self, bins, min, max), out);
  return out;
}

std::tuple<Tensor, Tensor> histogram_bins_tensor_xpu(const Tensor& self, const Tensor& bins,
                                                     const std::optional<Tensor>& weight, bool density) {
  const auto weights = weight.value_or(Tensor());
  check_input(self, weights);
  return {ipex::aten::histogram(as_samples(self), bins, weights, density), bins.clone()};
}

std::tuple<Tensor, Tensor> histogram_bin_ct_xpu(const Tensor& self, int64_t bins,
                                                std::optional<ArrayRef<double>> range,
                                                const std::optional<Tensor>& weight, bool density) {
  const auto weights = weight.value_or(Tensor());
  check_input(self, weights);
  const auto edges = equal_bins(as_samples(self), {bins}, range);
  return {ipex::aten::histogram(as_samples(self), edges, weights, density), edges[0]};
}

std::tuple<Tensor&, Tensor&> histogram_bins_tensor_out_xpu(const Tensor& self, const Tensor& bins,
                                                           const std::optional<Tensor>& weight, bool density,
                                                           Tensor& hist, Tensor& bin_edges) {
  const auto [counts, edges] = histogram_bins_tensor_xpu(self, bins, weight, density);
  give(counts, hist);
  give(edges, bin_edges);
  return {hist, bin_edges};
}

std::tuple<Tensor&, Tensor&> histogram_bin_ct_out_xpu(const Tensor& self, int64_t bins,
                                                      std::optional<ArrayRef<double>> range,
                                                      const std::optional<Tensor>& weight, bool density,
                                                      Tensor& hist, Tensor& bin_edges) {
  const auto [counts, edges] = histogram_bin_ct_xpu(self, bins, range, weight, density);
  give(counts, hist);
  give(edges, bin_edges);
  return {hist, bin_edges};
}

std::vector<Tensor> _histogramdd_bin_edges_xpu(const Tensor& self, IntArrayRef bins,
                                               std::optional<ArrayRef<double>> range,
                                               const std::optional<Tensor>& weight, bool) {
  check_input(self, weight.value_or(Tensor()));
  return equal_bins(self, bins, range);
}

Tensor _histogramdd_from_bin_cts_xpu(const Tensor& self, IntArrayRef bins,
                                     std::optional<ArrayRef<double>> range,
                                     const std::optional<Tensor>& weight, bool density) {
  const auto weights = weight.value_or(Tensor());
  check_input(self, weights);
  return ipex::aten::histogram(self, equal_bins(self, bins, range), weights, density);
}

Tensor _histogramdd_from_bin_tensors_xpu(const Tensor& self, TensorList bins,
                                         const std::optional<Tensor>& weight, bool density) {
  const auto weights = weight.value_or(Tensor());
  check_input(self, weights);
  TORCH_CHECK(self.dim() >= 2 && self.size(-1) == static_cast<int64_t>(bins.size()),
              "torch.histogramdd: expected ", self.size(-1), " sequences of bin edges, but got ",
              bins.size());
  return ipex::aten::histogram(self, bins, weights, density);
}

}  // namespace at::native
