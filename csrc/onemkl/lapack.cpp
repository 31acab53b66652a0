#include "onemkl/lapack.h"

#include <ATen/ops/tensor.h>
#include <c10/core/Allocator.h>
#include <c10/util/SmallVector.h>

#include "runtime/stream.h"

namespace ipex::onemkl {
namespace {

Element element_of(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kFloat:
      return Element::float32;
    case c10::kDouble:
      return Element::float64;
    case c10::kComplexFloat:
      return Element::complex64;
    case c10::kComplexDouble:
      return Element::complex128;
    default:
      TORCH_INTERNAL_ASSERT(false, "refusal() was not asked about ", dtype);
  }
}

Matrices describe(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  TORCH_INTERNAL_ASSERT_DEBUG_ONLY(tensor.mT().is_contiguous());
  return {tensor.data_ptr(), tensor.size(-2), tensor.size(-1)};
}

// Calls routine(library, call) for the batch of `matrices`. `name` is for errors.
template <class Routine>
void run(const char* name, const Tensor& matrices, const Tensor& info, Routine routine) {
  if (info.defined()) info.zero_();
  if (matrices.numel() == 0) return;
  // Freed on return, which the caching allocator orders after the work enqueued here.
  c10::SmallVector<c10::DataPtr, 2> memory;
  const auto allocate = [&](std::size_t bytes) {
    return memory.emplace_back(c10::GetAllocator(c10::kXPU)->allocate(bytes)).get();
  };
  const runtime::LibraryQueue queue(matrices.device().index());
  Call call{queue.get(),
            element_of(matrices.scalar_type()),
            matrices.numel() / (matrices.size(-2) * matrices.size(-1)),
            allocate,
            {}};
  try {
    routine(library(), call);
    queue.finish();
  } catch (const c10::Error&) {
    throw;
  } catch (const std::exception& error) {
    TORCH_CHECK(false, name, ": oneMKL can not compute with ", matrices.toString(), matrices.sizes(), " on ",
                matrices.device(), ": ", error.what());
  }
  if (call.info.empty()) return;
  TORCH_CHECK(info.defined(), name, ": oneMKL's info is ", c10::ArrayRef(call.info));
  info.copy_(at::tensor(call.info, at::kInt).view(info.sizes()));
}

}  // namespace

void cholesky(const Tensor& matrices, const Tensor& info, bool upper) {
  run("cholesky", matrices, info,
      [&](Library& library, Call& call) { library.potrf(call, upper, describe(matrices)); });
}

void cholesky_inverse(const Tensor& factors, bool upper) {
  run("cholesky_inverse", factors, {},
      [&](Library& library, Call& call) { library.potri(call, upper, describe(factors)); });
}

void cholesky_solve(const Tensor& factors, const Tensor& right_sides, bool upper) {
  run("cholesky_solve", right_sides, {}, [&](Library& library, Call& call) {
    library.potrs(call, upper, describe(factors), describe(right_sides));
  });
}

void lu_factor(const Tensor& matrices, const Tensor& pivots, const Tensor& info) {
  run("lu_factor", matrices, info, [&](Library& library, Call& call) {
    library.getrf(call, describe(matrices), pivots.defined() ? pivots.data_ptr<std::int64_t>() : nullptr);
  });
}

void lu_solve(const Tensor& factors, const Tensor& pivots, const Tensor& right_sides,
              Transposition transposition) {
  run("lu_solve", right_sides, {}, [&](Library& library, Call& call) {
    library.getrs(call, transposition, describe(factors), pivots.const_data_ptr<std::int64_t>(),
                  describe(right_sides));
  });
}

void triangular_solve(const Tensor& triangles, const Tensor& right_sides, bool left, bool upper, bool unit,
                      Transposition transposition) {
  run("triangular_solve", right_sides, {}, [&](Library& library, Call& call) {
    library.trsm(call, left, upper, unit, transposition, describe(triangles), describe(right_sides));
  });
}

void qr(const Tensor& matrices, const Tensor& tau) {
  run("qr", matrices, {},
      [&](Library& library, Call& call) { library.geqrf(call, describe(matrices), tau.data_ptr()); });
}

void householder_product(const Tensor& matrices, const Tensor& tau) {
  run("householder_product", matrices, {}, [&](Library& library, Call& call) {
    library.orgqr(call, tau.size(-1), describe(matrices), tau.const_data_ptr());
  });
}

void multiply_by_reflectors(const Tensor& reflectors, const Tensor& tau, const Tensor& operands, bool left,
                            bool adjoint) {
  run("ormqr", operands, {}, [&](Library& library, Call& call) {
    library.ormqr(call, left, adjoint, tau.size(-1), describe(reflectors), tau.const_data_ptr(),
                  describe(operands));
  });
}

void eigh(const Tensor& matrices, const Tensor& values, const Tensor& info, bool upper, bool vectors) {
  run("eigh", matrices, info, [&](Library& library, Call& call) {
    library.syevd(call, vectors, upper, describe(matrices), values.data_ptr());
  });
}

void svd(const Tensor& matrices, const Tensor& u, const Tensor& values, const Tensor& vh,
         const Tensor& info) {
  run("svd", matrices, info, [&](Library& library, Call& call) {
    library.gesvd(call, describe(matrices), values.data_ptr(), describe(u), describe(vh));
  });
}

}  // namespace ipex::onemkl
