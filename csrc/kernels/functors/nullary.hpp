#pragma once

namespace ipex::kernels::op {

template <class T>
struct fill {
  T value;
  T operator()() const { return value; }
};

}  // namespace ipex::kernels::op
