// Kernels of one template, one for each type, remembered by the call site.
#pragma once

#include <c10/util/Exception.h>

#include <string>

#include "aten/launch.h"

namespace ipex::aten {

// "name<leading,type,trailing>", without those that are null.
inline std::string instantiation_of(const char* name, const char* leading, const char* type,
                                    const char* trailing) {
  std::string arguments = type;
  if (leading) arguments.insert(0, 1, ',').insert(0, leading);
  if (trailing) arguments.append(1, ',').append(trailing);
  return instantiation(name, arguments);
}

// A kernel that only moves data: one for each size of an element. `trailing` are template arguments after the
// type ("true").
class OpaqueKernel {
 public:
  constexpr OpaqueKernel(const char* module, const char* name, const char* trailing = nullptr)
      : module_(module), name_(name), trailing_(trailing) {}

  jit::Kernel& get(std::size_t element_size, int device) {
    static constexpr const char* types[] = {"uint8_t", "uint16_t", "uint32_t", "uint64_t", "opaque128"};
    const int position = __builtin_ctzll(element_size);
    TORCH_INTERNAL_ASSERT(position < 5 && element_size == (std::size_t{1} << position));
    auto& slot = slots_[position];
    if (auto* kernel = slot.get(device)) return *kernel;
    return slot.find(device, module_, instantiation_of(name_, nullptr, types[position], trailing_));
  }

 private:
  const char* module_;
  const char* name_;
  const char* trailing_;
  KernelSlot slots_[5];
};

// A kernel that computes: one for each dtype. `leading` are template arguments before the type ("op::sum"),
// `trailing` those after it.
class TypedKernel {
 public:
  constexpr TypedKernel(const char* module, const char* name, const char* leading = nullptr,
                        const char* trailing = nullptr)
      : module_(module), name_(name), leading_(leading), trailing_(trailing) {}

  jit::Kernel& get(const char* operation, c10::ScalarType dtype, int device) {
    const auto* type = type_name(dtype);
    auto& slot = slots_[dtype_index(dtype)];
    if (auto* kernel = slot.get(device)) return *kernel;
    check_dtype(operation, dtype);
    return slot.find(device, module_, instantiation_of(name_, leading_, type, trailing_));
  }

 private:
  const char* module_;
  const char* name_;
  const char* leading_;
  const char* trailing_;
  KernelSlot slots_[dtype_count];
};

// Enough work-groups for `count` work-items.
inline Range range_for(std::int64_t count, std::int64_t group_size = 256) {
  return {(count + group_size - 1) / group_size, group_size};
}

}  // namespace ipex::aten
