#include <oneapi/mkl/blas.hpp>

#include "onemkl/library/routine.h"
#include "onemkl/library/transform.h"

namespace ipex::onemkl {
namespace {

namespace mkl = oneapi::mkl;
namespace lapack = oneapi::mkl::lapack;

mkl::uplo triangle(bool upper) { return upper ? mkl::uplo::upper : mkl::uplo::lower; }
mkl::side side(bool left) { return left ? mkl::side::left : mkl::side::right; }

mkl::transpose transpose(Transposition transposition) {
  switch (transposition) {
    case Transposition::transpose:
      return mkl::transpose::trans;
    case Transposition::adjoint:
      return mkl::transpose::conjtrans;
    default:
      return mkl::transpose::nontrans;
  }
}

mkl::jobsvd vectors(const Matrices& matrices, bool all) {
  if (matrices.data == nullptr) return mkl::jobsvd::novec;
  return all ? mkl::jobsvd::vectors : mkl::jobsvd::somevec;
}

class OneMkl final : public Library {
 public:
  std::unique_ptr<Transform> plan(const sycl::queue& queue, const TransformShape& shape) override {
    return make_transform(queue, shape);
  }

  void potrf(Call& call, bool upper, Matrices matrices) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(matrices);
      const auto uplo = triangle(upper);
      const Scratchpad<T> scratchpad(call, lapack::potrf_batch_scratchpad_size<T>(
                                               call.queue, uplo, a.rows, a.leading, a.stride, call.batch));
      for_batch(call, [&](const std::vector<sycl::event>& dependencies) {
        lapack::potrf_batch(call.queue, uplo, a.rows, a.data, a.leading, a.stride, call.batch,
                            scratchpad.data, scratchpad.size, dependencies);
      });
    });
  }

  void potri(Call& call, bool upper, Matrices matrices) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(matrices);
      const auto uplo = triangle(upper);
      const Scratchpad<T> scratchpad(call,
                                     lapack::potri_scratchpad_size<T>(call.queue, uplo, a.rows, a.leading));
      for_each(call, [&](std::int64_t matrix, const std::vector<sycl::event>& dependencies) {
        lapack::potri(call.queue, uplo, a.rows, a[matrix], a.leading, scratchpad.data, scratchpad.size,
                      dependencies);
      });
    });
  }

  void potrs(Call& call, bool upper, Matrices factors, Matrices right_sides) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(factors), b(right_sides);
      const auto uplo = triangle(upper);
      const Scratchpad<T> scratchpad(
          call, lapack::potrs_batch_scratchpad_size<T>(call.queue, uplo, a.rows, b.columns, a.leading,
                                                       a.stride, b.leading, b.stride, call.batch));
      for_batch(call, [&](const std::vector<sycl::event>& dependencies) {
        lapack::potrs_batch(call.queue, uplo, a.rows, b.columns, a.data, a.leading, a.stride, b.data,
                            b.leading, b.stride, call.batch, scratchpad.data, scratchpad.size, dependencies);
      });
    });
  }

  void getrf(Call& call, Matrices matrices, std::int64_t* pivots) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(matrices);
      const auto pivot_stride = std::min(a.rows, a.columns);
      const Scratchpad<T> scratchpad(
          call, pivots ? lapack::getrf_batch_scratchpad_size<T>(call.queue, a.rows, a.columns, a.leading,
                                                                a.stride, pivot_stride, call.batch)
                       : lapack::getrfnp_batch_scratchpad_size<T>(call.queue, a.rows, a.columns, a.leading,
                                                                  a.stride, call.batch));
      for_batch(call, [&](const std::vector<sycl::event>& dependencies) {
        if (pivots) {
          lapack::getrf_batch(call.queue, a.rows, a.columns, a.data, a.leading, a.stride, pivots,
                              pivot_stride, call.batch, scratchpad.data, scratchpad.size, dependencies);
        } else {
          lapack::getrfnp_batch(call.queue, a.rows, a.columns, a.data, a.leading, a.stride, call.batch,
                                scratchpad.data, scratchpad.size, dependencies);
        }
      });
    });
  }

  void getrs(Call& call, Transposition transposition, Matrices factors, const std::int64_t* pivots,
             Matrices right_sides) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(factors), b(right_sides);
      const auto trans = transpose(transposition);
      const Scratchpad<T> scratchpad(
          call, lapack::getrs_batch_scratchpad_size<T>(call.queue, trans, a.rows, b.columns, a.leading,
                                                       a.stride, a.rows, b.leading, b.stride, call.batch));
      for_batch(call, [&](const std::vector<sycl::event>& dependencies) {
        lapack::getrs_batch(call.queue, trans, a.rows, b.columns, a.data, a.leading, a.stride, pivots, a.rows,
                            b.data, b.leading, b.stride, call.batch, scratchpad.data, scratchpad.size,
                            dependencies);
      });
    });
  }

  void trsm(Call& call, bool left, bool upper, bool unit, Transposition transposition, Matrices triangles,
            Matrices right_sides) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(triangles), b(right_sides);
      mkl::blas::column_major::trsm_batch(call.queue, side(left), triangle(upper), transpose(transposition),
                                          unit ? mkl::diag::unit : mkl::diag::nonunit, b.rows, b.columns,
                                          T(1), a.data, a.leading, a.stride, b.data, b.leading, b.stride,
                                          call.batch, work_before(call.queue));
    });
  }

  void geqrf(Call& call, Matrices matrices, void* reflectors) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(matrices);
      const auto tau_stride = std::min(a.rows, a.columns);
      const Scratchpad<T> scratchpad(
          call, lapack::geqrf_batch_scratchpad_size<T>(call.queue, a.rows, a.columns, a.leading, a.stride,
                                                       tau_stride, call.batch));
      for_batch(call, [&](const std::vector<sycl::event>& dependencies) {
        lapack::geqrf_batch(call.queue, a.rows, a.columns, a.data, a.leading, a.stride,
                            static_cast<T*>(reflectors), tau_stride, call.batch, scratchpad.data,
                            scratchpad.size, dependencies);
      });
    });
  }

  void orgqr(Call& call, std::int64_t reflectors, Matrices matrices, const void* data) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(matrices);
      const auto* tau = static_cast<const T*>(data);
      const auto size = [&] {
        if constexpr (is_complex<T>) {
          return lapack::ungqr_batch_scratchpad_size<T>(call.queue, a.rows, a.columns, reflectors, a.leading,
                                                        a.stride, reflectors, call.batch);
        } else {
          return lapack::orgqr_batch_scratchpad_size<T>(call.queue, a.rows, a.columns, reflectors, a.leading,
                                                        a.stride, reflectors, call.batch);
        }
      };
      const Scratchpad<T> scratchpad(call, size());
      for_batch(call, [&](const std::vector<sycl::event>& dependencies) {
        if constexpr (is_complex<T>) {
          lapack::ungqr_batch(call.queue, a.rows, a.columns, reflectors, a.data, a.leading, a.stride, tau,
                              reflectors, call.batch, scratchpad.data, scratchpad.size, dependencies);
        } else {
          lapack::orgqr_batch(call.queue, a.rows, a.columns, reflectors, a.data, a.leading, a.stride, tau,
                              reflectors, call.batch, scratchpad.data, scratchpad.size, dependencies);
        }
      });
    });
  }

  void ormqr(Call& call, bool left, bool adjoint, std::int64_t reflectors, Matrices matrices,
             const void* data, Matrices operands) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(matrices), c(operands);
      const auto* tau = static_cast<const T*>(data);
      const auto on_side = side(left);
      const auto trans = !adjoint        ? mkl::transpose::nontrans
                         : is_complex<T> ? mkl::transpose::conjtrans
                                         : mkl::transpose::trans;
      const auto size = [&] {
        if constexpr (is_complex<T>) {
          return lapack::unmqr_scratchpad_size<T>(call.queue, on_side, trans, c.rows, c.columns, reflectors,
                                                  a.leading, c.leading);
        } else {
          return lapack::ormqr_scratchpad_size<T>(call.queue, on_side, trans, c.rows, c.columns, reflectors,
                                                  a.leading, c.leading);
        }
      };
      const Scratchpad<T> scratchpad(call, size());
      for_each(call, [&](std::int64_t matrix, const std::vector<sycl::event>& dependencies) {
        const auto apply = [&](auto routine) {
          routine(call.queue, on_side, trans, c.rows, c.columns, reflectors, a[matrix], a.leading,
                  tau + matrix * reflectors, c[matrix], c.leading, scratchpad.data, scratchpad.size,
                  dependencies);
        };
        if constexpr (is_complex<T>) {
          apply([](auto&&... arguments) { lapack::unmqr(arguments...); });
        } else {
          apply([](auto&&... arguments) { lapack::ormqr(arguments...); });
        }
      });
    });
  }

  void syevd(Call& call, bool with_vectors, bool upper, Matrices matrices, void* values) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(matrices);
      auto* w = static_cast<real_t<T>*>(values);
      const auto job = with_vectors ? mkl::job::vec : mkl::job::novec;
      const auto uplo = triangle(upper);
      const auto size = [&] {
        if constexpr (is_complex<T>) {
          return lapack::heevd_scratchpad_size<T>(call.queue, job, uplo, a.rows, a.leading);
        } else {
          return lapack::syevd_scratchpad_size<T>(call.queue, job, uplo, a.rows, a.leading);
        }
      };
      const Scratchpad<T> scratchpad(call, size());
      for_each(call, [&](std::int64_t matrix, const std::vector<sycl::event>& dependencies) {
        if constexpr (is_complex<T>) {
          lapack::heevd(call.queue, job, uplo, a.rows, a[matrix], a.leading, w + matrix * a.rows,
                        scratchpad.data, scratchpad.size, dependencies);
        } else {
          lapack::syevd(call.queue, job, uplo, a.rows, a[matrix], a.leading, w + matrix * a.rows,
                        scratchpad.data, scratchpad.size, dependencies);
        }
      });
    });
  }

  void gesvd(Call& call, Matrices matrices, void* values, Matrices left, Matrices right) override {
    with_type(call.element, [&]<class T> {
      const Batch<T> a(matrices), u(left), vt(right);
      const auto value_stride = std::min(a.rows, a.columns);
      auto* s = static_cast<real_t<T>*>(values);
      const auto left_job = vectors(left, u.columns == a.rows);
      const auto right_job = vectors(right, vt.rows == a.columns);
      const Scratchpad<T> scratchpad(
          call, lapack::gesvd_scratchpad_size<T>(call.queue, left_job, right_job, a.rows, a.columns,
                                                 a.leading, u.leading, vt.leading));
      for_each(call, [&](std::int64_t matrix, const std::vector<sycl::event>& dependencies) {
        lapack::gesvd(call.queue, left_job, right_job, a.rows, a.columns, a[matrix], a.leading,
                      s + matrix * value_stride, u[matrix], u.leading, vt[matrix], vt.leading,
                      scratchpad.data, scratchpad.size, dependencies);
      });
    });
  }
};

}  // namespace
}  // namespace ipex::onemkl

extern "C" ipex::onemkl::Library* ipex_onemkl_library() {
  static ipex::onemkl::OneMkl library;
  return &library;
}
