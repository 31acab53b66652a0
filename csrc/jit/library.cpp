#include "jit/library.h"

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <sycl/sycl.hpp>
#include <unordered_map>

#include "jit/archive.h"
#include "jit/cache.h"
#include "jit/compiler.h"
#include "jit/debug.h"
#include "jit/error.h"
#include "jit/kernel.h"
#include "jit/loader.h"

namespace ipex::jit {
namespace {

namespace fs = std::filesystem;

struct NameView {
  std::string_view module;  // or the digest of a caller's source
  std::string_view instantiation;
};

struct Name {
  std::string module;
  std::string instantiation;
};

template <class N>
concept AnyName = std::is_same_v<N, Name> || std::is_same_v<N, NameView>;

struct HashName {
  using is_transparent = void;
  std::size_t operator()(const AnyName auto& name) const {
    const std::hash<std::string_view> hash;
    return hash(name.instantiation) * 31 + hash(name.module);
  }
};

struct EqualNames {
  using is_transparent = void;
  bool operator()(const AnyName auto& a, const AnyName auto& b) const {
    return a.instantiation == b.instantiation && a.module == b.module;
  }
};

struct Entry {
  std::atomic<Kernel*> kernel{nullptr};
  std::mutex making;
};

// The kernels of one device in one context.
struct DeviceKernels {
  sycl::device device;
  sycl::context context;
  std::unordered_map<Name, Entry, HashName, EqualNames> entries;  // its nodes never move
};

class Library {
 public:
  // Never destroyed: kernels must outlive every thread that may still launch one while the process ends.
  static Library& instance() {
    static auto* library = new Library;
    return *library;
  }

  // `shown` is the module's name in messages.
  template <class Make>
  Kernel& find(const NameView& name, std::string_view shown, const sycl::queue& queue, Make make) {
    const sycl::device device = queue.get_device();
    const sycl::context context = queue.get_context();
    Entry& entry = find_entry(name, device, context);
    Kernel* kernel = entry.kernel.load(std::memory_order_acquire);
    if (kernel != nullptr) return *kernel;
    const std::lock_guard lock(entry.making);
    kernel = entry.kernel.load(std::memory_order_relaxed);
    if (kernel == nullptr) {
      kernel = make_kernel(name, shown, device, context, make);
      entry.kernel.store(kernel, std::memory_order_release);
    }
    return *kernel;
  }

  // The SPIR-V that a build made, ours or that of a registered module, if this instantiation was listed.
  std::optional<Bytes> archived(const NameView& name) {
    const std::string wanted = archive_name(name.module, name.instantiation);
    if (const auto* module = registered(name.module)) return module->archive.find(wanted);
    std::call_once(archive_opened_, [this] { open_archive(); });
    if (!archive_) return std::nullopt;
    return archive_->find(wanted);
  }

  Source source_of(std::string_view module) {
    const auto* found = registered(module);
    return found != nullptr ? found->source : module_source(kernel_root(), module);
  }

  void add(std::string module, Source source, std::span<const std::byte> archive) {
    const std::unique_lock lock(mutex_);
    const auto found = registered_.find(module);
    if (found == registered_.end()) {
      registered_.try_emplace(module, std::move(source), archive, module);
    } else if (found->second.source.text != source.text) {
      throw Error("two libraries register different kernels as the module " + module);
    }
  }

 private:
  Entry& find_entry(const NameView& name, const sycl::device& device, const sycl::context& context) {
    {
      const std::shared_lock lock(mutex_);
      for (auto& kernels : devices_) {
        if (kernels.context != context || kernels.device != device) continue;
        if (const auto found = kernels.entries.find(name); found != kernels.entries.end())
          return found->second;
      }
    }
    const std::unique_lock lock(mutex_);
    for (auto& kernels : devices_) {
      if (kernels.context == context && kernels.device == device) return insert(kernels, name);
    }
    devices_.push_back({device, context, {}});
    return insert(devices_.back(), name);
  }

  static Entry& insert(DeviceKernels& kernels, const NameView& name) {
    return kernels.entries.try_emplace(Name{std::string(name.module), std::string(name.instantiation)})
        .first->second;
  }

  template <class Make>
  static Kernel* make_kernel(const NameView& name, std::string_view shown, const sycl::device& device,
                             const sycl::context& context, Make make) {
    std::string text = std::string(shown) + ":" + std::string(name.instantiation);
    try {
      debug::Timer timer;
      auto kernel = std::make_unique<Kernel>(text, make(device, context));
      if (debug::enabled(debug::Cache)) debug::log("kernel " + text + " ready in " + timer.milliseconds());
      return kernel.release();
    } catch (const std::exception& error) {
      throw Error("kernel " + text + " for " + device.get_info<sycl::info::device::name>() + ": " +
                  error.what());
    }
  }

  struct Registered {
    Registered(Source source_, std::span<const std::byte> bytes, const std::string& name)
        : source(std::move(source_)), archive(bytes, name) {}
    Source source;
    Archive archive;
  };

  // Modules are never removed, so what this returns stays.
  const Registered* registered(std::string_view module) {
    const std::shared_lock lock(mutex_);
    const auto found = registered_.find(module);
    return found == registered_.end() ? nullptr : &found->second;
  }

  void open_archive() {
    const fs::path path = library_folder() / "kernels.bin";
    try {
      archive_.emplace(path);
    } catch (const Error& error) {
      debug::log(error.what() +
                 std::string("; every kernel will be compiled on first use, which takes seconds"));
    }
  }

  std::shared_mutex mutex_;
  std::deque<DeviceKernels> devices_;
  std::map<std::string, Registered, std::less<>> registered_;
  std::once_flag archive_opened_;
  std::optional<Archive> archive_;
};

// SPIR-V of instantiations that are not in an archive: from the disk cache, else compiled together and kept
// there.
std::vector<Bytes> compiled(const Source& source, const std::vector<std::string>& instantiations,
                            const sycl::device& device, std::string* log = nullptr) {
  const Digest common = source_digest(source);
  const auto key = [&](const std::string& name) { return Digest(common).add(canonical(name)); };
  std::vector<Bytes> modules;
  for (const auto& name : instantiations) {
    auto spirv = cache::load(key(name), "spirv");
    if (!spirv) break;
    modules.push_back(*std::move(spirv));
  }
  if (modules.size() == instantiations.size()) return modules;
  modules = compile_to_spirv(device, source, instantiations, log);
  for (std::size_t i = 0; i < modules.size(); ++i) cache::store(key(instantiations[i]), "spirv", modules[i]);
  return modules;
}

bool takes_spirv(const sycl::device& device) {
  return device.get_backend() == sycl::backend::opencl ||
         device.get_backend() == sycl::backend::ext_oneapi_level_zero;
}

sycl::kernel from_source(const Source& source, std::string_view instantiation, const sycl::device& device,
                         const sycl::context& context) {
  const std::string name(instantiation);
  if (!takes_spirv(device)) return load_source(source, name, context, device);
  return load_spirv(compiled(source, {name}, device).front(), context, device);
}

}  // namespace

Kernel& find_kernel(std::string_view module, std::string_view instantiation, const sycl::queue& queue) {
  Library& library = Library::instance();
  const NameView name{module, instantiation};
  return library.find(name, module, queue, [&](const sycl::device& device, const sycl::context& context) {
    if (takes_spirv(device)) {
      if (const auto spirv = library.archived(name)) return load_spirv(*spirv, context, device);
    }
    return from_source(library.source_of(module), instantiation, device, context);
  });
}

Kernel& find_kernel(const Source& source, std::string_view instantiation, const sycl::queue& queue) {
  const Source complete = with_kernel_headers(source);
  const std::string identity = source_digest(complete).hex();
  return Library::instance().find({identity, instantiation}, source.name, queue,
                                  [&](const sycl::device& device, const sycl::context& context) {
                                    return from_source(complete, instantiation, device, context);
                                  });
}

std::vector<Bytes> compile(const Source& source, const std::vector<std::string>& instantiations,
                           const sycl::device& device, std::string* log) {
  return compiled(with_kernel_headers(source), instantiations, device, log);
}

void register_module(std::string module, Source source, std::span<const std::byte> archive) {
  Library::instance().add(std::move(module), with_kernel_headers(std::move(source)), archive);
}

}  // namespace ipex::jit
