"""The kernel library: source to kernel to launch, the archive, the log."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from kernel_process import SOURCE, Process

from intel_extension_for_pytorch import _C

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

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


# --- the log ---


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """With an empty cache."""
    return Process(tmp_path)


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
