#include "onednn/primitive_cache.h"

#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace ipex::onednn {
namespace {

constexpr std::size_t capacity = 4096;

class Cache {
 public:
  std::shared_ptr<const Operation> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->operation;
  }

  // Two threads may make the same operation; the first to arrive is kept.
  std::shared_ptr<const Operation> insert(const std::string& key, Operation operation) {
    auto made = std::make_shared<const Operation>(std::move(operation));
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) return found->second->operation;
    entries_.push_front({key, made});
    index_.emplace(entries_.front().key, entries_.begin());
    if (entries_.size() > capacity) {
      index_.erase(entries_.back().key);
      entries_.pop_back();
    }
    return made;
  }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const Operation> operation;
  };
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
};

}  // namespace

std::shared_ptr<const Operation> cached(const Key& key, c10::function_ref<Operation()> make) {
  // Never destroyed: primitives must not outlive the SYCL runtime, nor be freed after it.
  static auto* cache = new Cache;
  if (auto found = cache->find(key.bytes())) return found;
  return cache->insert(key.bytes(), make());
}

}  // namespace ipex::onednn
