#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "jit/digest.h"
#include "jit/spirv.h"

namespace ipex::jit::cache {

// IPEX_XPU_CACHE_DIR, else $XDG_CACHE_HOME/intel_extension_for_pytorch, else below ~/.cache; empty if none is
// set.
const std::filesystem::path& directory();

// Why that folder is not used, or nullptr.
const char* refused_directory();

// The user's kernel cache: one file per content key, written atomically, checked when loaded. What cannot be
// read or written, or what others than this user and root own or may write, is made again: no failure leaves
// here, it is counted and logged (IPEX_XPU_DEBUG=3). `kind` is the file's extension: "spirv" or "binary".
std::optional<Bytes> load(const Digest& key, std::string_view kind);
void store(const Digest& key, std::string_view kind, std::span<const std::byte> payload);

// Forgets a file whose content the device refused.
void reject(const Digest& key, std::string_view kind);

}  // namespace ipex::jit::cache
