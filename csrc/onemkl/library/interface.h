// What the library that links oneMKL does for the one that links torch. They are two because oneMKL is large,
// so it is loaded when first used, and because torch exports the symbols of another version of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <sycl/sycl.hpp>
#include <vector>

namespace ipex::onemkl {

enum class Element { float32, float64, complex64, complex128 };

// Fourier transforms of a batch. The forward side is the one that is real where there is one.
struct TransformShape {
  bool double_precision;
  bool real;
  std::int64_t batch, forward_distance, backward_distance;  // from one transform to the next
  std::vector<std::int64_t> lengths, forward_strides, backward_strides;
  double scale;
};

class Transform {
 public:
  virtual ~Transform() = default;
  // Enqueues; usable from any thread.
  virtual void run(void* input, void* output, bool forward) = 0;
};

// A dense batch of dense column-major matrices in device memory.
struct Matrices {
  void* data = nullptr;
  std::int64_t rows = 0, columns = 0;
};

enum class Transposition { none, transpose, adjoint };

// One LAPACK routine on a batch.
struct Call {
  sycl::queue& queue;
  Element element;
  std::int64_t batch;
  // Device memory that lives until the work the call enqueues is done.
  std::function<void*(std::size_t bytes)> allocate;
  // LAPACK's, one for each matrix; empty where all are 0.
  std::vector<std::int64_t> info;
};

// Routines are named as in LAPACK and work in place. Anything but LAPACK's own word on a matrix (Call::info)
// is an exception derived from std::exception.
class Library {
 public:
  virtual std::unique_ptr<Transform> plan(const sycl::queue& queue, const TransformShape& shape) = 0;

  virtual void potrf(Call& call, bool upper, Matrices a) = 0;
  virtual void potri(Call& call, bool upper, Matrices a) = 0;
  virtual void potrs(Call& call, bool upper, Matrices a, Matrices b) = 0;
  // Without pivoting where `pivots` is null.
  virtual void getrf(Call& call, Matrices a, std::int64_t* pivots) = 0;
  virtual void getrs(Call& call, Transposition transposition, Matrices a, const std::int64_t* pivots,
                     Matrices b) = 0;
  virtual void trsm(Call& call, bool left, bool upper, bool unit, Transposition transposition, Matrices a,
                    Matrices b) = 0;
  virtual void geqrf(Call& call, Matrices a, void* tau) = 0;
  // orgqr or ungqr, of the first `reflectors` columns.
  virtual void orgqr(Call& call, std::int64_t reflectors, Matrices a, const void* tau) = 0;
  // ormqr or unmqr
  virtual void ormqr(Call& call, bool left, bool adjoint, std::int64_t reflectors, Matrices a,
                     const void* tau, Matrices c) = 0;
  // syevd or heevd; the vectors take the place of `a`.
  virtual void syevd(Call& call, bool vectors, bool upper, Matrices a, void* values) = 0;
  // Vectors where `u` and `vt` have data, as many as they have room for.
  virtual void gesvd(Call& call, Matrices a, void* values, Matrices u, Matrices vt) = 0;

 protected:
  ~Library() = default;
};

// The name of the function that returns the library: extern "C" Library* ipex_onemkl_library().
constexpr auto library_function = "ipex_onemkl_library";

}  // namespace ipex::onemkl
