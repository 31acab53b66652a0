"""Operators over lists of tensors against the CPU: every overload that has a kernel of ours."""

from __future__ import annotations

import math

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

SHAPES = [(3,), (0,), (5, 7), (2049,), (2, 3, 4), (40, 300), ()]
DTYPES = (
    torch.float32,
    torch.float64,
    torch.bfloat16,
    torch.float16,
    torch.int32,
    torch.bool,
    torch.complex64,
)
TOLERANCES = {
    torch.bfloat16: 2e-2,
    torch.float16: 4e-3,
    torch.complex64: 1e-5,
    torch.float64: 1e-10,
}
SPECIAL = {"_foreach_copy_", "_foreach_norm", "_foreach_zero_"}


def overloads() -> list[torch._ops.OpOverload]:
    found = []
    for name in sorted(torch._C._dispatch_get_all_op_names()):
        base, _, overload = name.removeprefix("aten::").partition(".")
        if not base.startswith("_foreach_") or base in SPECIAL:
            continue
        if torch._C._dispatch_has_kernel_for_dispatch_key(name, "XPU"):
            found.append(getattr(getattr(torch.ops.aten, base), overload or "default"))
    return found


OVERLOADS = overloads() if torch.xpu.is_available() else []


def make_list(dtype: torch.dtype, seed: int, shapes=SHAPES) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    # Within (0.1, 0.9): every function of the list is defined there.
    tensors = [torch.rand(shape, generator=generator) * 0.8 + 0.1 for shape in shapes]
    if not dtype.is_floating_point and not dtype.is_complex:
        tensors = [t * 9 + 1 for t in tensors]
    return [t.to(dtype) for t in tensors]


def make_arguments(op: torch._ops.OpOverload, dtype: torch.dtype) -> list:
    arguments: list = []
    for position, argument in enumerate(op._schema.arguments):
        kind = str(argument.type)
        integral = not dtype.is_floating_point and not dtype.is_complex
        scalar = 2 if integral else 0.75
        if kind == "List[Tensor]":
            arguments.append(make_list(dtype, position))
        elif kind == "Tensor" and argument.name == "scalars":
            arguments.append(
                torch.arange(1, len(SHAPES) + 1) if integral else torch.rand(len(SHAPES))
            )
        elif kind == "Tensor":
            arguments.append(torch.tensor(scalar).to(dtype))
        elif kind.startswith("List["):
            arguments.append([scalar * (k + 1) for k in range(len(SHAPES))])
        else:
            arguments.append(scalar)
    return arguments


def on_device(value):
    if isinstance(value, list):
        return [on_device(v) for v in value]
    # A tensor of scalars belongs to the CPU on every device.
    unpacked = isinstance(value, torch.Tensor) and value.dim() == 1 and len(value) == len(SHAPES)
    return value.to("xpu") if isinstance(value, torch.Tensor) and not unpacked else value


def call(op: torch._ops.OpOverload, arguments: list) -> list[torch.Tensor] | str:
    positional = [
        a for a, s in zip(arguments, op._schema.arguments, strict=True) if not s.kwarg_only
    ]
    keywords = {
        s.name: a for a, s in zip(arguments, op._schema.arguments, strict=True) if s.kwarg_only
    }
    try:
        result = op(*positional, **keywords)
    except (RuntimeError, NotImplementedError) as error:
        return type(error).__name__
    return arguments[0] if result is None else result


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype)[6:])
@pytest.mark.parametrize("op", OVERLOADS, ids=lambda op: op.name()[6:])
def test_against_the_cpu(op: torch._ops.OpOverload, dtype: torch.dtype) -> None:
    arguments = make_arguments(op, dtype)
    device_arguments = [on_device(argument) for argument in arguments]
    expected = call(op, arguments)
    actual = call(op, device_arguments)
    if isinstance(expected, str) or isinstance(actual, str):
        refused = isinstance(expected, str) and isinstance(actual, str)
        # The device has abs of bool, which the CPU lacks.
        assert refused or dtype == torch.bool, (expected, actual)
        return
    tolerance = TOLERANCES.get(dtype, 2e-6)
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.device.type == "xpu" and ours.shape == theirs.shape
        torch.testing.assert_close(
            ours.cpu(), theirs, rtol=tolerance, atol=tolerance, equal_nan=True
        )


def test_many_tensors_take_several_launches() -> None:
    tensors = [torch.full((k % 7 + 1,), float(k), device="xpu") for k in range(500)]
    for k, out in enumerate(torch._foreach_add(tensors, tensors, alpha=2)):
        assert (out == 3.0 * k).all() and out.shape == tensors[k].shape


def test_layouts_that_differ_go_tensor_by_tensor() -> None:
    a = torch.randn(6, 8, device="xpu")
    dense, transposed, strided = a.clone(), a.t().contiguous().t(), a.repeat(1, 2)[:, ::2]
    for second in (transposed, strided):
        (out,) = torch._foreach_mul([dense], [second])
        torch.testing.assert_close(out, dense * second)
    torch._foreach_add_([strided], 1)
    torch.testing.assert_close(strided, a.repeat(1, 2)[:, ::2] + 1)


def test_channels_last_keeps_its_layout() -> None:
    x = torch.randn(2, 3, 4, 5, device="xpu").to(memory_format=torch.channels_last)
    (out,) = torch._foreach_add([x], 1)
    assert out.stride() == x.stride()
    torch.testing.assert_close(out, x + 1)


def test_promotion() -> None:
    integers = [torch.tensor([1, 2, 3], device="xpu")]
    assert torch._foreach_add(integers, 0.5)[0].dtype == torch.float32
    assert torch._foreach_sqrt(integers)[0].dtype == torch.float32
    assert torch._foreach_div(integers, integers)[0].dtype == torch.float32
    floats = [torch.tensor([1.0], device="xpu", dtype=torch.bfloat16)]
    wider = [torch.tensor([2.0], device="xpu", dtype=torch.float32)]
    assert torch._foreach_mul(floats, wider)[0].dtype == torch.float32


@pytest.mark.parametrize("to", (torch.float32, torch.bfloat16, torch.float16, torch.int64))
@pytest.mark.parametrize("of", (torch.float32, torch.bfloat16, torch.float16, torch.int64))
def test_copy(to: torch.dtype, of: torch.dtype) -> None:
    source = [torch.randn(shape, device="xpu").mul(9).to(of) for shape in SHAPES]
    target = [torch.zeros(shape, device="xpu", dtype=to) for shape in SHAPES]
    torch._foreach_copy_(target, source)
    for ours, theirs in zip(target, source, strict=True):
        assert torch.equal(ours, theirs.to(to))


def test_copy_between_devices() -> None:
    source = [torch.randn(4), torch.randn(3)]
    target = [torch.zeros(4, device="xpu"), torch.zeros(3, device="xpu")]
    torch._foreach_copy_(target, source)
    assert all(torch.equal(t.cpu(), s) for t, s in zip(target, source, strict=True))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype)[6:])
def test_zero(dtype: torch.dtype) -> None:
    tensors = [t.to("xpu") for t in make_list(dtype, 0)]
    versions = [t._version for t in tensors]
    torch._foreach_zero_(tensors)
    assert all((t == 0).all() for t in tensors)
    assert all(t._version > v for t, v in zip(tensors, versions, strict=True))


@pytest.mark.parametrize("order", (0, 1, 2, 3, math.inf))
@pytest.mark.parametrize("dtype", (torch.float32, torch.float64, torch.bfloat16, torch.float16))
def test_norm(order: float, dtype: torch.dtype) -> None:
    shapes = [(3,), (5, 7), (2049,), (300, 400)]
    tensors = [t - 0.5 for t in make_list(dtype, 0, shapes)]
    expected = torch._foreach_norm([t.double() for t in tensors], order)
    actual = torch._foreach_norm([t.to("xpu") for t in tensors], order)
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.dtype == dtype and ours.dim() == 0
        tolerance = TOLERANCES.get(dtype, 1e-5)
        torch.testing.assert_close(ours.cpu(), theirs.to(dtype), rtol=tolerance, atol=1e-6)


def test_norm_keeps_nan_and_takes_a_dtype() -> None:
    x = torch.randn(5000, device="xpu")
    x[4321] = math.nan
    for order in (1, 2, math.inf):
        assert torch._foreach_norm([x], order)[0].isnan()
    halves = [torch.ones(70000, device="xpu", dtype=torch.float16)]
    assert torch._foreach_norm(halves, 1, dtype=torch.float32)[0].item() == 70000


def test_clip_grad_norm() -> None:
    parameters = [torch.nn.Parameter(torch.randn(s, device="xpu")) for s in (10, 3000, 7)]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 2.0)
    total = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    assert total.item() == pytest.approx(2 * math.sqrt(3017), rel=1e-5)
    clipped = torch.nn.utils.get_total_norm([p.grad for p in parameters])
    assert clipped.item() == pytest.approx(1, rel=1e-4)


ERRORS = [
    (lambda x: torch._foreach_add([], 1), "at least one tensor"),
    (lambda x: torch._foreach_add([x], [x, x]), "same number of tensors"),
    (lambda x: torch._foreach_mul([x], [1.0, 2.0]), "same number of elements"),
    (lambda x: torch._foreach_sub([x.bool()], [x.bool()]), "Subtraction"),
    (lambda x: torch._foreach_addcmul([x], [x], [x], x), "Expected scalars to be on CPU"),
    (lambda x: torch._foreach_sqrt_([x.long()]), "can't be cast"),
]


@pytest.mark.parametrize(("function", "message"), ERRORS)
def test_errors(function, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        function(torch.ones(1, device="xpu"))
