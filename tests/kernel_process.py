"""A source of kernels, and processes of their own that compile it."""

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = """
#include "kernels/core/kernel.hpp"
namespace ipex::kernels {
struct Params { const void* input; void* output; int64_t count; };

template <class T> IPEX_KERNEL void twice(Params params) {
  const int64_t i = this_item().get_global_linear_id();
  if (i >= params.count) return;
  const auto value = static_cast<opmath_t<T>>(static_cast<const T*>(params.input)[i]);
  static_cast<T*>(params.output)[i] = cast<T>(value + value);
}

template <class T> IPEX_KERNEL void reverse_groups(Params params, LocalMemory memory) {
  const auto item = this_item();
  local<T>* values = local_pointer<T>(memory);
  values[item.get_local_id(0)] = static_cast<const T*>(params.input)[item.get_global_id(0)];
  sycl::group_barrier(item.get_group());
  const auto mirrored = item.get_local_range(0) - 1 - item.get_local_id(0);
  static_cast<T*>(params.output)[item.get_global_id(0)] = values[mirrored];
}

template <class T> IPEX_KERNEL void count_atomically(Params params) {
  sycl::atomic_ref<T, sycl::memory_order::relaxed, sycl::memory_scope::device>(
      *static_cast<T*>(params.output)).fetch_add(T(1));
}

template <class T> IPEX_KERNEL void reciprocal(Params params) {
  const int64_t i = this_item().get_global_linear_id();
  if (i < params.count)
    static_cast<T*>(params.output)[i] = T(1) / static_cast<const T*>(params.input)[i];
}

template <class To, class From> IPEX_KERNEL void convert(Params params) {
  const int64_t i = this_item().get_global_linear_id();
  if (i < params.count)
    static_cast<To*>(params.output)[i] = cast<To>(static_cast<const From*>(params.input)[i]);
}
}
using namespace ipex::kernels;
"""

PROGRAM = """
import json, struct, sys, torch
from intel_extension_for_pytorch import _C
source = open(sys.argv[1]).read()
exec(sys.argv[2])
kernel = _C.compile_kernel(source, "twice<float>")
x = torch.arange(64.0).to("xpu")
out = torch.empty_like(x)
kernel.launch(1, 64, struct.pack("QQq", x.data_ptr(), out.data_ptr(), 64))
assert torch.equal(out.cpu(), torch.arange(64.0) * 2)
print(json.dumps(_C.kernel_counters()))
"""


class Process:
    """Runs PROGRAM in a process of its own with `cache` as its cache folder."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.cache = cache or folder / "cache"
        self.source = folder / "source.hpp"
        self.source.write_text(SOURCE)
        self.stderr = ""

    def run(self, before: str = "_C.reset_kernel_counters()", **environment: str) -> dict[str, int]:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(self.source), before],
            env=os.environ | {"IPEX_XPU_CACHE_DIR": str(self.cache)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.stderr = done.stderr
        return json.loads(done.stdout)

    def files(self) -> list[Path]:
        return sorted(path for path in self.cache.rglob("*") if path.is_file())
