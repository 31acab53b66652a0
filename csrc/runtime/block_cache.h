#pragma once

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/flat_hash_map.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/block_sizes.h"
#include "runtime/free_bins.h"
#include "runtime/memory_history.h"
#include "runtime/memory_stats.h"

namespace ipex::runtime {

// The policy of a device's caching allocator, without a device: Driver has
//   Queue, Event                       copyable handles; queues compare equal when they are the same queue
//   void* allocate(size_t)             memory of the device, or null
//   void deallocate(void*, size_t)
//   std::optional<Event> record(Queue&)  an event after the work given to the queue so far
//   bool finished(Event&)
//   void wait(Event&), wait(Queue&)
// and no function that throws. Memory is taken from the driver in segments, cut into blocks, and a freed
// block may be used again at once on the queue it was allocated for: that queue runs in order.
template <class Driver>
class BlockCache {
 public:
  using Queue = typename Driver::Queue;
  using Event = typename Driver::Event;
  using Context = MemoryHistory::Context;
  using Stats = c10::CachingDeviceAllocator::DeviceStats;

  struct Pool;

  struct Block {
    char* address = nullptr;
    std::size_t size = 0;
    std::size_t requested = 0;
    Pool* pool = nullptr;
    Block* next = nullptr;  // neighbours in the segment
    Block* previous = nullptr;
    Block* bin_next = nullptr;
    Block* bin_previous = nullptr;
    bool allocated = false;
    int pending_events = 0;
    std::vector<Queue> users;  // other queues that use it: recorded with record_stream
    Context context;

    bool is_split() const { return next || previous; }
    bool is_free() const { return !allocated && pending_events == 0; }
  };

  // The free blocks of one queue and one kind of segment.
  struct Pool {
    Pool(BlockCache* cache, const Queue* queue, bool small)
        : owner(cache), key(queue), handle(*queue), is_small(small) {}
    BlockCache* const owner;
    const Queue* const key;
    Queue handle;
    const bool is_small;
    FreeBins<Block> bins;
  };

  BlockCache(c10::DeviceIndex device, Driver driver, std::size_t limit)
      : device_(device), driver_(std::move(driver)), history_(device), limit_(limit) {}

  c10::DeviceIndex device() const { return device_; }

  // Null when the driver has no more, even after every cached block was given back.
  Block* allocate(std::size_t size, const Queue* queue) {
    auto context = history_.gather(MemoryHistory::Level::STATE);
    std::lock_guard lock(mutex_);
    if (C10_UNLIKELY(!pending_.empty())) free_finished();
    if (C10_UNLIKELY(BlockSizes::guarded())) release_cached(context);
    sizes_.split_limit = BlockSizes::Config::max_split_size();
    const auto rounded = BlockSizes::block(size);
    if (C10_UNLIKELY(size > FreeBins<Block>::kLargest || rounded > FreeBins<Block>::kLargest))
      return fail(size, queue);
    Pool& pool = pool_of(queue, BlockSizes::is_small(rounded));
    Block* block = reuse(pool, rounded);
    if (C10_UNLIKELY(!block)) block = new_segment(pool, rounded, context);
    if (C10_UNLIKELY(!block)) {
      ++stats_->num_alloc_retries;
      release_cached(context);
      // Blocks that were pending may make room in a segment that stays.
      block = reuse(pool, rounded);
      if (!block) block = new_segment(pool, rounded, context);
      if (!block) return fail(size, queue);
    }
    take(block, rounded, size, std::move(context));
    return block;
  }

  void free(Block* block) {
    auto context = history_.gather(MemoryHistory::Level::ALL);
    std::lock_guard lock(mutex_);
    const auto kind = kind_of(*block);
    block->allocated = false;
    stats_.remove_allocation(kind, block->size, block->requested);
    if (block->size >= sizes_.split_limit) stats_->oversize_allocations.decrease(1);
    note(Action::FREE_REQUESTED, block->address, block->requested, block->pool,
         context ? context : block->context);
    if (C10_UNLIKELY(!block->users.empty())) record_users(block);
    if (block->pending_events == 0) put_back(block);
  }

  // Once freed, `block` is not used again before the work that `queue` has by then is done.
  void record_stream(Block* block, const Queue& queue) {
    std::lock_guard lock(mutex_);
    if (queue == block->pool->handle) return;
    if (std::find(block->users.begin(), block->users.end(), queue) == block->users.end())
      block->users.push_back(queue);
  }

  void empty_cache() {
    const auto context = history_.gather(MemoryHistory::Level::ALL);
    std::lock_guard lock(mutex_);
    release_cached(context);
  }

  Stats stats() {
    std::lock_guard lock(mutex_);
    stats_->max_split_size = static_cast<int64_t>(BlockSizes::Config::max_split_size());
    return stats_.all();
  }

  // Bytes allocated and reserved.
  std::pair<std::size_t, std::size_t> totals() {
    std::lock_guard lock(mutex_);
    return {stats_.allocated(), stats_.reserved()};
  }

  void reset_accumulated_stats() {
    std::lock_guard lock(mutex_);
    stats_.reset_accumulated();
  }

  void reset_peak_stats() {
    std::lock_guard lock(mutex_);
    stats_.reset_peaks();
  }

  std::size_t limit() {
    std::lock_guard lock(mutex_);
    return limit_;
  }

  void set_limit(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    limit_ = bytes;
  }

  // Whether `address` lies in memory of this cache.
  bool owns(const void* address) {
    std::lock_guard lock(mutex_);
    const auto* target = static_cast<const char*>(address);
    const auto after = segments_.upper_bound(target);
    return after != segments_.begin() && target < std::prev(after)->first + std::prev(after)->second.size;
  }

  template <class... Arguments>
  void configure_history(Arguments&&... arguments) {
    std::lock_guard lock(mutex_);
    history_.configure(arguments...);
  }

  void add_tracker(c10::CachingDeviceAllocator::AllocatorTraceTracker tracker) {
    std::lock_guard lock(mutex_);
    history_.add_tracker(std::move(tracker));
  }

  std::vector<MemoryHistory::Entry> history() {
    std::lock_guard lock(mutex_);
    return history_.entries();
  }

  std::vector<c10::CachingDeviceAllocator::SegmentInfo> snapshot() {
    std::lock_guard lock(mutex_);
    std::vector<c10::CachingDeviceAllocator::SegmentInfo> result;
    for (const auto& [address, segment] : segments_) {
      auto& info = result.emplace_back();
      info.device = device_;
      info.address = reinterpret_cast<std::size_t>(address);
      info.total_size = segment.size;
      info.stream = const_cast<Queue*>(segment.first->pool->key);
      info.is_large = !segment.first->pool->is_small;
      info.context_when_allocated = segment.context;
      for (const auto* block = segment.first; block; block = block->next) {
        auto& entry = info.blocks.emplace_back();
        entry.size = block->size;
        entry.requested_size = block->requested;
        entry.allocated = block->allocated;
        entry.active = !block->is_free();
        entry.context_when_allocated = block->context;
        if (entry.allocated) info.allocated_size += entry.size;
        if (entry.active) info.active_size += entry.size, info.requested_size += entry.requested_size;
      }
    }
    history_.record(Action::SNAPSHOT, nullptr, stats_.reserved(), nullptr, {});
    return result;
  }

 private:
  using Action = MemoryHistory::Entry::Action;
  static_assert(BlockSizes::kUnit == FreeBins<Block>::kUnit);

  struct Segment {
    Block* first;
    std::size_t size;
    Context context;
  };

  // Blocks freed while `queue` may still use them, oldest first.
  struct PendingQueue {
    Queue queue;
    std::deque<std::pair<Event, Block*>> blocks;
  };

  struct QueuePools {
    std::unique_ptr<Pool> small, large;
  };

  static MemoryStats::Kind kind_of(const Block& block) {
    return block.pool->is_small ? MemoryStats::Kind::SMALL_POOL : MemoryStats::Kind::LARGE_POOL;
  }

  void note(Action action, const void* address, std::size_t size, const Pool* pool, const Context& context) {
    history_.record(action, address, size, pool->key, context);
  }

  Pool& pool_of(const Queue* queue, bool small) {
    auto& pools = pools_[queue];
    if (C10_UNLIKELY(!pools.small)) {
      pools.small = std::make_unique<Pool>(this, queue, true);
      pools.large = std::make_unique<Pool>(this, queue, false);
    } else if (C10_UNLIKELY(!(pools.small->handle == *queue))) {
      // An external queue has gone and another one lives at its address: it does not follow the old one's
      // work.
      driver_.wait(pools.small->handle);
      pools.small->handle = pools.large->handle = *queue;
    }
    return small ? *pools.small : *pools.large;
  }

  Block* new_block(Pool& pool, char* address, std::size_t size) {
    Block* block;
    if (spare_.empty()) {
      block = &storage_.emplace_back();
    } else {
      block = spare_.back();
      spare_.pop_back();
    }
    block->pool = &pool;
    block->address = address;
    block->size = size;
    block->requested = 0;
    return block;
  }

  void drop(Block* block) {
    block->next = block->previous = nullptr;
    block->context.reset();
    spare_.push_back(block);
  }

  Block* reuse(Pool& pool, std::size_t size) {
    auto* block = pool.bins.find(size, sizes_.largest_to_use(size));
    if (block) pool.bins.remove(block);
    return block;
  }

  Block* new_segment(Pool& pool, std::size_t size, const Context& context) {
    const auto bytes = BlockSizes::segment(size);
    void* memory = ask_driver(bytes);
    if (!memory) return nullptr;
    auto* block = new_block(pool, static_cast<char*>(memory), bytes);
    segments_.emplace(block->address, Segment{block, bytes, context});
    const auto kind = kind_of(*block);
    stats_.add_segment(kind, bytes);
    if (bytes >= sizes_.split_limit) stats_->oversize_segments.increase(1);
    note(Action::SEGMENT_ALLOC, memory, bytes, &pool, context);
    return block;
  }

  void* ask_driver(std::size_t bytes) {
    const auto reserved = stats_.reserved();
    if (reserved > limit_ || bytes > limit_ - reserved) return nullptr;
    return driver_.allocate(bytes);
  }

  Block* fail(std::size_t size, const Queue* queue) {
    ++stats_->num_ooms;
    history_.record(Action::OOM, nullptr, size, queue, {});
    return nullptr;
  }

  // Cuts `block` to `size` where that is worth it and hands it out.
  void take(Block* block, std::size_t size, std::size_t requested, Context context) {
    const auto kind = kind_of(*block);
    const bool was_split = block->is_split();
    if (was_split) {
      stats_.remove_inactive_split(kind, block->size);
    }
    if (sizes_.should_split(block->size, size, block->pool->is_small)) {
      auto* rest = new_block(*block->pool, block->address + size, block->size - size);
      rest->previous = block;
      rest->next = block->next;
      if (rest->next) rest->next->previous = rest;
      block->next = rest;
      block->size = size;
      block->pool->bins.insert(rest);
      stats_.add_inactive_split(kind, rest->size);
    }
    block->allocated = true;
    block->requested = requested;
    stats_.add_allocation(kind, block->size, requested);
    if (block->size >= sizes_.split_limit) stats_->oversize_allocations.increase(1);
    note(Action::ALLOC, block->address, requested, block->pool, context);
    block->context = std::move(context);
  }

  // A block nobody uses joins its free neighbours and goes back to the bins.
  void put_back(Block* block) {
    const auto kind = kind_of(*block);
    note(Action::FREE_COMPLETED, block->address, block->requested, block->pool, block->context);
    stats_.remove_active(kind, block->size);
    block->requested = 0;
    block->context.reset();
    if (auto* after = block->next; after && after->is_free()) {
      take_out(after);
      join(block, after);
    }
    if (auto* before = block->previous; before && before->is_free()) {
      take_out(before);
      join(before, block);
      block = before;
    }
    block->pool->bins.insert(block);
    if (block->is_split()) {
      stats_.add_inactive_split(kind, block->size);
    }
  }

  // Of the bins, for a free neighbour about to be joined.
  void take_out(Block* block) {
    const auto kind = kind_of(*block);
    block->pool->bins.remove(block);
    stats_.remove_inactive_split(kind, block->size);
  }

  void join(Block* block, Block* after) {
    block->size += after->size;
    block->next = after->next;
    if (block->next) block->next->previous = block;
    drop(after);
  }

  void record_users(Block* block) {
    const auto users = std::exchange(block->users, {});
    for (auto queue : users) {
      auto event = driver_.record(queue);
      if (!event) continue;
      auto found =
          std::find_if(pending_.begin(), pending_.end(), [&](const auto& p) { return p.queue == queue; });
      if (found == pending_.end()) found = pending_.insert(found, PendingQueue{queue, {}});
      found->blocks.emplace_back(std::move(*event), block);
      ++block->pending_events;
    }
  }

  void retire_front(PendingQueue& pending) {
    auto* block = pending.blocks.front().second;
    pending.blocks.pop_front();
    if (--block->pending_events == 0) put_back(block);
  }

  void free_finished() {
    for (auto& pending : pending_)
      while (!pending.blocks.empty() && driver_.finished(pending.blocks.front().first)) retire_front(pending);
    std::erase_if(pending_, [](const auto& pending) { return pending.blocks.empty(); });
  }

  // Gives every segment without a used block back to the driver. Work on it may still be queued, so wait for
  // that first.
  void release_cached(const Context& context) {
    ++stats_->num_sync_all_streams;
    for (auto& pending : pending_) {
      while (!pending.blocks.empty()) {
        driver_.wait(pending.blocks.front().first);
        retire_front(pending);
      }
    }
    pending_.clear();
    for (auto& [queue, pools] : pools_) driver_.wait(pools.small->handle);
    for (auto segment = segments_.begin(); segment != segments_.end();) {
      auto* block = segment->second.first;
      if (block->is_split() || !block->is_free()) {
        ++segment;
        continue;
      }
      const auto kind = kind_of(*block);
      block->pool->bins.remove(block);
      stats_.remove_segment(kind, block->size);
      if (block->size >= sizes_.split_limit) stats_->oversize_segments.decrease(1);
      note(Action::SEGMENT_FREE, block->address, block->size, block->pool, context);
      driver_.deallocate(block->address, block->size);
      drop(block);
      segment = segments_.erase(segment);
    }
  }

  const c10::DeviceIndex device_;
  Driver driver_;
  std::mutex mutex_;
  MemoryHistory history_;
  std::size_t limit_;
  BlockSizes sizes_;
  MemoryStats stats_;
  ska::flat_hash_map<const Queue*, QueuePools> pools_;
  std::map<const char*, Segment> segments_;  // by address
  std::vector<PendingQueue> pending_;
  std::deque<Block> storage_;
  std::vector<Block*> spare_;
};

}  // namespace ipex::runtime
