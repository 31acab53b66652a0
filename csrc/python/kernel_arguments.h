#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>
#include <torch/csrc/python_headers.h>

#include <optional>
#include <span>
#include <string>

#include "jit/library.h"
#include "jit/signature.h"
#include "kernels/core/packed_params.hpp"

namespace ipex::python {

inline const char* type_name_of(PyObject* object) { return Py_TYPE(object)->tp_name; }

// A kernel's parameter and what torch calls its type; other types take tensors of any dtype, and bytes as
// values.
struct KernelParameter : jit::Parameter {
  explicit KernelParameter(jit::Parameter parameter);
  std::optional<c10::ScalarType> dtype;
};

// The arguments of one call, checked, in the form of a launch. What is wrong with one is a TypeError, a
// ValueError or, for its device, a RuntimeError, which name the kernel and the argument.
class KernelArguments {
 public:
  KernelArguments(const std::string& kernel, bool strided, std::size_t count)
      : kernel_(kernel), strided_(strided), values_(count), arguments_(count) {}

  void set_local_memory(std::size_t index, std::size_t bytes) {
    arguments_[index] = {jit::Argument::Kind::local_memory, nullptr, bytes};
  }
  // `position` is that among the arguments given. Tensors and bytes must live until the launch.
  void set(std::size_t index, std::size_t position, const KernelParameter& parameter, PyObject* object);

  std::optional<c10::Device> device() const { return device_; }
  std::span<const jit::Argument> list() const { return {arguments_.data(), arguments_.size()}; }
  void pack(kernels::PackedParams& params) const;

  // Tells autograd what the kernel writes.
  void mark_written() const;

 private:
  struct alignas(16) Value {
    unsigned char bytes[16];
  };

  std::string where() const;
  const void* address(PyObject* object);
  jit::Argument value(PyObject* object, unsigned char* bytes) const;
  void store(PyObject* object, c10::ScalarType dtype, unsigned char* bytes) const;
  void check_number(PyObject* object, const char* expected) const;

  const std::string& kernel_;
  bool strided_;
  std::size_t position_ = 0;
  const KernelParameter* parameter_ = nullptr;
  std::optional<c10::Device> device_;
  c10::SmallVector<Value, 12> values_;
  c10::SmallVector<jit::Argument, 12> arguments_;
  c10::SmallVector<const at::Tensor*, 8> written_;
};

}  // namespace ipex::python
