#include "compiler/library_build.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <set>
#include <sycl/sycl.hpp>
#include <thread>

#include "jit/archive.h"
#include "jit/compiler.h"
#include "jit/debug.h"
#include "jit/error.h"
#include "jit/source.h"

namespace ipex::jit {
namespace {

namespace fs = std::filesystem;

// Below, starting the compiler dominates; above, one long chunk keeps the other cores waiting.
constexpr std::size_t smallest_chunk = 40;
constexpr std::size_t largest_chunk = 250;

struct Chunk {
  std::string module;
  std::string prefix;  // of its file in the cache folder: the module and the digest of its sources
  std::vector<std::string> instantiations;
};

std::map<std::string, std::set<std::string>> read_lists(const std::vector<fs::path>& lists) {
  std::map<std::string, std::set<std::string>> wanted;
  for (const auto& path : lists) {
    std::ifstream file(path);
    if (!file) throw Error("cannot read " + path.string());
    for (std::string line; std::getline(file, line);) {
      if (line.empty()) continue;
      const auto tab = line.find('\t');
      if (tab == std::string::npos) throw Error(path.string() + ": not 'module<TAB>instantiation': " + line);
      wanted[line.substr(0, tab)].insert(canonical(std::string_view(line).substr(tab + 1)));
    }
  }
  return wanted;
}

// Adds what the cache folder has under `prefix`.
void read_cached(const fs::path& folder, const std::string& prefix, Archive::Contents& contents) {
  for (const auto& file : fs::directory_iterator(folder)) {
    const std::string name = file.path().filename();
    if (!name.starts_with(prefix) || file.path().extension() != ".bin") continue;
    try {
      const Archive archive(file.path());
      for (std::size_t i = 0; i < archive.size(); ++i) {
        contents.try_emplace(std::string(archive.name(i)), archive.spirv(i));
      }
    } catch (const Error&) {
      std::error_code ignored;
      fs::remove(file.path(), ignored);
    }
  }
}

// Results of sources that changed since are kept for some days of switching between versions. Another build
// may share the folder: what it removes meanwhile is no error.
void remove_old(const fs::path& folder) {
  for (const auto& file : fs::directory_iterator(folder)) {
    std::error_code error;
    const auto written = fs::last_write_time(file.path(), error);
    if (!error && fs::file_time_type::clock::now() - written > std::chrono::days(7))
      fs::remove(file.path(), error);
  }
}

// Builds that share the folder take turns, so that the later ones find what the first made.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : file_(open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (file_ < 0 || flock(file_, LOCK_EX) != 0) throw Error("cannot lock " + folder.string());
  }
  ~FolderLock() { close(file_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_;
};

void compile_chunk(const LibraryBuild& build, const Chunk& chunk) {
  const auto spirv =
      compile_to_spirv(sycl::device(), module_source(build.root, chunk.module), chunk.instantiations);
  Archive::Contents contents;
  Digest names;
  for (std::size_t i = 0; i < spirv.size(); ++i) {
    contents[archive_name(chunk.module, chunk.instantiations[i])] = spirv[i];
    names.add(chunk.instantiations[i]);
  }
  Archive::write(build.cache / (chunk.prefix + "-" + names.hex().substr(0, 12) + ".bin"), contents);
}

// One process for each core: the runtime compiler keeps the threads of a process apart.
void compile_all(const LibraryBuild& build, const std::vector<Chunk>& chunks) {
  struct Progress {
    std::atomic<std::size_t> next, done;
    std::atomic<bool> failed;
  };
  auto* progress = static_cast<Progress*>(
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (progress == MAP_FAILED) throw Error("cannot share memory with the worker processes");
  std::fflush(stdout);
  std::vector<pid_t> workers;
  for (std::size_t i = 0; i < std::min<std::size_t>(build.jobs, chunks.size()); ++i) {
    const pid_t worker = fork();
    if (worker < 0) throw Error("cannot start a worker process");
    if (worker > 0) {
      workers.push_back(worker);
      continue;
    }
    for (std::size_t next; !progress->failed && (next = progress->next++) < chunks.size();) {
      const Chunk& chunk = chunks[next];
      try {
        const debug::Timer timer;
        compile_chunk(build, chunk);
        std::printf("[%zu/%zu] %s: %zu kernels in %.1f s\n", ++progress->done, chunks.size(),
                    chunk.module.c_str(), chunk.instantiations.size(), timer.seconds());
      } catch (const std::exception& error) {
        progress->failed = true;
        std::fprintf(stderr, "kernel_compiler: module %s: %s\n", chunk.module.c_str(), error.what());
      }
      std::fflush(stdout);
    }
    _exit(0);  // nothing of the parent's is to be torn down here
  }
  bool failed = false;
  for (const pid_t worker : workers) {
    int status = 0;
    waitpid(worker, &status, 0);
    failed = failed || status != 0;
  }
  failed = failed || progress->failed;
  munmap(progress, sizeof(Progress));
  if (failed) throw Error("the kernels were not compiled");
}

}  // namespace

void build_library(const LibraryBuild& build) {
  const debug::Timer timer;
  const auto wanted = read_lists(build.lists);
  fs::create_directories(build.cache);
  const FolderLock lock(build.cache);
  remove_old(build.cache);

  std::map<std::string, std::string> prefixes;
  for (const auto& [module, instantiations] : wanted) {
    const Digest digest = source_digest(module_source(build.root, module));
    prefixes[module] = module + "-" + std::to_string(Archive::version) + digest.hex().substr(0, 24);
    std::replace(prefixes[module].begin(), prefixes[module].end(), '/', '.');
  }
  const auto read_all = [&] {
    Archive::Contents contents;
    for (const auto& [module, prefix] : prefixes) read_cached(build.cache, prefix, contents);
    return contents;
  };
  Archive::Contents made = read_all();

  std::map<std::string, std::vector<std::string>> missing;
  std::size_t missing_count = 0;
  std::size_t wanted_count = 0;
  for (const auto& [module, instantiations] : wanted) {
    for (const auto& instantiation : instantiations) {
      ++wanted_count;
      if (made.contains(archive_name(module, instantiation))) continue;
      missing[module].push_back(instantiation);
      ++missing_count;
    }
  }
  const std::size_t chunk_size = std::clamp(missing_count / build.jobs + 1, smallest_chunk, largest_chunk);
  std::vector<Chunk> chunks;
  for (const auto& [module, instantiations] : missing) {
    // Equal chunks rather than full ones and a rest.
    const std::size_t parts = (instantiations.size() + chunk_size - 1) / chunk_size;
    for (std::size_t part = 0; part < parts; ++part) {
      const auto at = [&](std::size_t p) {
        return instantiations.begin() + static_cast<std::ptrdiff_t>(instantiations.size() * p / parts);
      };
      chunks.push_back({module, prefixes[module], {at(part), at(part + 1)}});
    }
  }
  std::stable_sort(chunks.begin(), chunks.end(), [](const Chunk& a, const Chunk& b) {
    return a.instantiations.size() > b.instantiations.size();
  });
  if (!chunks.empty()) {
    compile_all(build, chunks);
    made = read_all();
  }

  Archive::Contents contents;
  for (const auto& [module, instantiations] : wanted) {
    for (const auto& instantiation : instantiations) {
      const std::string name = archive_name(module, instantiation);
      const auto found = made.find(name);
      if (found == made.end()) throw Error("not made: " + name);
      contents.insert(made.extract(found));
    }
  }
  Archive::write(build.output, contents);
  std::printf("kernel archive: %zu kernels (%zu compiled), %.1f MB, %.1f s\n", wanted_count, missing_count,
              static_cast<double>(fs::file_size(build.output)) * 1e-6, timer.seconds());
}

}  // namespace ipex::jit
