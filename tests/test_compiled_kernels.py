"""torch.xpu.compile_kernel: SYCL source in, a function that launches it out."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

AXPY = """#include <sycl/sycl.hpp>
namespace syclex = sycl::ext::oneapi::experimental;
template <class T>
SYCL_EXT_ONEAPI_FUNCTION_PROPERTY((syclex::nd_range_kernel<1>))
void axpy(T a, const T* x, T* y, int64_t n) {
  const auto i = sycl::ext::oneapi::this_work_item::get_nd_item<1>().get_global_linear_id();
  if (i < n) y[i] += a * x[i];
}
"""

KERNELS = """#include "kernels/core/kernel.hpp"
namespace mine {
using namespace ipex::kernels;

IPEX_KERNEL void numbers(double* out, bool b, int8_t i8, uint8_t u8, int16_t i16, uint16_t u16,
                         int32_t i32, uint32_t u32, int64_t i64, uint64_t u64, half h, bfloat16 bf,
                         float f) {
  const double values[] = {double(b), double(i8), double(u8), double(i16), double(u16), double(i32),
                           double(u32), double(i64), double(u64), double(float(h)),
                           double(static_cast<float>(bf)), double(f)};
  for (int i = 0; i < 12; ++i) out[i] = values[i];
}

IPEX_KERNEL void reverse(const float* x, LocalMemory memory, float* y) {
  const auto item = this_item();
  auto* values = local_pointer<float>(memory);
  values[item.get_local_id(0)] = x[item.get_global_id(0)];
  sycl::group_barrier(item.get_group());
  y[item.get_global_id(0)] = values[item.get_local_range(0) - 1 - item.get_local_id(0)];
}

struct Point { float x, y; int32_t count; };
IPEX_KERNEL void expand(Point point, float* out) {
  for (int i = 0; i < point.count; ++i) out[i] = point.x + i * point.y;
}

IPEX_KERNEL void conjugate(const complex<float>* x, complex<float>* y) {
  const auto i = this_item().get_global_linear_id();
  y[i] = {x[i].real, -x[i].imag};
}

IPEX_KERNEL void add_bias(const float* x, const float* bias, float* y) {
  const auto i = this_item().get_global_linear_id();
  y[i] = x[i] + (bias == nullptr ? 0 : bias[i]);
}

IPEX_KERNEL void copy_strided(const float* x, int64_t stride, float* y) {
  const auto i = this_item().get_global_linear_id();
  y[i] = x[i * stride];
}

IPEX_KERNEL void nothing() {}
}
"""

TRANSPOSE = """#include <sycl/sycl.hpp>
namespace syclex = sycl::ext::oneapi::experimental;
SYCL_EXT_ONEAPI_FUNCTION_PROPERTY((syclex::nd_range_kernel<2>))
void transpose(const float* x, float* y) {
  const auto item = sycl::ext::oneapi::this_work_item::get_nd_item<2>();
  const auto row = item.get_global_id(0), column = item.get_global_id(1);
  y[column * item.get_global_range(0) + row] = x[row * item.get_global_range(1) + column];
}
"""


@pytest.fixture(scope="module")
def axpy() -> Callable[..., None]:
    return torch.xpu.compile_kernel(AXPY, "axpy<float>")


def compile_one(name: str, **options: object) -> Callable[..., None]:
    return torch.xpu.compile_kernel(KERNELS, f"mine::{name}", **options)


def test_template_by_name(axpy: Callable[..., None]) -> None:
    x, y = torch.randn(1000, device="xpu"), torch.randn(1000, device="xpu")
    expected = y + 2 * x
    assert axpy((4,), (256,), (2.0, x, y, 1000)) is None
    torch.testing.assert_close(y, expected)
    assert repr(axpy) == "<kernel axpy<float>(float, float const*, float*, long)>"


@pytest.mark.parametrize("dtype", [torch.float16, torch.int32, torch.float64])
def test_other_instantiations(dtype: torch.dtype) -> None:
    if dtype == torch.float64 and not torch.xpu.has_fp64_dtype():
        pytest.skip("no float64 on this device")
    names = {torch.float16: "sycl::half", torch.int32: "int", torch.float64: "double"}
    kernel = torch.xpu.compile_kernel(AXPY, f"axpy<{names[dtype]}>")
    x, y = torch.arange(100).to(dtype).to("xpu"), torch.ones(100, dtype=dtype, device="xpu")
    kernel(1, 128, [3, x, y, 100])
    torch.testing.assert_close(y.cpu(), 1 + 3 * torch.arange(100).to(dtype))


def test_numbers_of_every_type() -> None:
    if not torch.xpu.has_fp64_dtype():
        pytest.skip("no float64 on this device")
    out = torch.zeros(12, dtype=torch.float64, device="xpu")
    given = (
        *(True, -128, 255, -32768, 65535, -(2**31), 2**32 - 1, -(2**53), 2**63),
        *(0.5, 1.5, 0.25),
    )
    compile_one("numbers")(1, 1, (out, *given))
    assert out.tolist() == [float(number) for number in given]


def test_work_group_memory() -> None:
    x, y = torch.randn(256, device="xpu"), torch.empty(256, device="xpu")
    compile_one("reverse")(4, 64, (x, y), shared_mem=64 * 4)
    assert torch.equal(y, x.view(4, 64).flip(1).flatten())


def test_struct_as_bytes() -> None:
    out = torch.zeros(4, device="xpu")
    compile_one("expand")(1, 1, (struct.pack("ffi", 1.0, 0.5, 4), out))
    assert out.tolist() == [1.0, 1.5, 2.0, 2.5]


def test_struct_of_wrong_size() -> None:
    with pytest.raises(RuntimeError, match="expand"):
        compile_one("expand")(1, 1, (b"short", torch.zeros(4, device="xpu")))


def test_complex_null_and_no_arguments() -> None:
    x = torch.randn(64, dtype=torch.complex64, device="xpu")
    y = torch.empty_like(x)
    compile_one("conjugate")(1, 64, (x, y))
    assert torch.equal(y, x.conj().resolve_conj())
    real, out = torch.randn(64, device="xpu"), torch.empty(64, device="xpu")
    compile_one("add_bias")(1, 64, (real, None, out))
    assert torch.equal(out, real)
    compile_one("nothing")(1, 1)
    compile_one("nothing")(0, 1)


def test_two_dimensions() -> None:
    x = torch.randn(32, 64, device="xpu")
    y = torch.empty(64, 32, device="xpu")
    torch.xpu.compile_kernel(TRANSPOSE, "transpose")((4, 4), (8, 16), (x, y))
    assert torch.equal(y, x.t())


def test_strided_tensors_where_asked_for() -> None:
    x, y = torch.randn(128, device="xpu")[::2], torch.empty(64, device="xpu")
    compile_one("copy_strided", strided=True)(1, 64, (x, 2, y))
    assert torch.equal(y, x)


def test_headers_and_options(tmp_path: Path) -> None:
    header = tmp_path / "factor.hpp"
    source = '#include "factor.hpp"\n' + KERNELS.replace("-x[i].imag", "FACTOR * x[i].imag")
    x = torch.complex(torch.ones(8), torch.ones(8)).to("xpu")
    y = torch.empty_like(x)

    def factor(*options: str) -> float:
        kernel = torch.xpu.compile_kernel(
            source, "mine::conjugate", include_dirs=[tmp_path], options=options
        )
        kernel(1, 8, (x, y))
        return y[0].imag.item()

    guarded = "#ifndef FACTOR\n#define FACTOR {}\n#endif\n"
    header.write_text(guarded.format(2))
    assert factor() == 2
    header.write_text(guarded.format(3))  # a changed header is another kernel
    assert factor() == 3
    assert factor("-DFACTOR=5") == 5


def test_streams(axpy: Callable[..., None]) -> None:
    stream = torch.xpu.Stream()
    x, y = torch.ones(1 << 20, device="xpu"), torch.zeros(1 << 20, device="xpu")
    torch.xpu.synchronize()
    for _ in range(10):
        axpy(4096, 256, (1.0, x, y, y.numel()), stream=stream)
    with torch.xpu.stream(stream):
        axpy(4096, 256, (1.0, x, y, y.numel()))
        total = y.sum()
    stream.synchronize()
    assert total.item() == 11 * y.numel()


def test_autograd_sees_writes(axpy: Callable[..., None]) -> None:
    x = torch.ones(4, device="xpu", requires_grad=True)
    y = torch.ones(4, device="xpu")
    product = x * y
    version = y._version
    axpy(1, 4, (1.0, x.detach(), y, 4))
    assert y._version == version + 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()
    with torch.inference_mode():
        axpy(1, 4, (1.0, torch.ones(4, device="xpu"), torch.ones(4, device="xpu"), 4))


def test_autograd_function(axpy: Callable[..., None]) -> None:
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(context, x, factor):
            context.factor = factor
            y = torch.zeros_like(x)
            axpy(1, x.numel(), (factor, x, y, x.numel()))
            return y

        @staticmethod
        def backward(context, gradient):
            return Scaled.apply(gradient.contiguous(), context.factor), None

    x = torch.randn(64, device="xpu", requires_grad=True)
    y = Scaled.apply(x, 3.0)
    y.sum().backward()
    torch.testing.assert_close(y, 3 * x)
    assert torch.equal(x.grad, torch.full_like(x, 3))


def test_custom_operator_in_torch_compile(axpy: Callable[..., None]) -> None:
    @torch.library.custom_op("compiled_kernels::scaled", mutates_args=())
    def scaled(x: torch.Tensor, factor: float) -> torch.Tensor:
        y = torch.zeros_like(x)
        axpy(1, x.numel(), (factor, x, y, x.numel()))
        return y

    scaled.register_fake(lambda x, factor: torch.empty_like(x))
    function = torch.compile(
        lambda x: scaled(x, 2.0).relu() + 1, backend="aot_eager", fullgraph=True
    )
    x = torch.randn(64, device="xpu")
    torch.testing.assert_close(function(x), (2 * x).relu() + 1)


def test_called_in_torch_compile(axpy: Callable[..., None]) -> None:
    @torch.compile(backend="aot_eager")
    def function(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        axpy(1, x.numel(), (1.0, x, y, x.numel()))
        return y + 1

    x = torch.randn(64, device="xpu")
    torch.testing.assert_close(function(x), 3 * x + 1)


BAD_CALLS = {
    "too few": (lambda k, x, y: k(1, 4, (2, x)), TypeError, "takes 4 arguments"),
    "too many": (lambda k, x, y: k(1, 4, (2, x, y, 4, 5)), TypeError, "args has 5"),
    "dtype": (lambda k, x, y: k(1, 4, (2, x.half(), y, 4)), TypeError, "argument 1 .*of Float"),
    "cpu": (lambda k, x, y: k(1, 4, (2, x.cpu(), y, 4)), RuntimeError, "argument 1 .*on cpu"),
    "strided": (lambda k, x, y: k(1, 4, (2, x[::2], y, 4)), ValueError, "argument 1 .*contiguous"),
    "conjugate": (
        lambda k, x, y: k(1, 4, (2, torch._neg_view(x), y, 4)),
        ValueError,
        "resolve_conj",
    ),
    "number for pointer": (lambda k, x, y: k(1, 4, (2, x, 3, 4)), TypeError, "must be a tensor"),
    "tensor for number": (lambda k, x, y: k(1, 4, (x, x, y, 4)), TypeError, "must be a number"),
    "float for integer": (lambda k, x, y: k(1, 4, (2, x, y, 1.5)), TypeError, "an integer"),
    "bytes for number": (lambda k, x, y: k(1, 4, (b"", x, y, 4)), TypeError, "not bytes"),
    "large integer": (lambda k, x, y: k(1, 4, (2, x, y, 2**63)), ValueError, "cannot hold"),
    "large block": (lambda k, x, y: k(1, 10**6, (2, x, y, 4)), ValueError, "block has 1000000"),
    "empty block": (lambda k, x, y: k(1, 0, (2, x, y, 4)), ValueError, "block has 0"),
    "negative grid": (lambda k, x, y: k(-1, 4, (2, x, y, 4)), ValueError, "none negative"),
    "dimensions": (lambda k, x, y: k((1, 1), (1, 4), (2, x, y, 4)), ValueError, "declared for 1"),
    "grid and block": (lambda k, x, y: k((1, 1), 4, (2, x, y, 4)), ValueError, "block has 1"),
    "memory": (lambda k, x, y: k(1, 4, (2, x, y, 4), 64), ValueError, "no work_group_memory"),
    "stream": (lambda k, x, y: k(1, 4, (2, x, y, 4), 0, 7), TypeError, "torch.xpu.Stream"),
    "no sequence": (lambda k, x, y: k(1, 4, 7), TypeError, "tuple or a list"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_calls(case: str, axpy: Callable[..., None]) -> None:
    call, error, message = BAD_CALLS[case]
    x, y = torch.ones(8, device="xpu"), torch.zeros(4, device="xpu")
    with pytest.raises(error, match=message):
        call(axpy, x, y)
    assert not y.any()


@pytest.mark.parametrize("size", [0, 1 << 40])
def test_bad_work_group_memory(size: int) -> None:
    x = torch.empty(64, device="xpu")
    with pytest.raises(ValueError, match="shared_mem"):
        compile_one("reverse")(1, 64, (x, x), shared_mem=size)


def test_syntax_error_names_the_line() -> None:
    broken = AXPY.replace("a * x[i]", "a * z[i]")
    with pytest.raises(RuntimeError, match=r"kernel.sycl.cpp:7:\d+: error: .*'z'"):
        torch.xpu.compile_kernel(broken, "axpy<float>")


@pytest.mark.parametrize("name", ["axpx<float>", "axpy", "axpy<float, 3>"])
def test_unknown_instantiation(name: str) -> None:
    with pytest.raises(RuntimeError, match=f"cannot compile the kernel '{name}'"):
        torch.xpu.compile_kernel(AXPY, name)


def in_new_process(code: str, **variables: str) -> str:
    program = f"import torch\nAXPY = {AXPY!r}\n{code}"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_several_devices() -> None:
    code = """
kernel = torch.xpu.compile_kernel(AXPY, "axpy<float>")
x, y = torch.ones(8, device="xpu:1"), torch.zeros(8, device="xpu:1")
kernel(1, 8, (2, x, y, 8))
assert y.tolist() == [2] * 8 and torch.xpu.current_device() == 0
for arguments, keywords in (((2, x, torch.zeros(8, device="xpu:0"), 8), {}),
                            ((2, x, y, 8), {"stream": torch.xpu.Stream(0)})):
    try:
        kernel(1, 8, arguments, **keywords)
    except RuntimeError as error:
        print(error)
"""
    output = in_new_process(code, IPEX_XPU_CPU_DEVICES="2").splitlines()
    assert "is on xpu:0, but the tensors before it are on xpu:1" in output[0]
    assert "the stream is on xpu:0, but the tensors are on xpu:1" in output[1]


def test_kept_on_disk(tmp_path: Path) -> None:
    code = """
from intel_extension_for_pytorch import _C
torch.xpu.compile_kernel(AXPY, "axpy<float>")
print(_C.kernel_counters()["compiles"])
"""
    compiles = [in_new_process(code, IPEX_XPU_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert [int(count) for count in compiles] == [1, 0]


ROUNDED = """#include "kernels/core/kernel.hpp"
namespace mine {
using namespace ipex::kernels;
IPEX_KERNEL void rounded(const float* x, bfloat16* any, bfloat16* of_arithmetic) {
  const auto i = this_item().get_global_linear_id();
  any[i] = bfloat16(x[i]);
  of_arithmetic[i] = bfloat16::from_arithmetic(x[i]);
}
}
"""


def test_nan_of_other_processors_stays_nan():
    """Rounding might carry into the sign: a GPU's NaN may have all bits set."""
    bits = torch.tensor([0x7FFFFFFF, -1, 0x7FC00000, 0x7FFF8000, 0x7FC0FFFF, -0x8000])
    x = bits.to(torch.int32).view(torch.float32)
    assert x.isnan().all()
    results = torch.zeros(2, len(x), dtype=torch.bfloat16, device="xpu")
    kernel = torch.xpu.compile_kernel(ROUNDED, "mine::rounded")
    kernel(1, len(x), (x.to("xpu"), *results))
    assert results.isnan().all()
