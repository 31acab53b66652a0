#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/Utils.h>
#include <ATen/xpu/XPUGeneratorImpl.h>
#include <c10/core/StreamGuard.h>
#include <c10/xpu/XPUFunctions.h>

#include <array>
#include <atomic>
#include <cstring>

#include "runtime/device.h"

namespace at {
namespace {

// A kernel draws Philox numbers four at a time, so offsets stay multiples of four.
constexpr uint64_t kNumbersPerDraw = 4;

// The bytes of a state, as torch.cuda's: seed, then offset.
struct SavedState {
  uint64_t seed;
  int64_t offset;
};
constexpr int64_t kSeedOnlySize = sizeof(uint64_t);

[[noreturn]] void graphs_not_implemented() {
  TORCH_CHECK_NOT_IMPLEMENTED(false, "XPU graphs are not implemented");
}

}  // namespace

namespace xpu::detail {
namespace {

std::array<std::atomic<Generator*>, ipex::runtime::kMaxDevices> default_generators{};

DeviceIndex index_or_current(DeviceIndex device) {
  if (device == -1) device = c10::xpu::current_device();
  c10::xpu::check_device_index(device);
  return device;
}

}  // namespace

const Generator& getDefaultXPUGenerator(DeviceIndex device) {
  device = index_or_current(device);
  auto& slot = default_generators[device];
  if (auto* made = slot.load(std::memory_order_acquire)) return *made;
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  auto* made = slot.load(std::memory_order_relaxed);
  if (!made) {
    made = new Generator(createXPUGenerator(device));
    made->seed();
    slot.store(made, std::memory_order_release);
  }
  return *made;
}

Generator createXPUGenerator(DeviceIndex device) {
  auto generator = make_generator<XPUGeneratorImpl>(index_or_current(device));
  generator.set_current_seed(default_rng_seed_val);
  return generator;
}

}  // namespace xpu::detail

c10::intrusive_ptr<XPUGeneratorState> XPUGeneratorState::clone() {
  return make_intrusive<XPUGeneratorState>(seed_, philox_offset_per_thread_, offset_intragraph_);
}

void XPUGeneratorState::increase(uint64_t increment) {
  philox_offset_per_thread_ += (increment + kNumbersPerDraw - 1) / kNumbersPerDraw * kNumbersPerDraw;
}

void XPUGeneratorState::register_graph(xpu::XPUGraphImpl* /*graph*/) { graphs_not_implemented(); }
void XPUGeneratorState::unregister_graph(xpu::XPUGraphImpl* /*graph*/) { graphs_not_implemented(); }
void XPUGeneratorState::capture_prologue() { graphs_not_implemented(); }
uint64_t XPUGeneratorState::capture_epilogue() { graphs_not_implemented(); }
void XPUGeneratorState::replay_prologue(uint64_t /*wholegraph_increment*/) { graphs_not_implemented(); }

XPUGeneratorImpl::XPUGeneratorImpl(DeviceIndex device_index)
    : XPUGeneratorImpl(device_index, make_intrusive<XPUGeneratorState>()) {}

XPUGeneratorImpl::XPUGeneratorImpl(DeviceIndex device_index, c10::intrusive_ptr<XPUGeneratorState> state)
    : GeneratorImpl(Device(kXPU, device_index), DispatchKeySet(c10::DispatchKey::XPU)),
      state_(std::move(state)) {}

DeviceType XPUGeneratorImpl::device_type() { return kXPU; }

void XPUGeneratorImpl::set_current_seed(uint64_t seed) {
  state_->seed_ = seed;
  state_->philox_offset_per_thread_ = 0;
}

uint64_t XPUGeneratorImpl::current_seed() const { return state_->seed_; }

uint64_t XPUGeneratorImpl::seed() {
  const auto random = c10::detail::getNonDeterministicRandom();
  set_current_seed(random);
  return random;
}

void XPUGeneratorImpl::set_offset(uint64_t offset) { set_philox_offset_per_thread(offset); }

uint64_t XPUGeneratorImpl::get_offset() const { return philox_offset_per_thread(); }

void XPUGeneratorImpl::set_philox_offset_per_thread(uint64_t offset) {
  TORCH_CHECK(offset % kNumbersPerDraw == 0, "offset must be a multiple of 4, but got ", offset);
  state_->philox_offset_per_thread_ = offset;
}

uint64_t XPUGeneratorImpl::philox_offset_per_thread() const { return state_->philox_offset_per_thread_; }

c10::intrusive_ptr<c10::TensorImpl> XPUGeneratorImpl::get_state() const {
  const SavedState saved{current_seed(), static_cast<int64_t>(philox_offset_per_thread())};
  auto bytes = at::detail::empty_cpu({static_cast<int64_t>(sizeof saved)}, kByte);
  std::memcpy(bytes.mutable_data_ptr(), &saved, sizeof saved);
  return bytes.getIntrusivePtr();
}

void XPUGeneratorImpl::set_state(const c10::TensorImpl& new_state) {
  at::detail::check_rng_state(new_state);
  const auto size = new_state.numel();
  const bool has_offset = size == sizeof(SavedState);
  TORCH_CHECK(has_offset || size == kSeedOnlySize, "RNG state is wrong size: expected ", sizeof(SavedState),
              " bytes (or ", kSeedOnlySize, " for a seed alone), but got ", size);
  SavedState saved{};
  std::memcpy(&saved, new_state.data(), size);
  set_current_seed(saved.seed);
  set_philox_offset_per_thread(static_cast<uint64_t>(saved.offset));
}

void XPUGeneratorImpl::graphsafe_set_state(const c10::intrusive_ptr<GeneratorImpl>& state) {
  const auto* other = dynamic_cast<const XPUGeneratorImpl*>(state.get());
  TORCH_CHECK(other, "graphsafe_set_state: expected the state of an XPU generator");
  state_ = other->state_;
}

c10::intrusive_ptr<c10::GeneratorImpl> XPUGeneratorImpl::graphsafe_get_state() const {
  return make_intrusive<XPUGeneratorImpl>(device().index(), state_);
}

void XPUGeneratorImpl::register_graph(xpu::XPUGraphImpl* graph) { state_->register_graph(graph); }
void XPUGeneratorImpl::unregister_graph(xpu::XPUGraphImpl* graph) { state_->unregister_graph(graph); }

PhiloxXpuState XPUGeneratorImpl::philox_xpu_state(uint64_t increment) {
  const auto offset = state_->philox_offset_per_thread_;
  state_->increase(increment);
  return {state_->seed_, offset};
}

std::pair<uint64_t, uint64_t> XPUGeneratorImpl::philox_engine_inputs(uint64_t increment) {
  const auto [seed, offset] = xpu::philox::unpack(philox_xpu_state(increment));
  return {seed, offset};
}

std::shared_ptr<XPUGeneratorImpl> XPUGeneratorImpl::clone() const {
  return std::shared_ptr<XPUGeneratorImpl>(clone_impl());
}

XPUGeneratorImpl* XPUGeneratorImpl::clone_impl() const {
  return new XPUGeneratorImpl(device().index(), state_->clone());
}

}  // namespace at
