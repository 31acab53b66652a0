"""The kernel library: source to kernel to launch, the archive, the disk cache, the log."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from intel_extension_for_pytorch import _C

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

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

TYPE_NAMES = {
    torch.float32: "float",
    torch.float64: "double",
    torch.float16: "half",
    torch.bfloat16: "bfloat16",
    torch.int8: "int8_t",
    torch.uint8: "uint8_t",
    torch.int64: "int64_t",
    torch.bool: "bool",
    torch.complex64: "complex<float>",
}


def pack(x: torch.Tensor, out: torch.Tensor) -> bytes:
    return struct.pack("QQq", x.data_ptr(), out.data_ptr(), x.numel())


def apply(
    kernel: _C.Kernel, x: torch.Tensor, dtype: torch.dtype | None = None, local_bytes: int = 0
) -> torch.Tensor:
    """The kernel's result for `x`, a CPU tensor whose size is a multiple of 64."""
    device_x = x.to("xpu")
    out = torch.empty(x.shape, dtype=dtype or x.dtype, device="xpu")
    kernel.launch(x.numel() // 64, 64, pack(device_x, out), local_bytes)
    return out.cpu()


# The three ways to a kernel: OpenCL's with the cache, and those that other backends take.
WAYS: dict[str, Callable[[str], _C.Kernel]] = {
    "cache": lambda name: _C.compile_kernel(SOURCE, name),
    "spirv": lambda name: _C.compile_kernel_without_cache(SOURCE, name, spirv=True),
    "source": lambda name: _C.compile_kernel_without_cache(
        SOURCE, name, ["-std=c++20"], spirv=False
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_a_kernel_computes(way: str) -> None:
    x = torch.arange(256.0)
    assert torch.equal(apply(WAYS[way]("twice<float>"), x), x * 2)
    reverse = apply(WAYS[way]("reverse_groups<float>"), x, local_bytes=64 * 4)
    assert torch.equal(reverse, x.reshape(-1, 64).flip(1).flatten())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64, torch.complex64])
def test_types(dtype: torch.dtype) -> None:
    x = torch.arange(-64, 64).to(dtype)
    assert torch.equal(apply(_C.compile_kernel(SOURCE, f"twice<{TYPE_NAMES[dtype]}>"), x), x * 2)


SPECIAL = torch.tensor(
    [
        *(0.0, -0.0, 0.5, -1.5, 2.75, 3.0e38, 1.0e-40, 65504.0, 65520.0, -254.9, 126.99),
        *(1.00390625, 1.01171875, float("inf"), -float("inf"), float("nan")),
    ]
).repeat(4)
IN_RANGE = torch.linspace(-120.0, 120.0, 64)


@pytest.mark.parametrize(
    ("source", "to"),
    [
        (SPECIAL, torch.bfloat16),
        (SPECIAL, torch.float16),
        (SPECIAL, torch.bool),
        (SPECIAL.to(torch.bfloat16), torch.float32),
        (IN_RANGE, torch.int8),
        (IN_RANGE, torch.uint8),
        (IN_RANGE.half(), torch.int64),
        (torch.complex(IN_RANGE, IN_RANGE.flip(0)), torch.bfloat16),
        (torch.complex(IN_RANGE * 0, IN_RANGE), torch.bool),
        (torch.arange(-32, 32) * (2**40 + 1), torch.float32),
    ],
    ids=lambda value: str(value.dtype if isinstance(value, torch.Tensor) else value),
)
@pytest.mark.filterwarnings("ignore:Casting complex")
def test_conversions_are_pytorchs(source: torch.Tensor, to: torch.dtype) -> None:
    name = f"convert<{TYPE_NAMES[to]}, {TYPE_NAMES[source.dtype]}>"
    result = apply(_C.compile_kernel(SOURCE, name), source, to)
    torch.testing.assert_close(result, source.to(to), rtol=0, atol=0, equal_nan=True)


def test_complex_division_neither_overflows_nor_vanishes() -> None:
    parts = torch.tensor([1e-30, 1.0, -3.0, 1e30])
    x = torch.complex(*torch.meshgrid(parts, parts, indexing="ij")).flatten().repeat(4)
    result = apply(_C.compile_kernel(SOURCE, "reciprocal<complex<float>>"), x)
    torch.testing.assert_close(result, (1 / x.to(torch.complex128)).to(torch.complex64))


# --- errors ---


def test_compiler_error_has_log_and_source_line() -> None:
    broken = SOURCE.replace("value + value", "value + missing_name")
    with pytest.raises(RuntimeError) as caught:
        _C.compile_kernel(broken, "twice<float>")
    text = str(caught.value)
    assert "twice<float>" in text
    assert "undeclared identifier 'missing_name'" in text
    assert "cast<T>(value + missing_name)" in text


@pytest.mark.parametrize(
    ("module", "instantiation", "message"),
    [
        ("no_such_module", "f<float>", "no_such_module.hpp"),
        ("elementwise", "no_such_kernel<float>", "no_such_kernel"),
    ],
)
def test_unknown_kernel_is_named(module: str, instantiation: str, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        _C.find_kernel(module, instantiation)


def test_impossible_launch_is_an_error() -> None:
    kernel = _C.compile_kernel(SOURCE, "twice<float>")
    x = torch.zeros(64, device="xpu")
    with pytest.raises(RuntimeError, match=r"cannot launch kernel .*twice<float>"):
        kernel.launch(1, 1 << 30, pack(x, x))


def test_launch_of_nothing() -> None:
    x = torch.ones(64, device="xpu")
    _C.compile_kernel(SOURCE, "twice<float>").launch(0, 64, pack(x, x))
    assert torch.equal(x.cpu(), torch.ones(64))


# --- SPIR-V of one kernel ---


def instructions(spirv: bytes) -> list[tuple[int, tuple[int, ...]]]:
    words = struct.unpack(f"{len(spirv) // 4}I", spirv)
    found, position = [], 5
    while position < len(words):
        size = words[position] >> 16
        found.append((words[position] & 0xFFFF, words[position + 1 : position + size]))
        position += size
    return found


def capabilities(spirv: bytes) -> set[int]:
    return {operands[0] for op, operands in instructions(spirv) if op == 17}


FLOAT16, FLOAT64, ATOMIC_FLOAT64 = {8, 9}, {10}, {12, 6034}


def test_extracted_kernels_ask_only_for_what_they_use() -> None:
    names = ["twice<float>", "twice<double>", "twice<half>", "count_atomically<double>"]
    modules = _C.compile_to_spirv(SOURCE, names)
    asked = [capabilities(spirv) for spirv in modules]
    assert [bool(FLOAT64 & used) for used in asked] == [False, True, False, True]
    assert [bool(FLOAT16 & used) for used in asked] == [False, False, True, False]
    assert [bool(ATOMIC_FLOAT64 & used) for used in asked] == [False, False, False, True]
    for spirv in modules:
        entry_points = [operands for op, operands in instructions(spirv) if op == 15]
        assert len(entry_points) == 1


def test_extraction_keeps_no_other_kernel() -> None:
    alone = _C.compile_to_spirv(SOURCE, ["twice<float>"])[0]
    among = _C.compile_to_spirv(SOURCE, ["reverse_groups<int64_t>", "twice<float>"])[1]
    assert len(instructions(among)) == len(instructions(alone))


# --- processes and their cache ---

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


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """With an empty cache."""
    return Process(tmp_path)


@pytest.fixture(scope="module")
def cold_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Process, dict[str, int]]:
    process = Process(tmp_path_factory.mktemp("cold"))
    return process, process.run()


@pytest.fixture
def warm_process(cold_run: tuple[Process, dict[str, int]], tmp_path: Path) -> Process:
    """With all it needs in its cache."""
    shutil.copytree(cold_run[0].cache, tmp_path / "cache")
    return Process(tmp_path)


def test_cold_process_compiles_once(cold_run: tuple[Process, dict[str, int]]) -> None:
    assert cold_run[1]["compiles"] == 1
    assert cold_run[1]["cache_failures"] == 0


def test_warm_process_compiles_nothing(warm_process: Process) -> None:
    warm = warm_process.run()
    assert (warm["compiles"], warm["device_builds"], warm["cache_misses"]) == (0, 0, 0)
    assert warm["cache_hits"] >= 1


def test_changed_source_is_another_kernel(warm_process: Process) -> None:
    warm_process.source.write_text(SOURCE + "\n// changed\n")
    assert warm_process.run()["compiles"] == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"X" + content[1:],
        lambda content: content + b"more",
    ],
    ids=["empty", "half", "one bit", "header", "longer"],
)
def test_damaged_files_are_made_again(
    warm_process: Process, damage: Callable[[bytes], bytes]
) -> None:
    intact = {path: path.read_bytes() for path in warm_process.files()}
    for path, content in intact.items():
        path.write_bytes(damage(content))
    counters = warm_process.run()
    assert counters["cache_rejects"] == len(intact)
    assert counters["compiles"] == 1
    for path, content in intact.items():
        if path.suffix == ".spirv":
            assert path.read_bytes() == content


def test_files_are_not_taken_for_one_another(warm_process: Process) -> None:
    spirv = [path for path in warm_process.files() if path.suffix == ".spirv"]
    binary = [path for path in warm_process.files() if path.suffix == ".binary"]
    assert spirv and binary
    for path in binary:
        path.write_bytes(spirv[0].read_bytes())
    assert warm_process.run()["cache_rejects"] == len(binary)


def test_machine_code_the_device_refuses_is_made_again(warm_process: Process) -> None:
    """A file that is intact but no program, as if the driver had changed."""
    for path in warm_process.files():
        if path.suffix == ".binary":
            rewrite_payload(path, b"no machine code")
    counters = warm_process.run()
    assert counters["cache_rejects"] >= 1
    assert counters["compiles"] == 0 and counters["device_builds"] >= 1


def rewrite_payload(path: Path, payload: bytes) -> None:
    """A file of the cache with another payload and a right header (see csrc/jit/cache.cpp)."""
    header = path.read_bytes()[:48]
    magic, key = header[:8], header[16:32]
    path.write_bytes(magic + struct.pack("Q", len(payload)) + key + digest(payload) + payload)


def digest(data: bytes) -> bytes:
    """The same digest as csrc/jit/digest.cpp."""
    mask = (1 << 64) - 1
    low, high = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F

    def fold(a: int, b: int) -> int:
        product = a * b
        return (product ^ (product >> 64)) & mask

    padded = data + bytes(-len(data) % 8)
    words = struct.unpack(f"{len(padded) // 8}Q", padded)
    for word in (len(data), *words):
        low = (fold(low ^ word, 0xD6E8FEB86659FD93) + high) & mask
        high = (fold(high ^ word ^ 0xA0761D6478BD642F, 0xE7037ED1A0B428DB) + low) & mask
    return struct.pack("QQ", low, high)


@pytest.mark.parametrize("cache", ["/proc/no_such_folder", "/dev/null/cache"])
def test_cache_folder_that_cannot_be_written(tmp_path: Path, cache: str) -> None:
    counters = Process(tmp_path, Path(cache)).run()
    assert counters["compiles"] == 1
    assert counters["cache_failures"] >= 1


def test_read_only_cache_folder(process: Process) -> None:
    process.cache.mkdir()
    process.cache.chmod(0o500)
    counters = process.run("import os; os.geteuid() == 0 and os.seteuid(65534)", HOME="/")
    assert counters["compiles"] == 1
    assert counters["cache_failures"] >= 1
    assert process.files() == []


def test_full_disk(process: Process) -> None:
    """A limit on the size of files makes writes fail half-way, as a full disk does."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))"
    counters = process.run(limit)
    assert counters["compiles"] == 1
    assert counters["cache_failures"] >= 1
    assert process.files() == []


def test_cache_folders(tmp_path: Path) -> None:
    """IPEX_XPU_CACHE_DIR, else XDG_CACHE_HOME, else ~/.cache."""
    process = Process(tmp_path)
    xdg, home = tmp_path / "xdg", tmp_path / "home"
    process.run(IPEX_XPU_CACHE_DIR="", XDG_CACHE_HOME=str(xdg), HOME=str(home))
    assert list((xdg / "intel_extension_for_pytorch").rglob("*.binary"))
    process.run(IPEX_XPU_CACHE_DIR="", XDG_CACHE_HOME="", HOME=str(home))
    assert list((home / ".cache" / "intel_extension_for_pytorch").rglob("*.binary"))


# --- the log ---


@pytest.mark.parametrize(
    ("level", "present", "absent"),
    [
        ("0", [], ["[xpu]"]),
        ("1", ["xpu:0: "], ["twice<float>"]),
        ("2", ["twice<float>", " us "], ["cache"]),
        ("3", ["compiled 'twice<float>'", "cache miss", "built machine code"], ["void twice"]),
        ("4", ["void twice", "__sycl_kernel_"], []),
    ],
)
def test_debug_levels(process: Process, level: str, present: list[str], absent: list[str]) -> None:
    process.run(IPEX_XPU_DEBUG=level)
    for text in present:
        assert text in process.stderr
    for text in absent:
        assert text not in process.stderr


# --- threads ---


def in_threads(count: int, action: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(index: int) -> None:
        try:
            action(index)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_each_kernel_is_made_once() -> None:
    source = SOURCE + "\n// each kernel is made once\n"
    before = _C.kernel_counters()
    in_threads(8, lambda _: _C.compile_kernel(source, "twice<float>") and None)
    after = _C.kernel_counters()
    made = after["compiles"] - before["compiles"]
    loaded = after["cache_hits"] - before["cache_hits"]
    assert (made, loaded) in [(1, 0), (0, 2), (1, 1)]


def test_threads_share_a_kernel() -> None:
    kernel = _C.compile_kernel(SOURCE, "twice<float>")

    def work(index: int) -> None:
        with torch.xpu.stream(torch.xpu.Stream()):
            x = torch.full((64,), float(index)).to("xpu")
            outs = [torch.empty_like(x) for _ in range(200)]
            for out in outs:
                kernel.launch(1, 64, pack(x, out))
            torch.xpu.current_stream().synchronize()
            for out in outs:
                assert torch.equal(out.cpu(), torch.full((64,), 2.0 * index))

    in_threads(4, work)


# --- the archive ---


def test_listed_kernels_come_from_the_archive() -> None:
    before = _C.kernel_counters()
    _C.find_kernel("elementwise", "elementwise<op::abs, float, row<float>, row<float>>")
    _C.find_kernel("elementwise", "elementwise<op::abs,float,row<float>,row<float>>")
    assert _C.kernel_counters()["compiles"] == before["compiles"]


def test_bandwidth_of_elementwise_kernels(process: Process) -> None:
    process.run("torch.ones(1024, device='xpu').abs()", IPEX_XPU_DEBUG="2")
    assert any("op::abs" in line and "GB/s" in line for line in process.stderr.splitlines())
