#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/xpu/XPUCachingAllocator.h>

#include "runtime/device.h"
#include "runtime/fault.h"
#include "runtime/stream.h"

// PyTorch's own c10::xpu::impl::XPUGuardImpl asks every timed event of the stream's queue, which must then
// profile every launch, reports hidden aspects as present, and ends the process when a noexcept function
// meets an error.

namespace ipex::runtime {
namespace {

using c10::Device;
using c10::DeviceIndex;
using c10::kXPU;
using c10::Stream;
using c10::xpu::XPUStream;

// Others know it by the address of a sycl::event.
struct RecordedEvent final : sycl::event {
  DeviceIndex device;
};

sycl::event* as_event(void* event) { return static_cast<sycl::event*>(event); }
RecordedEvent* as_recorded(void* event) { return static_cast<RecordedEvent*>(as_event(event)); }

template <class Trace>
void trace(Trace call) {
  if (const auto* interpreter = c10::impl::GPUTrace::get_trace(); C10_UNLIKELY(interpreter))
    call(**interpreter);
}

uintptr_t address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

void check_is_xpu(Device device) { TORCH_CHECK(device.is_xpu(), "Expected a XPU device, but got ", device); }

struct Guard final : c10::impl::DeviceGuardImplInterface {
  static constexpr c10::DeviceType static_type = kXPU;

  c10::DeviceType type() const override { return kXPU; }

  Device exchangeDevice(Device device) const override {
    check_is_xpu(device);
    return {kXPU, c10::xpu::exchange_device(device.index())};
  }
  Device getDevice() const override { return {kXPU, c10::xpu::current_device()}; }
  void setDevice(Device device) const override {
    check_is_xpu(device);
    c10::xpu::set_device(device.index());
  }
  void uncheckedSetDevice(Device device) const noexcept override {
    try {
      c10::xpu::maybe_exchange_device(device.index());
    } catch (const std::exception& error) {
      TORCH_WARN("XPU: could not go back to ", device, ": ", error.what());
    }
  }
  DeviceIndex deviceCount() const noexcept override { return c10::xpu::device_count(); }

  c10::DeviceCapability getDeviceCapability(Device device) const override {
    const auto& limits = device_limits(device.index());
    c10::DeviceCapability capability;
    auto& bits = capability.capability_data.capability_bits;
    const auto set = [&bits](auto... kinds) { ((bits |= uint64_t{1} << kinds), ...); };
    bits = 0;
    set(c10::kIndex_Byte, c10::kIndex_Char, c10::kIndex_Short, c10::kIndex_Int, c10::kIndex_Long,
        c10::kIndex_UInt16, c10::kIndex_UInt32, c10::kIndex_UInt64, c10::kIndex_Bool, c10::kIndex_Float,
        c10::kIndex_ComplexFloat, c10::kIndex_BFloat16, c10::kIndex_Float8_e5m2, c10::kIndex_Float8_e4m3fn,
        c10::kIndex_Float8_e5m2fnuz, c10::kIndex_Float8_e4m3fnuz, c10::kIndex_Float8_e8m0fnu);
    if (limits.fp16) set(c10::kIndex_Half, c10::kIndex_ComplexHalf);
    if (limits.fp64) set(c10::kIndex_Double, c10::kIndex_ComplexDouble);
    return capability;
  }

  Stream getStream(Device device) const override { return c10::xpu::getCurrentXPUStream(device.index()); }
  Stream getDefaultStream(Device device) const override {
    return Stream(Stream::DEFAULT,
                  Device(kXPU, device.has_index() ? device.index() : c10::xpu::current_device()));
  }
  Stream getNewStream(Device device, int priority = 0) const override {
    return c10::xpu::getStreamFromPool(priority, device.index());
  }
  Stream getStreamFromGlobalPool(Device device, bool isHighPriority = false) const override {
    return c10::xpu::getStreamFromPool(isHighPriority, device.index());
  }
  Stream exchangeStream(Stream stream) const override {
    const auto previous = c10::xpu::getCurrentXPUStream(stream.device_index());
    c10::xpu::setCurrentXPUStream(XPUStream(stream));
    return previous;
  }
  void* getStreamNativeHandle(const Stream stream) const override { return &XPUStream(stream).queue(); }
  bool queryStream(const Stream& stream) const override {
    const bool done = XPUStream(stream).query();
    if (done) check_faults(stream.device_index());
    return done;
  }
  bool isStreamCapturing(const Stream& stream) const override { return XPUStream(stream).is_capturing(); }
  void synchronizeStream(const Stream& stream) const override {
    checked("waiting for a stream", [&] { XPUStream(stream).synchronize(); });
    check_faults(stream.device_index());
  }
  void synchronizeDevice(const DeviceIndex device) const override {
    trace([](const auto& interpreter) { interpreter.trace_gpu_device_synchronization(kXPU); });
    c10::xpu::syncStreamsOnDevice(device);
  }

  void record(void** event, const Stream& stream, const DeviceIndex device,
              const c10::EventFlag flag) const override {
    TORCH_CHECK(device == -1 || device == stream.device_index(), "Event device index ",
                static_cast<int>(device), " does not match recording stream's device index ",
                static_cast<int>(stream.device_index()), ".");
    const XPUStream on(stream);
    auto recorded =
        flag == c10::EventFlag::BACKEND_DEFAULT
            ? record_timed_event(on)
            : checked("recording an event", [&] { return on.queue().ext_oneapi_submit_barrier(); });
    if (*event)
      *as_recorded(*event) = {std::move(recorded), stream.device_index()};
    else
      *event = static_cast<sycl::event*>(new RecordedEvent{std::move(recorded), stream.device_index()});
    trace([&](const auto& interpreter) {
      interpreter.trace_gpu_event_record(kXPU, address(*event), address(&on.queue()));
    });
  }
  void block(void* event, const Stream& stream) const override {
    if (!event) return;
    auto& queue = XPUStream(stream).queue();
    checked("waiting for an event", [&] { queue.ext_oneapi_submit_barrier({*as_event(event)}); });
    trace([&](const auto& interpreter) {
      interpreter.trace_gpu_event_wait(kXPU, address(event), address(&queue));
    });
  }
  bool queryEvent(void* event) const override {
    using sycl::info::event_command_status;
    if (!event) return true;
    const bool done = as_event(event)->get_info<sycl::info::event::command_execution_status>() ==
                      event_command_status::complete;
    if (done) check_faults(as_recorded(event)->device);
    return done;
  }
  void synchronizeEvent(void* event) const override {
    if (!event) return;
    trace(
        [&](const auto& interpreter) { interpreter.trace_gpu_event_synchronization(kXPU, address(event)); });
    checked("waiting for an event", [&] { as_event(event)->wait_and_throw(); });
    check_faults(as_recorded(event)->device);
  }
  void destroyEvent(void* event, const DeviceIndex /*device*/) const noexcept override {
    if (!event) return;
    trace([&](const auto& interpreter) { interpreter.trace_gpu_event_deletion(kXPU, address(event)); });
    delete as_recorded(event);
  }
  double elapsedTime(void* start, void* end, const DeviceIndex /*device*/) const override {
    TORCH_CHECK(start && end, "Both events must be recorded before calculating elapsed time.");
    const auto nanoseconds = [](void* event) {
      return static_cast<double>(
          as_event(event)->get_profiling_info<sycl::info::event_profiling::command_end>());
    };
    return checked("reading the time of an event",
                   [&] { return 1e-6 * (nanoseconds(end) - nanoseconds(start)); });
  }

  void recordDataPtrOnStream(const c10::DataPtr& data, const Stream& stream) const override {
    c10::xpu::XPUCachingAllocator::recordStream(data, XPUStream(stream));
  }
};

C10_REGISTER_GUARD_IMPL(XPU, Guard)

}  // namespace
}  // namespace ipex::runtime
