// Object detection: boxes that cover one another, boxes from what a network says of them, and the parts of an
// image that boxes cut out.
#pragma once

#include "kernels/core/atomic.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/math.hpp"
#include "kernels/detection_params.hpp"

namespace ipex::kernels {

template <class C>
struct Box {
  C left, top, right, bottom;

  template <class T>
  static Box load(const T* boxes, int64_t number) {
    const T* box = boxes + 4 * number;
    return {cast<C>(box[0]), cast<C>(box[1]), cast<C>(box[2]), cast<C>(box[3])};
  }
  C area() const { return (right - left) * (bottom - top); }
};

// The shared area by the area of both.
template <class C>
inline C overlap(const Box<C>& a, const Box<C>& b) {
  const C width = sycl::fmax(sycl::fmin(a.right, b.right) - sycl::fmax(a.left, b.left), C(0));
  const C height = sycl::fmax(sycl::fmin(a.bottom, b.bottom) - sycl::fmax(a.top, b.top), C(0));
  const C shared = width * height;
  return shared / (a.area() + b.area() - shared);
}

// A work-item for each box and word of others.
template <class T>
IPEX_KERNEL void nms_overlaps(NmsParams params) {
  using C = opmath_t<T>;
  const int64_t index = this_item().get_global_id(0);
  const int64_t number = index / params.words, word = index - number * params.words;
  if (number >= params.count) return;
  const auto* boxes = static_cast<const T*>(params.boxes);
  const auto own = Box<C>::load(boxes, number);
  const int64_t first = word * nms_word, last = sycl::min(first + nms_word, params.count);
  std::uint64_t bits = 0;
  for (int64_t other = sycl::max(first, number + 1); other < last; ++other) {
    const bool covers = overlap(own, Box<C>::load(boxes, other)) > static_cast<C>(params.threshold);
    bits |= std::uint64_t{covers} << (other - first);
  }
  params.overlaps[index] = bits;
}

// One work-group: the best box that is left stays and removes those it covers, again and again.
IPEX_KERNEL void nms_select(NmsParams params) {
  const auto item = this_item();
  const int64_t local = item.get_local_id(0), width = item.get_local_range(0);
  for (int64_t number = 0; number < params.count; ++number) {
    const bool stays = (params.removed[number / nms_word] >> (number % nms_word) & 1) == 0;
    if (local == 0) params.keep[number] = stays;
    sycl::group_barrier(item.get_group());
    for (int64_t word = number / nms_word + local; stays && word < params.words; word += width) {
      params.removed[word] |= params.overlaps[number * params.words + word];
    }
    sycl::group_barrier(item.get_group());
  }
}

template <class T>
IPEX_KERNEL void boxes_from_locations(BoxParams params) {
  using C = opmath_t<T>;
  const int64_t number = this_item().get_global_id(0);
  if (number >= params.count) return;
  const T* location = static_cast<const T*>(params.locations) + 4 * number;
  const T* prior = static_cast<const T*>(params.priors) + 4 * (number % params.prior_count);
  T* box = static_cast<T*>(params.boxes) + 4 * number;
#pragma unroll
  for (int axis = 0; axis < 2; ++axis) {
    const C size = cast<C>(prior[axis + 2]);
    const C center =
        cast<C>(location[axis]) * static_cast<C>(params.center_variance) * size + cast<C>(prior[axis]);
    const C half =
        math::exp(cast<C>(location[axis + 2]) * static_cast<C>(params.size_variance)) * size / C(2);
    box[axis] = cast<T>(center - half);
    box[axis + 2] = cast<T>(center + half);
  }
}

// Calls visit(offset in the plane, weight) for the four elements around a place; none if it lies outside.
template <class C, class Visit>
inline void visit_corners(const RoiParams& params, C y, C x, Visit visit) {
  const C height = static_cast<C>(params.height), width = static_cast<C>(params.width);
  if (!(y >= C(-1) && y <= height && x >= C(-1) && x <= width)) return;
  y = sycl::fmin(sycl::fmax(y, C(0)), height - C(1));
  x = sycl::fmin(sycl::fmax(x, C(0)), width - C(1));
  const int64_t top = static_cast<int64_t>(y), left = static_cast<int64_t>(x);
  const int64_t bottom = sycl::min(top + 1, params.height - 1), right = sycl::min(left + 1, params.width - 1);
  const C down = y - static_cast<C>(top), along = x - static_cast<C>(left);
  visit(top * params.width + left, (C(1) - down) * (C(1) - along));
  visit(top * params.width + right, (C(1) - down) * along);
  visit(bottom * params.width + left, down * (C(1) - along));
  visit(bottom * params.width + right, down * along);
}

// Calls visit(offset in the image, weight) for what element `number` of the output is the sum of.
template <class T, class Visit>
inline void visit_bin(const RoiParams& params, int64_t number, Visit visit) {
  using C = opmath_t<T>;
  const int64_t column = number % params.pooled_width;
  const int64_t row = number / params.pooled_width % params.pooled_height;
  const int64_t plane = number / (params.pooled_width * params.pooled_height);
  const int64_t region = plane / params.channels, channel = plane - region * params.channels;
  const T* values = static_cast<const T*>(params.regions) + 5 * region;
  const int64_t image = static_cast<int64_t>(cast<C>(values[0]));
  if (image < 0 || image >= params.batch) return;
  const C scale = static_cast<C>(params.scale), shift = params.aligned ? C(0.5) : C(0);
  const auto box = Box<C>::load(values + 1, 0);
  const C left = box.left * scale - shift, top = box.top * scale - shift;
  C width = box.right * scale - shift - left, height = box.bottom * scale - shift - top;
  if (!params.aligned) {
    width = sycl::fmax(width, C(1));
    height = sycl::fmax(height, C(1));
  }
  const C bin_width = width / static_cast<C>(params.pooled_width);
  const C bin_height = height / static_cast<C>(params.pooled_height);
  const auto samples = [&](C bin) {
    return params.sampling > 0 ? params.sampling : static_cast<int64_t>(sycl::ceil(bin));
  };
  const int64_t rows = samples(bin_height), columns = samples(bin_width);
  const C share = C(1) / static_cast<C>(sycl::max(rows * columns, int64_t{1}));
  const int64_t base = (image * params.channels + channel) * params.height * params.width;
  for (int64_t i = 0; i < rows; ++i) {
    const C y =
        top + (static_cast<C>(row) + (static_cast<C>(i) + C(0.5)) / static_cast<C>(rows)) * bin_height;
    for (int64_t k = 0; k < columns; ++k) {
      const C x = left + (static_cast<C>(column) + (static_cast<C>(k) + C(0.5)) / static_cast<C>(columns)) *
                             bin_width;
      visit_corners(params, y, x, [&](int64_t offset, C weight) { visit(base + offset, weight * share); });
    }
  }
}

template <class T>
IPEX_KERNEL void roi_align(RoiParams params) {
  using C = opmath_t<T>;
  const int64_t number = this_item().get_global_id(0);
  if (number >= params.numel) return;
  const auto* image = static_cast<const T*>(params.image);
  C sum = C(0);
  visit_bin<T>(params, number, [&](int64_t offset, C weight) { sum += weight * cast<C>(image[offset]); });
  static_cast<T*>(params.output)[number] = cast<T>(sum);
}

template <class T>
IPEX_KERNEL void roi_align_backward(RoiParams params) {
  using C = opmath_t<T>;
  const int64_t number = this_item().get_global_id(0);
  if (number >= params.numel) return;
  const C gradient = cast<C>(static_cast<const T*>(params.output)[number]);
  auto* image = static_cast<C*>(params.gradient);
  visit_bin<T>(params, number,
               [&](int64_t offset, C weight) { atomic_add(image + offset, weight * gradient); });
}

}  // namespace ipex::kernels
