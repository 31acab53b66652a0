#pragma once

#include <c10/util/ArrayRef.h>
#include <c10/util/FunctionRef.h>

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

#include "onednn/operation.h"

namespace ipex::onednn {

// Everything an operation depends on, as bytes.
class Key {
 public:
  // `kind` tells the families of operations apart.
  explicit Key(char kind) {
    bytes_.reserve(256);
    bytes_.push_back(kind);
  }

  template <class T>
  requires std::is_arithmetic_v<T>
  void append(T value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T)); }

  void append(c10::IntArrayRef values) {
    append(static_cast<std::int32_t>(values.size()));
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t));
  }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// The operation of this key, made by `make` if the process did not need it lately. Thread-safe; the least
// recently used are dropped.
std::shared_ptr<const Operation> cached(const Key& key, c10::function_ref<Operation()> make);

}  // namespace ipex::onednn
