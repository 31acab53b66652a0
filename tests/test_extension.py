"""Extensions of users: the compiler of kernels, C++ operators, setuptools."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.xpu import cpp_extension

import intel_extension_for_pytorch as ipex
from intel_extension_for_pytorch import _C
from intel_extension_for_pytorch.compile import CompileError, compile_kernels, names_of_kernels

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

SYCL = """
#include "kernels/elementwise.hpp"
#include "kernels/reduce.hpp"
#include "factor.hpp"
using namespace ipex::kernels;

template <class T> struct scaled_sum {
  T factor;
  T operator()(T x, T y) const { return factor * (x + y) * T(FACTOR); }
};
template <class T> struct triple { T operator()(T x, T y, T z) const { return x * y + z; } };
template <class T> struct is_large { bool operator()(T x) const { return x > T(1); } };
template <class T> struct bits { T operator()(T x) const { return x & T(3); } };

template <class T> struct sum_of_squares : op::OneAccumulator<T> {
  T start() const { return T(0); }
  template <class Element> void fold(T& total, const Element& element) const {
    const T value = element.template value<T>();
    total += value * value;
  }
  T combine(T a, T b) const { return a + b; }
  template <int> T finish(T total, int64_t) const { return total; }
};

struct Reverse { const float* x; float* y; };
IPEX_KERNEL void reverse_groups(Reverse params, LocalMemory memory) {
  const auto item = this_item();
  auto* values = local_pointer<float>(memory);
  values[item.get_local_id(0)] = params.x[item.get_global_id(0)];
  sycl::group_barrier(item.get_group());
  params.y[item.get_global_id(0)] = values[item.get_local_range(0) - 1 - item.get_local_id(0)];
}
"""

CPP = """
#include <ipex/extension.h>
#include <c10/xpu/XPUStream.h>

using at::Tensor;

Tensor scaled_sum(const Tensor& x, const Tensor& y, double factor) {
  static const ipex::Elementwise operation("extension_test", "scaled_sum");
  return operation({x, y}, {factor});
}
Tensor scaled_sum_out(const Tensor& x, const Tensor& y, double factor, const Tensor& out) {
  static const ipex::Elementwise operation("extension_test", "scaled_sum");
  return operation.out(out, {x, y}, {factor});
}
Tensor triple(const Tensor& x, const Tensor& y, const Tensor& z) {
  static const ipex::Elementwise operation("extension_test", "triple", {at::kFloat, at::kLong});
  return operation({x, y, z});
}
Tensor is_large(const Tensor& x) {
  static const ipex::Elementwise operation("extension_test", "is_large", {at::kFloat},
                                           ipex::Elementwise::Result::boolean);
  return operation({x});
}
Tensor bits(const Tensor& x) {
  static const ipex::Elementwise operation("extension_test", "bits", {at::kInt, at::kByte});
  return operation({x});
}
Tensor sum_of_squares(const Tensor& x, const std::vector<std::int64_t>& dims, bool keepdim) {
  static const ipex::Reduction operation("extension_test", "sum_of_squares");
  if (dims.empty()) return operation(x);
  return operation(x, dims, keepdim);
}
Tensor reverse_groups(const Tensor& x, std::int64_t group) {
  struct { const float* x; float* y; } params;
  const auto y = at::empty_like(x);
  params = {x.const_data_ptr<float>(), y.mutable_data_ptr<float>()};
  ipex::launch("extension_test", "reverse_groups", {x.numel() / group, group}, params, group * 4);
  return y;
}
void launch_unknown() { ipex::launch("extension_test", "no_such_kernel", {1, 1}, 0); }
void launch_unknown_module() { ipex::launch("no_such_module", "kernel", {1, 1}, 0); }
bool queues_agree() {
  const auto stream = c10::xpu::getCurrentXPUStream();
  return &xpu::get_queue_from_stream(stream.unwrap()) == &stream.queue() &&
         &ipex::current_queue() == &stream.queue();
}
void fill_by_queue(const Tensor& x) {
  auto scratch = ipex::allocate(x.nbytes());
  auto& queue = ipex::current_queue();
  queue.memset(scratch.get(), 0, x.nbytes());
  queue.memcpy(x.mutable_data_ptr(), scratch.get(), x.nbytes());
}
void failing() {
  ipex::checked("the work", [] {
    throw sycl::exception(sycl::make_error_code(sycl::errc::invalid), "bad");
  });
}
"""

FUNCTIONS = re.findall(r"^(?:Tensor|void|bool) (\w+)\(", CPP, re.MULTILINE)
AHEAD_OF_TIME = [
    "elementwise:scaled_sum/2:float,half",
    "elementwise:triple/3:float",
    "elementwise:is_large/1:float->bool",
    "reduction:sum_of_squares:float",
    "reverse_groups",
]


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    folder = tmp_path_factory.mktemp("extension")
    headers = folder / "headers"
    headers.mkdir()
    (headers / "factor.hpp").write_text("#pragma once\n#define FACTOR 2\n")
    module = cpp_extension.load_inline(
        "extension_test",
        CPP,
        SYCL,
        functions=FUNCTIONS,
        kernels=AHEAD_OF_TIME,
        extra_include_paths=[str(headers)],
        build_directory=str(folder),
    )
    # Kernels are still found and compiled where the extension's own headers are gone.
    (headers / "factor.hpp").unlink()
    return module


def compiles() -> int:
    return _C.kernel_counters()["compiles"]


def test_elementwise_broadcasts_promotes_and_takes_any_layout(extension: ModuleType) -> None:
    x, y = torch.randn(33, 65, device="xpu"), torch.randn(65, device="xpu")
    cases = [
        (x, y),
        (x.t(), y[:33]),
        (x[::2, ::3], y[::3]),
        (x, torch.tensor(2.0)),
        (torch.tensor(2.0), x),
        (x.expand(2, 33, 65), y),
        (x.half(), y.half()),
        (x.half(), y),
        (x[:0], y),
    ]
    before = compiles()
    for first, second in cases:
        result = extension.scaled_sum(first, second, 1.5)
        expected = 3 * (first.cpu().float() + second.cpu().float())
        assert result.dtype == torch.result_type(first, second)
        torch.testing.assert_close(result.cpu(), expected.to(result.dtype), rtol=1e-3, atol=1e-3)
    assert compiles() == before


def test_elementwise_compiles_what_the_build_was_not_told(extension: ModuleType) -> None:
    integers = torch.arange(6, device="xpu")
    assert torch.equal(
        extension.triple(integers, integers, integers).cpu(), torch.arange(6) * torch.arange(1, 7)
    )
    floats = extension.triple(integers.float(), integers, torch.tensor(1))
    assert torch.equal(floats.cpu(), torch.arange(6.0) ** 2 + 1)
    bits = extension.bits(integers.to(torch.uint8))
    assert bits.dtype == torch.uint8 and torch.equal(bits, (integers & 3).to(torch.uint8))


def test_elementwise_bool_and_integers(extension: ModuleType) -> None:
    x = torch.tensor([0.5, 1.5, float("nan")], device="xpu")
    assert extension.is_large(x).tolist() == [False, True, False]
    result = extension.scaled_sum(
        torch.arange(3, device="xpu"), torch.ones(3, device="xpu", dtype=torch.int32), 1
    )
    assert result.dtype == torch.float32 and result.tolist() == [2, 4, 6]


def test_elementwise_out(extension: ModuleType) -> None:
    x = torch.randn(8, 4, device="xpu")
    for out in (
        torch.empty(8, 4, device="xpu"),
        torch.empty(4, 8, device="xpu").t(),
        torch.empty(
            8, 4, device="xpu", dtype=torch.float64 if torch.xpu.has_fp64_dtype() else torch.float32
        ),
        torch.empty(0, device="xpu"),
    ):
        extension.scaled_sum_out(x, x, 1.0, out)
        torch.testing.assert_close(out, 4 * x, check_dtype=False)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda e, x: e.scaled_sum(x.cpu(), x.cpu(), 1),
            RuntimeError,
            "expected a tensor on an xpu",
        ),
        (lambda e, x: e.scaled_sum(x, x.cpu(), 1), RuntimeError, "same device"),
        (lambda e, x: e.scaled_sum(x, x[:3], 1), RuntimeError, "must match the size"),
        (
            lambda e, x: e.scaled_sum(x.cfloat(), x, 1),
            NotImplementedError,
            "scaled_sum.*ComplexFloat",
        ),
        (lambda e, x: e.scaled_sum_out(x, x, 1, x.long()), RuntimeError, "can't be cast"),
        (lambda e, x: e.sum_of_squares(x.cpu(), [], False), RuntimeError, "on an xpu"),
        (lambda e, x: e.sum_of_squares(x, [3], False), IndexError, "out of range"),
        (lambda e, x: e.launch_unknown(), RuntimeError, "no_such_kernel"),
        (lambda e, x: e.launch_unknown_module(), RuntimeError, "no_such_module"),
        (lambda e, x: e.reverse_groups(x, 1 << 20), RuntimeError, "reverse_groups"),
        (lambda e, x: e.failing(), RuntimeError, "the work failed: bad"),
    ],
)
def test_errors(extension: ModuleType, call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(extension, torch.randn(1 << 20, device="xpu"))


def test_reduction(extension: ModuleType) -> None:
    x = torch.randn(37, 129, 5, device="xpu")
    before = compiles()
    for dims, keepdim in (([], False), ([0], False), ([1], True), ([2], False), ([0, 2], True)):
        result = extension.sum_of_squares(x, dims, keepdim)
        wanted = x.cpu().double().square()
        wanted = wanted.sum(dims, keepdim=keepdim) if dims else wanted.sum()
        torch.testing.assert_close(result.cpu().double(), wanted, rtol=1e-5, atol=1e-6)
    assert compiles() == before
    assert extension.sum_of_squares(x[:0], [0], False).abs().max() == 0
    integers = extension.sum_of_squares(torch.arange(4, device="xpu"), [], False)
    assert integers.dtype == torch.float32 and integers.item() == 14


def test_launch_queue_and_memory(extension: ModuleType) -> None:
    x = torch.randn(256, device="xpu")
    assert torch.equal(extension.reverse_groups(x, 64), x.view(4, 64).flip(1).flatten())
    assert extension.queues_agree()
    with torch.xpu.stream(torch.xpu.Stream()):
        assert extension.queues_agree()
        extension.fill_by_queue(x)
        assert not x.any()


def test_capsules() -> None:
    stream = torch.xpu.Stream()
    assert "torch.xpu.Stream.sycl_queue" in repr(ipex.xpu.sycl_queue(stream))
    assert "PyCapsule" in type(torch.xpu.device(0).sycl_device).__name__


# The compiler.

only_builds = pytest.mark.skipif(
    os.environ.get("IPEX_XPU_HOST_ACCESS") == "0", reason="uses no memory of the device"
)


def driver(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "intel_extension_for_pytorch.compile", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


KERNEL = """#include "kernels/core/kernel.hpp"
#include "step.hpp"
struct Params { float* x; int64_t n; };
template <class T> IPEX_KERNEL void increment(Params params) {
  const auto i = ipex::kernels::this_item().get_global_id(0);
  if (i < params.n) params.x[i] += T(STEP);
}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "step.hpp").write_text("#define STEP 1\n")
    path = tmp_path / "increment.sycl.cpp"
    path.write_text(KERNEL)
    return path


@only_builds
def test_driver_emits(source: Path) -> None:
    folder = source.parent
    made = driver(source.name, "-k", "increment<float>", "-o", "a.spv", folder=folder)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("increment<float>(Params): ")
    assert (folder / "a.spv").read_bytes()[:4] == (0x07230203).to_bytes(4, "little")
    for name in ("a.asm", "a.log"):
        made = driver(source.name, "-k", "increment<float>", "-o", name, folder=folder)
        assert made.returncode == 0, made.stderr
    assert re.search(r"\bret", (folder / "a.asm").read_text())
    assert "increment<float>" in (folder / "a.log").read_text()
    made = driver(
        *(source.name, "-k", "increment<{float,int}>", "-o", "a.cpp", "--depfile", "a.d"),
        folder=folder,
    )
    assert made.returncode == 0, made.stderr
    assert 'registered("increment"' in (folder / "a.cpp").read_text()
    assert "#define STEP 1" in (folder / "a.cpp").read_text()
    assert str(folder / "step.hpp") in (folder / "a.d").read_text()


@only_builds
@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (
            KERNEL.replace("+= T", "+= U"),
            ["-k", "increment<float>"],
            r"increment.sycl.cpp:6:\d+: error: .*'U'",
        ),
        (KERNEL, ["-k", "decrement<float>"], "cannot compile the kernel 'decrement<float>'"),
        (KERNEL, ["-k", "increment<{float,int}>"], "holds one kernel, but 2"),
        (KERNEL, ["-k", "elementwise:increment"], "expected elementwise:FUNCTOR/NUMBER"),
        (KERNEL, ["-k", "increment<{float>"], "unbalanced braces"),
    ],
)
def test_driver_errors(source: Path, text: str, arguments: list[str], message: str) -> None:
    source.write_text(text)
    made = driver(source.name, *arguments, "-o", "a.spv", folder=source.parent)
    assert made.returncode == 1
    assert re.search(message, made.stderr), made.stderr
    assert "Traceback" not in made.stderr and not (source.parent / "a.spv").exists()


def test_missing_source(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="cannot read"):
        compile_kernels(tmp_path / "none.sycl.cpp", ["k"], tmp_path / "a.spv", "spv")


def test_names_of_kernels() -> None:
    assert names_of_kernels(["a<{float,int}>", "a<int>", "b"]) == ["a<float>", "a<int>", "b"]
    assert names_of_kernels(["elementwise:f/1:half"]) == [
        "elementwise<f,float,row<half>,row<half>>",
        "elementwise<f,float,strided<half>,strided<half>>",
    ]
    assert names_of_kernels(["elementwise:f/1:float->bool"])[0] == (
        "elementwise<f,float,row<bool>,row<float>>"
    )
    assert names_of_kernels(["ipex::kernels::k"]) == ["ipex::kernels::k"]


# setuptools.

SETUP = """
from setuptools import setup
from intel_extension_for_pytorch.xpu.cpp_extension import DPCPPExtension, DpcppBuildExtension
setup(
    name="built",
    ext_modules=[DPCPPExtension("built", {sources}, kernels={kernels})],
    cmdclass={{"build_ext": DpcppBuildExtension.with_options(use_ninja={ninja})}},
)
"""
HOST = """
#include <ipex/kernels.h>
#include <torch/csrc/utils/pybind.h>
void increment(const at::Tensor& x) {
  struct { float* x; std::int64_t n; } params{x.mutable_data_ptr<float>(), x.numel()};
  ipex::launch("increment", "increment<float>", ipex::range_over(x.numel()), params);
}
PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("increment", &increment); }
"""
SINGLE_SOURCE = """
#include <pybind11/pybind11.h>
#include <sycl/sycl.hpp>
void run(sycl::queue& queue, float* x) {
  queue.parallel_for(sycl::range<1>(4), [=](sycl::id<1> i) { x[i] += 1; });
}
PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {}
"""


def set_up(
    folder: Path, sources: list[str], kernels: object, ninja: bool, **variables: str
) -> subprocess.CompletedProcess[str]:
    (folder / "setup.py").write_text(SETUP.format(sources=sources, kernels=kernels, ninja=ninja))
    return subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_setuptools(source: Path) -> None:
    folder = source.parent
    (folder / "host.cpp").write_text(HOST)
    made = set_up(folder, ["host.cpp", source.name], ["increment<float>"], ninja=False)
    assert made.returncode == 0, made.stdout + made.stderr
    use = """
        import torch, built
        from intel_extension_for_pytorch import _C
        x = torch.zeros(1000, device="xpu")
        built.increment(x)
        assert x.eq(1).all()
        print(_C.kernel_counters()["compiles"])
    """
    output = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(use)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output == "0\n"


@only_builds
def test_setuptools_shows_the_error_of_a_kernel(source: Path) -> None:
    source.write_text(KERNEL.replace("+= T", "+= U"))
    (source.parent / "host.cpp").write_text(HOST)
    made = set_up(source.parent, ["host.cpp", source.name], ["increment<float>"], ninja=False)
    assert made.returncode != 0
    assert re.search(r"increment.sycl.cpp:6:\d+: error", made.stderr)


def test_import_of_torch_does_not_import_what_builds() -> None:
    code = """
        import inspect, sys, torch
        inspect.getmodule(test := lambda: None)  # looks at every module
        assert "__file__" in dir(torch.xpu.cpp_extension)
        print("intel_extension_for_pytorch._extension_build" in sys.modules)
    """
    output = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    ).stdout
    assert output == "False\n"


def test_kernels_of_several_files() -> None:
    sources = ["a.cpp", "b.sycl.cpp", "c.sycl.cpp"]
    with pytest.raises(ValueError, match="2 files of kernels"):
        cpp_extension.DPCPPExtension("x", sources, kernels=["k"])
    with pytest.raises(ValueError, match=r"kernels names d\.sycl\.cpp"):
        cpp_extension.DPCPPExtension("x", sources, kernels={"d.sycl.cpp": ["k"]})
    extension = cpp_extension.DPCPPExtension("x", sources, kernels={"b.sycl.cpp": ["k"]})
    assert extension.kernels == {"b.sycl.cpp": ["k"], "c.sycl.cpp": ()}


@only_builds
def test_single_source_needs_icpx(tmp_path: Path) -> None:
    (tmp_path / "mixed.cpp").write_text(SINGLE_SOURCE)
    made = set_up(tmp_path, ["mixed.cpp"], [], ninja=False)
    assert made.returncode != 0
    assert "need Intel's compiler icpx" in made.stderr


@only_builds
@pytest.mark.parametrize("ninja", [False, True])
def test_single_source_is_built_by_icpx(tmp_path: Path, ninja: bool) -> None:
    """A stand-in writes down how it was called and lets g++ do what g++ can."""
    (tmp_path / "mixed.cpp").write_text(SINGLE_SOURCE)
    icpx = tmp_path / "bin" / "icpx"
    icpx.parent.mkdir()
    icpx.write_text(f'#!/bin/bash\necho "$*" >> {tmp_path}/calls\nexec g++ "${{@//-fsycl/-w}}"\n')
    icpx.chmod(0o755)
    path = f"{icpx.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    made = set_up(tmp_path, ["mixed.cpp"], [], ninja, PATH=path)
    assert made.returncode == 0, made.stdout + made.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    compiling = [call for call in calls if "mixed.cpp" in call]
    linking = [call for call in calls if "-shared" in call]
    assert compiling and all("-fsycl" in call and "-std=c++20" in call for call in compiling)
    assert len(linking) == 1 and "-fsycl" in linking[0] and "mixed.o" in linking[0]


# CMake.

CMAKE = """
cmake_minimum_required(VERSION 3.26)
project(two LANGUAGES CXX)
find_package(IPEX REQUIRED)
add_library(two SHARED)
target_link_libraries(two PRIVATE ${{TORCH_IPEX_LIBRARIES}})
ipex_add_sycl_kernels(two increment.sycl.cpp functors.sycl.cpp INSTANTIATE {kernels})
"""


CMAKE_PROGRAM = str(Path(sys.executable).parent / "cmake")


def configure(folder: Path, kernels: str) -> subprocess.CompletedProcess[str]:
    (folder / "CMakeLists.txt").write_text(CMAKE.format(kernels=kernels))
    (folder / "functors.sycl.cpp").write_text(
        '#include "kernels/elementwise.hpp"\n'
        "template <class T> struct negated { T operator()(T x) const { return -x; } };\n"
    )
    command = [
        CMAKE_PROGRAM,
        "-S",
        ".",
        "-B",
        "build",
        f"-DCMAKE_PREFIX_PATH={ipex.cmake_prefix_path}",
    ]
    return subprocess.run(
        [*command, f"-DPython_EXECUTABLE={sys.executable}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@only_builds
def test_cmake(source: Path) -> None:
    """Kernels of two files; a changed header makes them anew."""
    folder = source.parent
    made = configure(folder, '"increment<{float,int}>" elementwise:negated/1:float')
    assert made.returncode == 0, made.stderr
    build = [CMAKE_PROGRAM, "--build", "build"]
    output = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert {"increment<float>", "increment<int>"} <= {*re.findall(r"increment<\w+>", output)}
    assert "elementwise<negated,float,row<float>,row<float>>" in output
    library = str(folder / "build" / "libtwo.so")
    use = f"import torch; torch.ops.load_library({library!r})"
    subprocess.run([sys.executable, "-c", use], check=True)
    (folder / "step.hpp").write_text("#define STEP 2\n")
    output = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert "increment<float>" in output and "negated" not in output


@only_builds
def test_cmake_names_what_no_file_declares(source: Path) -> None:
    made = configure(source.parent, '"increment<float>" "decrement<float>"')
    assert made.returncode != 0
    assert re.search(r"declares\s+decrement<float>", made.stderr)


# The tutorial.

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "extensions"


@only_builds
@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(EXAMPLES.rglob("*"))
        if path.suffix in (".py", ".cpp", ".hpp", ".txt")
        and "build" not in path.parts
        and path != EXAMPLES / "cross_entropy" / "use.py"  # only what it prints is shown
    ],
    ids=lambda path: str(path.relative_to(EXAMPLES)),
)
def test_tutorial_shows_the_examples(path: Path) -> None:
    assert f"\n{path.read_text()}```" in (ROOT / "docs" / "extensions.md").read_text()


@only_builds
def test_tutorial_counts_lines() -> None:
    tutorial = (ROOT / "docs" / "extensions.md").read_text()
    counts = [int(count) for count in re.findall(r": (\d+) lines\.", tutorial)]
    files = [EXAMPLES / "elementwise" / name for name in ("swish_mul.sycl.cpp", "swish_mul.cpp")]
    assert counts == [len([*filter(str.strip, file.read_text().splitlines())]) for file in files]
    assert sum(counts) <= 15
