// Keys' cubic convolution with a = -3/4 ("Cubic convolution interpolation for digital image processing",
// 1981), by the distance from an element.
#pragma once

namespace ipex::kernels {

// Within one element, and between one and two.
template <class C>
inline C cubic_near(C x) {
  return (C(1.25) * x - C(2.25)) * x * x + C(1);
}
template <class C>
inline C cubic_far(C x) {
  return ((C(-0.75) * x + C(3.75)) * x - C(6)) * x + C(3);
}

template <class C>
inline C cubic_near_slope(C x) {
  return (C(3.75) * x - C(4.5)) * x;
}
template <class C>
inline C cubic_far_slope(C x) {
  return (C(-2.25) * x + C(7.5)) * x - C(6);
}

// The weights of the four elements around a place that is `after` the second of them, and how they change
// with it.
template <class C>
inline void cubic_weights(C after, C (&weights)[4]) {
  weights[0] = cubic_far(after + C(1));
  weights[1] = cubic_near(after);
  weights[2] = cubic_near(C(1) - after);
  weights[3] = cubic_far(C(2) - after);
}
template <class C>
inline void cubic_slopes(C after, C (&slopes)[4]) {
  slopes[0] = cubic_far_slope(after + C(1));
  slopes[1] = cubic_near_slope(after);
  slopes[2] = -cubic_near_slope(C(1) - after);
  slopes[3] = -cubic_far_slope(C(2) - after);
}

}  // namespace ipex::kernels
