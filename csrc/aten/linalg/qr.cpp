#include <ATen/native/Resize.h>
#include <ATen/ops/geqrf.h>
#include <ATen/ops/geqrf_native.h>
#include <ATen/ops/linalg_householder_product.h>
#include <ATen/ops/linalg_householder_product_native.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_qr_native.h>
#include <ATen/ops/ormqr.h>
#include <ATen/ops/ormqr_native.h>
#include <ATen/ops/triu.h>

#include "aten/fallback.h"
#include "aten/linalg/linalg.h"

namespace ipex::aten {
namespace {

using at::IntArrayRef;
using at::Tensor;

struct Reflectors {
  Tensor matrices, tau;
};

Reflectors factor(const Tensor& input) {
  auto sizes = input.sizes().vec();
  const auto columns = sizes.back();
  sizes.pop_back();
  sizes.back() = std::min(sizes.back(), columns);
  const Reflectors result{column_major_copy(input), at::empty(sizes, input.options())};
  onemkl::qr(result.matrices, result.tau);
  return result;
}

// The matrices hold the reflectors and become their product.
void multiply_reflectors(const Tensor& matrices, const Tensor& tau) {
  if (tau.size(-1) == 0) {
    fill_identity(matrices);
  } else {
    onemkl::householder_product(matrices, tau.contiguous());
  }
}

void check_tau(const char* name, const Tensor& input, const Tensor& tau) {
  const auto batch = input.sizes().slice(0, input.dim() - 2);
  TORCH_CHECK(tau.dim() == input.dim() - 1 && tau.sizes().slice(0, batch.size()) == batch, "torch.", name,
              ": Expected tau to have one dimension less than input and its batch dimensions, but got tau of "
              "shape ",
              tau.sizes(), " and input of shape ", input.sizes());
  TORCH_CHECK(tau.scalar_type() == input.scalar_type(), "torch.", name, ": tau dtype ", tau.scalar_type(),
              " does not match input dtype ", input.scalar_type());
}

void check_householder_product(const Tensor& input, const Tensor& tau) {
  TORCH_CHECK(input.dim() >= 2, "torch.linalg.householder_product: input must have at least 2 dimensions.");
  TORCH_CHECK(input.size(-2) >= input.size(-1),
              "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
              "input.shape[-1]");
  TORCH_CHECK(input.size(-1) >= tau.size(-1),
              "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to "
              "tau.shape[-1]");
  check_tau("linalg.householder_product", input, tau);
  at::native::checkSameDevice("torch.linalg.householder_product", tau, input, "tau");
}

void check_ormqr(const Tensor& input, const Tensor& tau, const Tensor& other, bool left) {
  TORCH_CHECK(input.dim() >= 2, "torch.ormqr: input must have at least 2 dimensions.");
  TORCH_CHECK(other.dim() == input.dim(),
              "torch.ormqr: Expected other to have the same number of dimensions "
              "as input, but got other.ndim equal to ",
              other.dim(), " and input.ndim is equal to ", input.dim());
  const int side = left ? -2 : -1;
  TORCH_CHECK(other.size(side) >= tau.size(-1), "torch.ormqr: other.shape[", side,
              "] must be greater than or equal to tau.shape[-1]");
  TORCH_CHECK(other.size(side) == input.size(-2), "torch.ormqr: other.shape[", side,
              "] must be equal to input.shape[-2]");
  check_tau("ormqr", input, tau);
  const auto batch = input.sizes().slice(0, input.dim() - 2);
  TORCH_CHECK(other.sizes().slice(0, batch.size()) == batch,
              "torch.ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got ",
              other.sizes().slice(0, batch.size()));
  TORCH_CHECK(other.scalar_type() == input.scalar_type(),
              "torch.ormqr: Expected input and other to have the same dtype, but input has dtype",
              input.scalar_type(), " and other has dtype ", other.scalar_type());
  at::native::checkSameDevice("torch.ormqr", tau, input, "tau");
  at::native::checkSameDevice("torch.ormqr", other, input, "other");
}

Tensor& write(const char* name, Tensor& out, const Tensor& result, const char* argument = "result") {
  at::native::checkSameDevice(name, out, result, argument);
  at::native::checkLinalgCompatibleDtype(name, out, result, argument);
  at::native::resize_output(out, result.sizes());
  return out.copy_(result);
}

}  // namespace
}  // namespace ipex::aten

namespace at::native {

using namespace ipex::aten;
namespace onemkl = ipex::onemkl;

TORCH_IMPL_FUNC(linalg_qr_out_xpu)
(const Tensor& A, std::string_view mode, const Tensor& Q, const Tensor& R) {
  if (!by_onemkl("linalg.qr", A)) {
    on_cpu<at::_ops::linalg_qr_out>::call(A, mode, writable(Q), writable(R));
    return;
  }
  const auto reflectors = factor(A);
  at::triu_out(writable(R), reflectors.matrices.narrow(-2, 0, R.size(-2)));
  if (!std::get<0>(_parse_qr_mode(mode))) return;
  const auto count = reflectors.tau.size(-1);
  in_column_major(Q, [&](const Tensor& product) {
    product.narrow(-1, 0, count).copy_(reflectors.matrices.narrow(-1, 0, count));
    multiply_reflectors(product, reflectors.tau);
  });
}

std::tuple<Tensor, Tensor> geqrf_xpu(const Tensor& self) {
  TORCH_CHECK(self.dim() >= 2, "torch.geqrf: input must have at least 2 dimensions.");
  if (!by_onemkl("geqrf", self)) return on_cpu<at::_ops::geqrf>::call(self);
  auto [matrices, tau] = factor(self);
  return {matrices, tau};
}

std::tuple<Tensor&, Tensor&> geqrf_a_xpu(const Tensor& self, Tensor& a, Tensor& tau) {
  const auto [matrices, factors] = at::geqrf(self);
  return {write("torch.geqrf", a, matrices, "a"), write("torch.geqrf", tau, factors, "tau")};
}

Tensor linalg_householder_product_xpu(const Tensor& input, const Tensor& tau) {
  check_householder_product(input, tau);
  if (!by_onemkl("linalg.householder_product", input))
    return on_cpu<at::_ops::linalg_householder_product>::call(input, tau);
  auto result = column_major_copy(input);
  multiply_reflectors(result, tau);
  return result;
}

Tensor& linalg_householder_product_out_xpu(const Tensor& input, const Tensor& tau, Tensor& out) {
  return write("torch.linalg.householder_product", out, at::linalg_householder_product(input, tau));
}

Tensor ormqr_xpu(const Tensor& self, const Tensor& input2, const Tensor& input3, bool left, bool transpose) {
  check_ormqr(self, input2, input3, left);
  if (!by_onemkl("ormqr", self)) return on_cpu<at::_ops::ormqr>::call(self, input2, input3, left, transpose);
  auto result = column_major_copy(input3);
  if (input2.size(-1) > 0) {
    onemkl::multiply_by_reflectors(column_major(self), input2.contiguous(), result, left, transpose);
  }
  return result;
}

Tensor& ormqr_out_xpu(const Tensor& self, const Tensor& input2, const Tensor& input3, bool left,
                      bool transpose, Tensor& out) {
  return write("torch.ormqr", out, at::ormqr(self, input2, input3, left, transpose));
}

}  // namespace at::native
