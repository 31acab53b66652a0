#include <c10/xpu/XPUCachingAllocator.h>

// Private pools exist for graph capture and pluggable allocators; until those are here, each entry says so.

namespace c10::xpu {

namespace {
[[noreturn]] void not_implemented() {
  TORCH_CHECK_NOT_IMPLEMENTED(false, "XPU memory pools are not implemented");
}
}  // namespace

std::atomic<CaptureId_t> MemPool::uid_{1};
std::atomic<CaptureId_t> MemPool::uuid_{1};

MemPool::MemPool(XPUCachingAllocator::XPUAllocator* allocator, bool is_user_created, bool /*use_on_oom*/)
    : allocator_(allocator), is_user_created_(is_user_created), id_(0, 0), device_(-1) {
  not_implemented();
}
MemPool::~MemPool() = default;

MempoolId_t MemPool::id() { return id_; }
XPUCachingAllocator::XPUAllocator* MemPool::allocator() { return allocator_; }
int MemPool::use_count() { not_implemented(); }
DeviceIndex MemPool::device() { return device_; }
MempoolId_t MemPool::graph_pool_handle(bool /*is_user_created*/) { not_implemented(); }

namespace XPUCachingAllocator {

void createOrIncrefPool(DeviceIndex, MempoolId_t, XPUAllocator*) { not_implemented(); }
void beginAllocateToPool(DeviceIndex, MempoolId_t, std::function<bool(sycl::queue*)>) { not_implemented(); }
void endAllocateToPool(DeviceIndex, MempoolId_t) { not_implemented(); }
void releasePool(DeviceIndex, MempoolId_t) { not_implemented(); }
int getPoolUseCount(DeviceIndex, MempoolId_t) { not_implemented(); }

}  // namespace XPUCachingAllocator
}  // namespace c10::xpu
