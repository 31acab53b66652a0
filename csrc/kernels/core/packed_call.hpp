// A kernel of several parameters as one of a single struct: setting an argument costs a driver up to half a
// microsecond, and bytes of a struct nothing.
#pragma once

#include <cstddef>
#include <utility>

#include "kernels/core/functor.hpp"
#include "kernels/core/kernel.hpp"
#include "kernels/core/packed_params.hpp"

namespace ipex::kernels {

template <class Target, class... T, std::size_t... I>
inline void call_packed(void (*)(T...), const PackedParams& params, std::index_sequence<I...>) {
  static_assert(sizeof...(T) <= packed_max && ((sizeof(T) <= packed_slot) && ...));
  Target{}(from_bytes<T>(params.bytes[I])...);
}

template <class Target, class... T>
inline void call_packed(void (*function)(T...), const PackedParams& params) {
  call_packed<Target>(function, params, std::index_sequence_for<T...>{});
}

// Target{} calls a function with its arguments; Target::Function is the type of its address.
template <class Target>
IPEX_KERNEL void packed_call(PackedParams params) {
  call_packed<Target>(static_cast<typename Target::Function>(nullptr), params);
}

}  // namespace ipex::kernels
