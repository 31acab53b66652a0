// The allocator's policy over a pretended device: no driver, no GPU, every rule checked after every step.
#include "runtime/block_cache.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>
#include <vector>

using ipex::runtime::BlockCache;

#define REQUIRE(condition)                                                 \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (false)

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Addresses without memory behind them. Events finish when the test says so.
struct World {
  std::size_t capacity = 1024 * kMiB;
  std::size_t used = 0;
  std::map<char*, std::size_t> segments;
  std::set<int> running;
  int next_event = 0;
  int calls = 0;
};

struct PretendedDriver {
  struct Queue {
    int id;
    bool operator==(const Queue&) const = default;
  };
  using Event = int;

  World* world;

  void* allocate(std::size_t bytes) {
    ++world->calls;
    if (world->used + bytes > world->capacity) return nullptr;
    world->used += bytes;
    auto* address = reinterpret_cast<char*>(kMiB * 4096);
    for (const auto& [begin, size] : world->segments) {
      if (begin - address >= static_cast<std::ptrdiff_t>(bytes)) break;
      address = begin + size;
    }
    REQUIRE(world->segments.emplace(address, bytes).second);
    return address;
  }
  void deallocate(void* memory, std::size_t bytes) {
    const auto found = world->segments.find(static_cast<char*>(memory));
    REQUIRE(found != world->segments.end() && found->second == bytes);
    world->used -= bytes;
    world->segments.erase(found);
  }
  std::optional<Event> record(Queue&) {
    world->running.insert(world->next_event);
    return world->next_event++;
  }
  bool finished(const Event& event) { return !world->running.contains(event); }
  void wait(Event& event) { world->running.erase(event); }
  void wait(Queue&) {}
};

using Cache = BlockCache<PretendedDriver>;
using Queue = PretendedDriver::Queue;

struct Fixture {
  World world;
  Queue queues[3] = {{0}, {1}, {2}};
  Cache cache{0, PretendedDriver{&world}, std::size_t{1} << 40};

  Cache::Block* allocate(std::size_t size, int queue = 0) {
    auto* block = cache.allocate(size, &queues[queue]);
    if (block) REQUIRE(block->size >= size && block->requested == size && block->allocated);
    return block;
  }
};

// What the statistics must be, counted anew from a snapshot.
void check_consistency(Fixture& fixture) {
  const auto stats = fixture.cache.stats();
  int64_t allocated = 0, allocations = 0, active = 0, active_bytes = 0, reserved = 0, split = 0,
          split_bytes = 0;
  int64_t segments = 0, requested = 0;
  for (const auto& segment : fixture.cache.snapshot()) {
    const auto found = fixture.world.segments.find(reinterpret_cast<char*>(segment.address));
    REQUIRE(found != fixture.world.segments.end() && found->second == segment.total_size);
    ++segments;
    reserved += static_cast<int64_t>(segment.total_size);
    std::size_t sum = 0;
    bool last_free = false;
    for (const auto& block : segment.blocks) {
      REQUIRE(block.size > 0 && block.size % 512 == 0);
      sum += block.size;
      const auto size = static_cast<int64_t>(block.size);
      if (block.allocated)
        allocated += size, ++allocations, requested += static_cast<int64_t>(block.requested_size);
      if (block.active) active_bytes += size, ++active;
      if (!block.active) {
        REQUIRE(!last_free);  // free neighbours are one block
        if (segment.blocks.size() > 1) split_bytes += size, ++split;
      }
      last_free = !block.active;
    }
    REQUIRE(sum == segment.total_size);
  }
  const auto total = [](const auto& stat) { return stat[0].current; };
  REQUIRE(total(stats.allocated_bytes) == allocated && total(stats.allocation) == allocations);
  REQUIRE(total(stats.requested_bytes) == requested);
  REQUIRE(total(stats.active_bytes) == active_bytes && total(stats.active) == active);
  REQUIRE(total(stats.reserved_bytes) == reserved && total(stats.segment) == segments);
  REQUIRE(total(stats.inactive_split) == split && total(stats.inactive_split_bytes) == split_bytes);
  REQUIRE(static_cast<std::size_t>(reserved) == fixture.world.used);
  for (const auto* stat :
       {&stats.allocated_bytes, &stats.reserved_bytes, &stats.active_bytes, &stats.requested_bytes,
        &stats.inactive_split_bytes, &stats.allocation, &stats.segment})
    REQUIRE((*stat)[0].current == (*stat)[1].current + (*stat)[2].current);
}

void reuses_memory_on_the_same_queue_only() {
  Fixture fixture;
  auto* first = fixture.allocate(1000);
  auto* address = first->address;
  fixture.cache.free(first);
  const int calls = fixture.world.calls;
  auto* other = fixture.allocate(1000, 1);
  REQUIRE(other->address != address);
  REQUIRE(fixture.world.calls == calls + 1);
  REQUIRE(fixture.allocate(900)->address == address);
  check_consistency(fixture);
}

void splits_and_joins() {
  Fixture fixture;
  auto* a = fixture.allocate(kMiB / 2);
  auto* b = fixture.allocate(kMiB / 2);
  auto* c = fixture.allocate(kMiB / 2);
  REQUIRE(fixture.world.segments.size() == 1);
  REQUIRE(b->address == a->address + kMiB / 2 && c->address == b->address + kMiB / 2);
  fixture.cache.free(a);
  fixture.cache.free(c);
  check_consistency(fixture);
  fixture.cache.free(b);
  check_consistency(fixture);
  REQUIRE(fixture.cache.snapshot()[0].blocks.size() == 1);
  fixture.cache.empty_cache();
  REQUIRE(fixture.world.segments.empty());
  check_consistency(fixture);
}

void takes_the_best_fit() {
  Fixture fixture;
  auto* big = fixture.allocate(40 * kMiB);
  auto* small = fixture.allocate(30 * kMiB);
  auto* address = small->address;
  fixture.cache.free(big);
  fixture.cache.free(small);
  REQUIRE(fixture.allocate(29 * kMiB)->address == address);
}

void recorded_streams_delay_reuse() {
  Fixture fixture;
  auto* block = fixture.allocate(512);
  auto* address = block->address;
  fixture.cache.record_stream(block, fixture.queues[1]);
  fixture.cache.record_stream(block, fixture.queues[1]);
  fixture.cache.record_stream(block, fixture.queues[2]);
  fixture.cache.record_stream(block, fixture.queues[0]);  // its own queue needs no event
  fixture.cache.free(block);
  REQUIRE(fixture.world.running.size() == 2);
  REQUIRE(fixture.cache.stats().active[0].current == 1 && fixture.cache.stats().allocation[0].current == 0);
  auto* second = fixture.allocate(512);
  REQUIRE(second->address != address);
  fixture.world.running.erase(fixture.world.running.begin());
  auto* third = fixture.allocate(512);
  REQUIRE(third->address != address);  // one of the two still runs
  fixture.world.running.clear();
  fixture.cache.free(second);
  fixture.cache.free(third);
  auto* fourth = fixture.allocate(512);
  REQUIRE(fourth->address == address);
  check_consistency(fixture);
}

void a_full_device_gives_back_the_cache_and_tries_again() {
  Fixture fixture;
  fixture.world.capacity = 100 * kMiB;
  auto* a = fixture.allocate(60 * kMiB);
  fixture.cache.free(a);
  auto* b = fixture.allocate(80 * kMiB);
  REQUIRE(b);
  REQUIRE(fixture.cache.stats().num_alloc_retries == 1 && fixture.cache.stats().num_ooms == 0);
  REQUIRE(!fixture.allocate(30 * kMiB));
  REQUIRE(fixture.cache.stats().num_ooms == 1);
  REQUIRE(fixture.allocate(20 * kMiB));
  REQUIRE(!fixture.allocate(~std::size_t{0}) && !fixture.allocate(std::size_t{1} << 60));
  check_consistency(fixture);
}

void waits_for_pending_blocks_before_giving_up() {
  Fixture fixture;
  fixture.world.capacity = 64 * kMiB;
  auto* a = fixture.allocate(64 * kMiB);
  fixture.cache.record_stream(a, fixture.queues[1]);
  fixture.cache.free(a);
  REQUIRE(!fixture.world.running.empty());
  REQUIRE(fixture.allocate(64 * kMiB));
  REQUIRE(fixture.world.running.empty());
  check_consistency(fixture);
}

void respects_the_limit() {
  Fixture fixture;
  fixture.cache.set_limit(10 * kMiB);
  REQUIRE(!fixture.allocate(12 * kMiB));
  auto* a = fixture.allocate(1000);
  REQUIRE(a && fixture.cache.limit() == 10 * kMiB);
  fixture.cache.set_limit(0);
  REQUIRE(fixture.allocate(1000));  // what is reserved already may be used
  REQUIRE(!fixture.allocate(2 * kMiB));
}

void resets_statistics() {
  Fixture fixture;
  auto* a = fixture.allocate(kMiB);
  fixture.cache.free(a);
  auto stats = fixture.cache.stats();
  REQUIRE(stats.allocated_bytes[0].peak == kMiB && stats.allocated_bytes[0].freed == kMiB);
  fixture.cache.reset_peak_stats();
  fixture.cache.reset_accumulated_stats();
  stats = fixture.cache.stats();
  REQUIRE(stats.allocated_bytes[0].peak == 0 && stats.allocated_bytes[0].freed == 0);
  REQUIRE(stats.allocated_bytes[0].allocated == 0 && stats.reserved_bytes[0].peak == 2 * kMiB);
}

void knows_its_addresses() {
  Fixture fixture;
  auto* a = fixture.allocate(1000);
  REQUIRE(fixture.cache.owns(a->address) && fixture.cache.owns(a->address + 2 * kMiB - 1));
  REQUIRE(!fixture.cache.owns(a->address + 2 * kMiB) && !fixture.cache.owns(a->address - 1));
}

void a_new_queue_at_an_old_address_is_not_the_old_one() {
  Fixture fixture;
  auto* a = fixture.allocate(1000);
  fixture.cache.free(a);
  fixture.queues[0].id = 7;
  auto* b = fixture.allocate(1000);
  fixture.cache.record_stream(b, Queue{0});
  REQUIRE(b->users.size() == 1);  // the old queue is a stranger now
}

void records_history() {
  Fixture fixture;
  using Action = ipex::runtime::MemoryHistory::Entry::Action;
  fixture.cache.configure_history(true, nullptr, 3, ipex::runtime::MemoryHistory::Level::NEVER, true,
                                  std::vector<std::string>{"free_requested"});
  fixture.cache.free(fixture.allocate(1000));
  auto entries = fixture.cache.history();
  REQUIRE(entries.size() == 3);
  REQUIRE(entries[0].action_ == Action::SEGMENT_ALLOC && entries[1].action_ == Action::ALLOC);
  REQUIRE(entries[2].action_ == Action::FREE_COMPLETED && entries[2].size_ == 1000);
  auto* block = fixture.allocate(77);
  entries = fixture.cache.history();
  REQUIRE(entries.size() == 3 && entries[2].action_ == Action::ALLOC && entries[2].size_ == 77);
  REQUIRE(entries[0].action_ == Action::ALLOC);  // the oldest made room
  fixture.cache.free(block);
}

void holds_under_random_use() {
  Fixture fixture;
  fixture.world.capacity = 600 * kMiB;
  std::mt19937 random(7);
  std::map<char*, Cache::Block*> live;
  for (int step = 0; step < 20000; ++step) {
    const auto choice = random() % 100;
    if (choice < 50) {
      const auto magnitude = std::size_t{1} << random() % 26;
      const auto size = 1 + random() % magnitude;
      auto* block = fixture.allocate(size, static_cast<int>(random() % 3));
      if (block) {
        auto after = live.lower_bound(block->address);
        REQUIRE(after == live.end() || block->address + block->size <= after->first);
        if (after != live.begin()) {
          const auto* before = std::prev(after)->second;
          REQUIRE(before->address + before->size <= block->address);
        }
        live.emplace(block->address, block);
      }
    } else if (choice < 95 && !live.empty()) {
      auto chosen = live.lower_bound(live.begin()->first + random() % (600 * kMiB));
      if (chosen == live.end()) chosen = live.begin();
      if (random() % 4 == 0) fixture.cache.record_stream(chosen->second, fixture.queues[random() % 3]);
      fixture.cache.free(chosen->second);
      live.erase(chosen);
    } else if (choice < 99) {
      if (!fixture.world.running.empty()) fixture.world.running.erase(fixture.world.running.begin());
    } else if (random() % 20 == 0) {
      fixture.cache.empty_cache();
    }
    if (step % 50 == 0) check_consistency(fixture);
  }
  for (const auto& [address, block] : live) fixture.cache.free(block);
  fixture.cache.empty_cache();
  check_consistency(fixture);
  REQUIRE(fixture.world.segments.empty() && fixture.world.used == 0);
}

// Threads share one cache, each with blocks of its own; for the thread sanitizer, and for lost updates
// without it.
void is_safe_for_threads() {
  Fixture fixture;
  const auto work = [&fixture](unsigned seed) {
    std::mt19937 random(seed);
    std::vector<Cache::Block*> mine;
    for (int step = 0; step < 3000; ++step) {
      if (mine.size() < 10 && random() % 2 == 0) {
        if (auto* block = fixture.allocate(1 + random() % (2 * kMiB), static_cast<int>(random() % 3)))
          mine.push_back(block);
      } else if (!mine.empty()) {
        if (random() % 8 == 0) fixture.cache.record_stream(mine.back(), fixture.queues[random() % 3]);
        fixture.cache.free(mine.back());
        mine.pop_back();
      }
      if (random() % 500 == 0) fixture.cache.empty_cache();
      if (random() % 500 == 0) fixture.cache.snapshot();
    }
    for (auto* block : mine) fixture.cache.free(block);
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  for (auto& thread : threads) thread.join();
  fixture.cache.empty_cache();
  check_consistency(fixture);
  REQUIRE(fixture.world.segments.empty());
}

}  // namespace

int main() {
  reuses_memory_on_the_same_queue_only();
  splits_and_joins();
  takes_the_best_fit();
  recorded_streams_delay_reuse();
  a_full_device_gives_back_the_cache_and_tries_again();
  waits_for_pending_blocks_before_giving_up();
  respects_the_limit();
  resets_statistics();
  knows_its_addresses();
  a_new_queue_at_an_old_address_is_not_the_old_one();
  records_history();
  holds_under_random_use();
  is_safe_for_threads();
  std::puts("all passed");
}
