#include "onednn/primitive_cache.h"

namespace ipex::onednn {

std::shared_ptr<const Operation> cached(const Key& key, c10::function_ref<Operation()> make) {
  // Never destroyed: primitives must not outlive the SYCL runtime, nor be freed after it.
  static auto* cache = new runtime::KeyedCache<const Operation>(4096);
  return cache->get(key, [&] { return std::make_shared<const Operation>(make()); });
}

}  // namespace ipex::onednn
