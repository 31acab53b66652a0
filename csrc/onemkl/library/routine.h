// What the LAPACK routines share: types, scratchpads, batches, errors of single matrices.
#pragma once

#include <algorithm>
#include <complex>
#include <exception>
#include <oneapi/mkl/lapack.hpp>
#include <stdexcept>
#include <type_traits>

#include "onemkl/library/interface.h"
#include "onemkl/library/order.h"

namespace ipex::onemkl {

template <class T>
constexpr bool is_complex = !std::is_floating_point_v<T>;

template <class T>
struct real_of {
  using type = T;
};
template <class T>
struct real_of<std::complex<T>> {
  using type = T;
};
template <class T>
using real_t = typename real_of<T>::type;

// Calls function.template operator()<T>() with the C++ type of `element`.
template <class Function>
void with_type(Element element, Function function) {
  switch (element) {
    case Element::float32:
      return function.template operator()<float>();
    case Element::float64:
      return function.template operator()<double>();
    case Element::complex64:
      return function.template operator()<std::complex<float>>();
    case Element::complex128:
      return function.template operator()<std::complex<double>>();
  }
  throw std::invalid_argument("unknown type of elements");
}

// Matrices whose elements have a C++ type.
template <class T>
struct Batch {
  explicit Batch(const Matrices& matrices)
      : data(static_cast<T*>(matrices.data)),
        rows(matrices.rows),
        columns(matrices.columns),
        leading(std::max<std::int64_t>(1, rows)),
        stride(rows * columns) {}

  T* operator[](std::int64_t matrix) const { return data + matrix * stride; }

  T* data;
  std::int64_t rows, columns;
  std::int64_t leading, stride;  // from a column, from a matrix to the next
};

template <class T>
struct Scratchpad {
  Scratchpad(Call& call, std::int64_t elements)
      : size(std::max<std::int64_t>(1, elements)),
        data(static_cast<T*>(call.allocate(static_cast<std::size_t>(size) * sizeof(T)))) {}

  std::int64_t size;
  T* data;
};

inline void record(Call& call, std::int64_t matrix, std::int64_t info) {
  if (call.info.empty()) call.info.resize(call.batch);
  call.info[matrix] = info;
}

// Runs routine(dependencies) for the whole batch.
template <class Routine>
void for_batch(Call& call, Routine routine) {
  namespace lapack = oneapi::mkl::lapack;
  try {
    routine(work_before(call.queue));
  } catch (const lapack::batch_error& error) {
    for (std::size_t position = 0; position < error.ids().size(); ++position) {
      try {
        std::rethrow_exception(error.exceptions().at(position));
      } catch (const lapack::computation_error& single) {
        record(call, error.ids()[position], single.info());
      }
    }
  }
}

// Runs routine(matrix, dependencies) for one matrix after the other.
template <class Routine>
void for_each(Call& call, Routine routine) {
  const auto dependencies = work_before(call.queue);
  for (std::int64_t matrix = 0; matrix < call.batch; ++matrix) {
    try {
      routine(matrix, dependencies);
    } catch (const oneapi::mkl::lapack::computation_error& error) {
      record(call, matrix, error.info());
    }
  }
}

}  // namespace ipex::onemkl
