// Distances between rows of matrices, and their gradients.
#pragma once

#include "kernels/core/functor.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/distance_params.hpp"
#include "kernels/functors/distance.hpp"

namespace ipex::kernels {

// Where the distances of row `first` to the rows after it begin, if each pair has one.
inline int64_t pairs_before(int64_t first, int64_t rows) { return first * (2 * rows - first - 1) / 2; }

// A work-group's slice of a row of the output.
struct DistanceSlice {
  int64_t row;  // of the whole batch
  int64_t batch, first;
  int32_t start, lane;

  explicit DistanceSlice(const DistanceParams& params) {
    const auto item = this_item();
    int64_t number = item.get_group(0);
    lane = static_cast<int32_t>(item.get_local_id(0));
    start = static_cast<int32_t>(number % params.slices) * static_cast<int32_t>(item.get_local_range(0));
    row = number / params.slices;
    batch = row / params.first_rows;
    first = row % params.first_rows;
  }
};

// Neighbouring work-items have neighbouring rows of the second matrix.
template <class T, template <class> class Norm, bool Pairs>
IPEX_KERNEL void distances(DistanceParams params) {
  const auto norm = from_bytes<Norm<T>>(params.exponent);
  DistanceSlice slice(params);
  const int64_t rows = params.second_rows;
  const int64_t skipped = Pairs ? slice.first + 1 : 0;
  if (skipped + slice.start + slice.lane >= rows) return;
  const T* x = static_cast<const T*>(params.first) + slice.row * params.depth;
  const T* y =
      static_cast<const T*>(params.second) + slice.batch * params.depth * rows + skipped + slice.start;
  T* output = static_cast<T*>(params.output) + slice.start +
              (Pairs ? pairs_before(slice.first, rows) : slice.row * rows);
  T sum = 0;
  for (int32_t k = 0; k < params.depth; ++k, y += rows) sum = norm.add(sum, x[k] - y[slice.lane]);
  output[slice.lane] = norm.finish(sum);
}

// Of the rows of the first matrix, or of all rows of the one there is. Neighbouring work-items have
// neighbouring elements of a row.
template <class T, template <class> class Norm, bool Pairs>
IPEX_KERNEL void distances_backward(DistanceParams params) {
  const auto norm = from_bytes<Norm<T>>(params.exponent);
  const DistanceSlice slice(params);
  if (slice.start + slice.lane >= params.depth) return;
  const int64_t rows = params.second_rows;
  const T x = (static_cast<const T*>(params.first) + slice.row * params.depth + slice.start)[slice.lane];
  const T* y = static_cast<const T*>(params.second) + slice.batch * rows * params.depth + slice.start;
  const T* gradients = static_cast<const T*>(params.gradient);
  const T* distances = static_cast<const T*>(params.distance);
  T sum = 0;
  for (int32_t second = 0; second < params.second_rows; ++second, y += params.depth) {
    int64_t place = slice.row * rows + second;
    if constexpr (Pairs) {
      if (second == slice.first) continue;
      const int64_t low = sycl::min(slice.first, int64_t{second}),
                    high = sycl::max(slice.first, int64_t{second});
      place = pairs_before(low, rows) + high - low - 1;
    }
    sum += norm.gradient(x - y[slice.lane], gradients[place], distances[place]);
  }
  (static_cast<T*>(params.output) + slice.row * params.depth + slice.start)[slice.lane] = sum;
}

}  // namespace ipex::kernels
