// Linear algebra on tensors (…, rows, columns) of one dtype that oneMKL serves, in place and asynchronous.
// Matrices are dense and column-major, vectors dense, batches equal. `info` (int32, one element for each
// matrix) is written as LAPACK defines it.
#pragma once

#include <ATen/core/Tensor.h>

#include "onemkl/loader.h"

namespace ipex::onemkl {

using at::Tensor;

void cholesky(const Tensor& matrices, const Tensor& info, bool upper);
// Inverts the matrices of these factors; writes only one triangle.
void cholesky_inverse(const Tensor& factors, bool upper);
void cholesky_solve(const Tensor& factors, const Tensor& right_sides, bool upper);
// `pivots` are int64, counted from 1; undefined: no pivoting.
void lu_factor(const Tensor& matrices, const Tensor& pivots, const Tensor& info);
void lu_solve(const Tensor& factors, const Tensor& pivots, const Tensor& right_sides,
              Transposition transposition);
void triangular_solve(const Tensor& triangles, const Tensor& right_sides, bool left, bool upper, bool unit,
                      Transposition transposition);
void qr(const Tensor& matrices, const Tensor& tau);
// The first columns of the product of the reflectors, as many as the matrices have.
void householder_product(const Tensor& matrices, const Tensor& tau);
void multiply_by_reflectors(const Tensor& reflectors, const Tensor& tau, const Tensor& operands, bool left,
                            bool adjoint);
void eigh(const Tensor& matrices, const Tensor& values, const Tensor& info, bool upper, bool vectors);
// `u` and `vh` undefined: values only. Destroys the matrices.
void svd(const Tensor& matrices, const Tensor& u, const Tensor& values, const Tensor& vh, const Tensor& info);

}  // namespace ipex::onemkl
