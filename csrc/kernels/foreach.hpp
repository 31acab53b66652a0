// Elementwise operators over lists of tensors, with the functors of the operators over one.
#pragma once

#include <utility>

#include "kernels/core/lanes.hpp"
#include "kernels/core/tensor_table.hpp"
#include "kernels/functors/activation.hpp"
#include "kernels/functors/binary.hpp"
#include "kernels/functors/nullary.hpp"
#include "kernels/functors/ternary.hpp"
#include "kernels/functors/unary.hpp"

namespace ipex::kernels {

IPEX_KERNEL_OF_ONE void store_table(StoreTableParams params) { *params.destination = params.table; }

// What a slot of the table is to a functor.
template <class T>
struct PerElement {};  // a tensor of T
struct PerTensor {};   // a scalar of the computation's type in the slot itself
template <class T>
struct OneScalar {};  // a device scalar of T

template <class C, class T>
inline auto slot_loader(PerElement<T>, const TensorTable& table, int tensor, int slot) {
  return [data = slot_pointer<const T>(table, tensor, slot)](int64_t base, uint32_t lane) {
    return static_cast<opmath_t<T>>((data + base)[lane]);
  };
}
template <class C>
inline auto slot_loader(PerTensor, const TensorTable& table, int tensor, int slot) {
  return [value = slot_value<C>(table, tensor, slot)](int64_t, uint32_t) { return value; };
}
template <class C, class T>
inline auto slot_loader(OneScalar<T>, const TensorTable& table, int tensor, int slot) {
  return [value = static_cast<opmath_t<T>>(*slot_pointer<const T>(table, tensor, slot))](int64_t, uint32_t) {
    return value;
  };
}

// Slot 0 is the output, then come the inputs, then the functor's member if it has one.
template <template <class> class F, class C>
inline F<C> slot_functor(const TensorTable& table, int tensor, int slot) {
  if constexpr (std::is_empty_v<F<C>>) {
    return {};
  } else {
    static_assert(sizeof(F<C>) == sizeof(C), "a functor of a list has one member at most");
    return slot_value<F<C>>(table, tensor, slot);
  }
}

template <class Out, class Functor, class... Loaders>
inline void foreach_apply(Out* output, const Chunk& chunk, const TableParams& params, Functor functor,
                          Loaders... loaders) {
  for_each_element(chunk, params, [=](int64_t base, uint32_t lane) {
    (output + base)[lane] = cast<Out>(functor(loaders(base, lane)...));
  });
}

template <template <class> class F, class C, class Out, class... In, std::size_t... I>
inline void foreach_body(const TableParams& params, std::index_sequence<I...>) {
  const auto& table = *params.table;
  const auto chunk = this_chunk(table);
  foreach_apply(slot_pointer<Out>(table, chunk.tensor, 0), chunk, params,
                slot_functor<F, C>(table, chunk.tensor, sizeof...(In) + 1),
                slot_loader<C>(In{}, table, chunk.tensor, I + 1)...);
}

template <template <class> class F, class C, class Out, class... In>
IPEX_KERNEL void foreach_map(TableParams params) {
  foreach_body<F, C, Out, In...>(params, std::index_sequence_for<In...>{});
}

}  // namespace ipex::kernels
