#pragma once

#include <c10/util/flat_hash_map.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

namespace ipex::runtime {

// Address → Block of every block in use, over all devices: a deleter is given the address alone. In shards,
// so that threads seldom meet.
template <class Block>
class AddressTable {
 public:
  void insert(const void* address, Block* block) {
    auto& shard = shard_of(address);
    std::lock_guard guard(shard.lock);
    shard.blocks[address] = block;
  }

  // Null when no block begins there.
  Block* find(const void* address) {
    auto& shard = shard_of(address);
    std::lock_guard guard(shard.lock);
    const auto found = shard.blocks.find(address);
    return found == shard.blocks.end() ? nullptr : found->second;
  }

  Block* remove(const void* address) {
    auto& shard = shard_of(address);
    std::lock_guard guard(shard.lock);
    const auto found = shard.blocks.find(address);
    if (found == shard.blocks.end()) return nullptr;
    auto* block = found->second;
    shard.blocks.erase(found);
    return block;
  }

 private:
  static constexpr std::size_t kShards = 61;

  // Held for a hash table's look-up; half the price of a mutex.
  class SpinLock {
   public:
    void lock() {
      while (flag_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
    }
    void unlock() { flag_.clear(std::memory_order_release); }

   private:
    std::atomic_flag flag_;
  };

  struct alignas(64) Shard {
    SpinLock lock;
    ska::flat_hash_map<const void*, Block*> blocks;
  };

  // Blocks are multiples of 512 bytes apart.
  Shard& shard_of(const void* address) {
    return shards_[(reinterpret_cast<std::uintptr_t>(address) >> 9) % kShards];
  }

  std::array<Shard, kShards> shards_;
};

}  // namespace ipex::runtime
