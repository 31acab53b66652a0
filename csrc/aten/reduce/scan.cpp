#include "aten/reduce/scan.h"

#include <ATen/native/Resize.h>
#include <ATen/ops/_cummax_helper_native.h>
#include <ATen/ops/_cummin_helper_native.h>
#include <ATen/ops/_logcumsumexp_native.h>
#include <ATen/ops/cumprod_native.h>
#include <ATen/ops/cumsum_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/WrapDimUtils.h>

#include "aten/kernel_table.h"
#include "aten/reduce/reduce.h"
#include "kernels/scan_params.hpp"
#include "runtime/limits.h"

namespace ipex::aten {
namespace {

using kernels::ScanParams;

// Cuts lines so that the device has enough to do, but no more than one work-item can add up.
void choose_chunks(ScanParams& params, std::int64_t least_chunk, std::int64_t wanted_parts) {
  constexpr std::int64_t most_chunks = 512;
  const auto lines = params.outer * params.inner;
  auto chunks = std::min({most_chunks, (wanted_parts + lines - 1) / lines, params.length / least_chunk});
  chunks = std::max<std::int64_t>(chunks, 1);
  params.chunk = (params.length + chunks - 1) / chunks;
  params.chunk = (params.chunk + least_chunk - 1) / least_chunk * least_chunk;
  params.chunks = (params.length + params.chunk - 1) / params.chunk;
}

void launch_scan(const char* functor, ScanParams& params, const at::Tensor& out) {
  const auto& limits = runtime::device_limits();
  const std::string op = std::string("op::") + functor, type = type_name(out.scalar_type());
  // A short row is read faster by one work-item than it is shared by a sub-group.
  const bool by_rows = params.inner == 1 && params.length > 64;
  if (by_rows) {
    choose_chunks(params, 4096, 4 * limits.compute_units);
  } else {
    choose_chunks(params, 64, 512 * limits.compute_units);
  }
  const auto lines = params.outer * params.inner;
  const auto run = [&](bool totals) {
    const char* flag = totals ? "true" : "false";
    if (by_rows) {
      launch("scan", instantiation("scan_rows", op, type, flag), sub_group_range(lines * params.chunks),
             params);
    } else {
      launch("scan", instantiation("scan_lines", op, type, flag), range_for(lines * params.chunks), params);
    }
  };
  at::Tensor totals;
  params.totals = nullptr;
  if (params.chunks > 1) {
    const auto bytes = lines * params.chunks * static_cast<std::int64_t>(kernels::scan_state_bytes);
    totals = at::empty({bytes}, out.options().dtype(at::kByte));
    params.totals = totals.mutable_data_ptr();
    run(true);
    launch("scan", instantiation("scan_totals", op, type), range_for(lines), params);
  }
  run(false);
}

}  // namespace

void scan(const char* functor, const at::Tensor& self, std::int64_t dim, const at::Tensor& out,
          const at::Tensor& indices) {
  if (self.numel() == 0) return;
  check_dtype(functor, out.scalar_type());
  const auto input = self.contiguous();
  const auto dense = [](const at::Tensor& tensor) {
    return !tensor.defined() || tensor.is_contiguous() ? tensor : at::empty(tensor.sizes(), tensor.options());
  };
  const auto values = dense(out), positions = dense(indices);
  ScanParams params;
  params.input = input.const_data_ptr();
  params.output = values.mutable_data_ptr();
  params.indices = positions.defined() ? positions.mutable_data_ptr<std::int64_t>() : nullptr;
  params.outer = params.inner = params.length = 1;
  for (std::int64_t d = 0; d < self.dim(); ++d)
    (d < dim ? params.outer : d == dim ? params.length : params.inner) *= self.size(d);
  launch_scan(functor, params, out);
  if (!values.is_same(out)) const_cast<at::Tensor&>(out).copy_(values);
  if (!positions.is_same(indices)) const_cast<at::Tensor&>(indices).copy_(positions);
}

}  // namespace ipex::aten

namespace at::native {
namespace {

void accumulate(const char* functor, const Tensor& self, int64_t dim, const Tensor& out) {
  if (self.dim() == 0) {
    const_cast<Tensor&>(out).copy_(self);
    return;
  }
  ipex::aten::scan(functor, self.to(out.scalar_type()), maybe_wrap_dim(dim, self.dim()), out);
}

void choose(const char* functor, const Tensor& self, int64_t dim, Tensor& values, Tensor& indices) {
  if (self.dim() == 0) {
    values.copy_(self);
    indices.zero_();
    return;
  }
  ipex::aten::scan(functor, self, maybe_wrap_dim(dim, self.dim()), values, indices);
}

}  // namespace

TORCH_IMPL_FUNC(cumsum_out_xpu)
(const Tensor& self, int64_t dim, std::optional<ScalarType>, const Tensor& out) {
  accumulate("cumsum", self, dim, out);
}

TORCH_IMPL_FUNC(cumprod_out_xpu)
(const Tensor& self, int64_t dim, std::optional<ScalarType>, const Tensor& out) {
  accumulate("cumprod", self, dim, out);
}

void _cummax_helper_xpu(const Tensor& self, Tensor& values, Tensor& indices, int64_t dim) {
  choose("cummax", self, dim, values, indices);
}

void _cummin_helper_xpu(const Tensor& self, Tensor& values, Tensor& indices, int64_t dim) {
  choose("cummin", self, dim, values, indices);
}

Tensor& _logcumsumexp_out_xpu(const Tensor& self, int64_t dim, Tensor& out) {
  at::native::resize_output(out, self.sizes());
  TORCH_CHECK_NOT_IMPLEMENTED(at::isFloatingType(self.scalar_type()) || self.is_complex(),
                              "\"logcumsumexp\" not implemented for '", self.scalar_type(), "'");
  accumulate("logcumsumexp", self, dim, out);
  return out;
}

Tensor _logcumsumexp_xpu(const Tensor& self, int64_t dim) {
  auto out = at::empty_like(self, MemoryFormat::Contiguous);
  return _logcumsumexp_out_xpu(self, dim, out);
}

}  // namespace at::native
