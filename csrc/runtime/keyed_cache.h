// What is expensive to make, kept under everything it depends on.
#pragma once

#include <c10/util/ArrayRef.h>
#include <c10/util/FunctionRef.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace ipex::runtime {

// Everything a value depends on, as bytes.
class Key {
 public:
  // `kind` tells the families of values apart.
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

// Thread-safe; the least recently used values are dropped.
template <class Value>
class KeyedCache {
 public:
  using Shared = std::shared_ptr<Value>;

  explicit KeyedCache(std::size_t capacity) : capacity_(capacity) {}

  // The value of this key, made by `make` if it is not here.
  Shared get(const Key& key, c10::function_ref<Shared()> make) {
    if (auto found = find(key.bytes())) return found;
    return insert(key.bytes(), make());
  }

 private:
  struct Entry {
    std::string key;
    Shared value;
  };

  Shared find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  // Two threads may make the same value; the first to arrive is kept.
  Shared insert(const std::string& key, Shared made) {
    Shared dropped;  // destroyed after the lock is released: that may take its time
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) return found->second->value;
    entries_.push_front({key, made});
    index_.emplace(entries_.front().key, entries_.begin());
    if (entries_.size() > capacity_) {
      index_.erase(entries_.back().key);
      dropped = std::move(entries_.back().value);
      entries_.pop_back();
    }
    return made;
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, typename std::list<Entry>::iterator> index_;
};

}  // namespace ipex::runtime
