#pragma once

#include <c10/util/FunctionRef.h>

#include <memory>

#include "onednn/operation.h"
#include "runtime/keyed_cache.h"

namespace ipex::onednn {

using runtime::Key;

// The operation of this key, made by `make` if the process did not need it lately. Thread-safe; the least
// recently used are dropped.
std::shared_ptr<const Operation> cached(const Key& key, c10::function_ref<Operation()> make);

}  // namespace ipex::onednn
