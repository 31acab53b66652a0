"""PyTorch's operator database, as the tests of operators use it.

What is run by default is declared in SELECTED; IPEX_TEST_OPERATORS=all runs every operator with
every dtype of the CPU and every sample. IPEX_TEST_SHARD=2/8 runs the second of eight parts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import unittest
from collections.abc import Callable

import pytest
import torch
from device_dtypes import device_lacks
from layouts import Draw, contiguous, move
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_utils import noncontiguous_like
from torch.testing._internal.opinfo.core import (
    BinaryUfuncInfo,
    DecorateInfo,
    OpInfo,
    SampleInput,
    UnaryUfuncInfo,
)
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from xfails import (
    CANCELLING,
    DISCONTINUOUS,
    HALF_STEPS,
    READS_STRIDES,
    WIDE_GRADIENTS,
    WIDE_TOLERANCES,
)

EVERYTHING = os.environ.get("IPEX_TEST_OPERATORS") == "all"


@dataclasses.dataclass(frozen=True)
class Selection:
    """What a check runs by default: these dtypes, or the operator's first, and so many samples."""

    dtypes: tuple[torch.dtype, ...]
    samples: int


SELECTED = {
    "forward": Selection(
        (torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64),
        samples=8,
    ),
    "out": Selection((torch.float32,), samples=3),
    "in_place": Selection((torch.float32,), samples=6),
    "strided": Selection((torch.float32,), samples=6),
    "drawn": Selection((torch.float32,), samples=6),
    "gradient": Selection((torch.float32,), samples=5),
    "gradient_drawn": Selection((torch.float32,), samples=5),
    "gradcheck": Selection((torch.float64,), samples=1),
}
DTYPES = (
    torch.float32,
    torch.int64,
    torch.complex64,
    torch.bool,
    torch.bfloat16,
    torch.float16,
    torch.float64,
    torch.complex128,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.uint16,
    torch.uint32,
    torch.uint64,
)

# References are computed in these, and rounded to the tested dtype.
WIDER = {
    torch.float32: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float16: torch.float64,
    torch.complex64: torch.complex128,
}
# Relative and absolute: a few units in the last place of the dtype, for results that add up a few
# hundred terms.
TOLERANCES = {
    torch.float32: (2e-5, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-2),
    torch.float16: (2e-3, 2e-3),
    torch.complex64: (2e-5, 1e-5),
    torch.float64: (1e-9, 1e-10),
    torch.complex128: (1e-9, 1e-10),
}

HALVES = {torch.bfloat16, torch.float16}
SINGLE = {torch.bfloat16: torch.float32, torch.float16: torch.float32}
# Formulas of derivatives round their few steps one after another.
ROUNDINGS_OF_GRADIENTS = 4

# Values are whatever the memory held.
UNINITIALISED = {
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
}
# Which of equal elements the indices name is not said: what they point at is compared. By the place
# of `dim` among the arguments.
ANY_OF_EQUALS = {"argsort": 1, "kthvalue": 2, "mode": 1, "sort": 1, "topk": 2}

REGISTERED = {
    device: {
        name.removeprefix("aten::").split(".")[0]
        for name in torch._C._dispatch_get_registrations_for_dispatch_key(device)
        if name.startswith("aten::")
    }
    for device in ("CPU", "XPU")
}


def has_kernel(op: OpInfo, device: str = "XPU") -> bool:
    return not REGISTERED[device].isdisjoint({op.aten_name, op.name.replace(".", "_")})


def falls_back(op: OpInfo) -> bool:
    """The CPU's kernel runs. What has none there either is made of other operators."""
    return has_kernel(op, "CPU") and not has_kernel(op)


def dtypes_of(op: OpInfo, check: str) -> list[torch.dtype]:
    backward = check.startswith("grad")
    supported = op.supported_backward_dtypes("cpu") if backward else op.supported_dtypes("cpu")
    if check == "gradcheck":
        supported &= {torch.float64, torch.complex128}
    elif backward and not isinstance(op, UnaryUfuncInfo | BinaryUfuncInfo):
        # A gradient of many steps rounds in each of them: half precision would tell nothing.
        supported -= HALVES
    available = [dtype for dtype in DTYPES if dtype in supported and not device_lacks(dtype)]
    chosen = [dtype for dtype in SELECTED[check].dtypes if dtype in available]
    return available if EVERYTHING else chosen or available[:1]


def refuses_gradcheck(op: OpInfo, dtype: torch.dtype) -> bool:
    """Whether the database says that PyTorch's own gradcheck fails or makes no sense."""
    return any(
        decorator is unittest.expectedFailure or decorator.__qualname__.startswith("skip.")
        for information in op.decorators
        if isinstance(information, DecorateInfo)
        and information.is_active("TestBwdGradients", "test_fn_grad", "cpu", dtype, {})
        for decorator in information.decorators
        if hasattr(decorator, "__qualname__")
    )


def parametrize(*checks: str, applies: Callable[[OpInfo], bool] = lambda op: True):
    """The cases of `checks`, for a test of (check, op, dtype)."""
    if not torch.xpu.is_available():
        return pytest.mark.skip(reason="no XPU device")
    shard, shards = map(int, os.environ.get("IPEX_TEST_SHARD", "1/1").split("/"))
    if not 1 <= shard <= shards:
        raise pytest.UsageError(f"IPEX_TEST_SHARD is {shard}/{shards}: parts are counted from 1")
    cases = [
        pytest.param(check, op, dtype, id=f"{check}-{op.formatted_name}-{str(dtype)[6:]}")
        for op in op_db
        if applies(op) and (EVERYTHING or has_kernel(op))
        for check in checks
        for dtype in dtypes_of(op, check)
        if not (check == "gradcheck" and refuses_gradcheck(op, dtype))
    ]
    return pytest.mark.parametrize("check, op, dtype", cases[shard - 1 :: shards])


def samples_of(
    op: OpInfo, check: str, dtype: torch.dtype, requires_grad: bool = False
) -> list[SampleInput]:
    """The operator's samples on the CPU: all, or some of each part of the list."""
    torch.manual_seed(0)
    samples = list(op.sample_inputs("cpu", dtype, requires_grad=requires_grad))
    wanted = len(samples) if EVERYTHING else min(SELECTED[check].samples, len(samples))
    return [samples[i * len(samples) // wanted] for i in range(wanted)]


LAYOUTS = {
    "contiguous": lambda draw, tensor: contiguous(tensor),
    "strided": lambda draw, tensor: noncontiguous_like(tensor),
    "drawn": Draw.laid_out,
}


def laid_out(check: str, sample: SampleInput, seed: int = 0) -> SampleInput:
    draw = Draw(seed)

    def change(value):
        is_plain = isinstance(value, torch.Tensor) and value.layout == torch.strided
        is_plain = is_plain and not value.is_quantized and type(value) is torch.Tensor
        return LAYOUTS[check](draw, value) if is_plain else value

    return sample.transform(change)


def on(device: str, value, widths: dict[torch.dtype, torch.dtype]):
    def convert(leaf):
        if isinstance(leaf, torch.Tensor):
            return move(leaf, device, widths.get(leaf.dtype))
        if isinstance(leaf, torch.device) or (isinstance(leaf, str) and leaf == "cpu"):
            return torch.device(device)
        return widths.get(leaf, leaf) if isinstance(leaf, torch.dtype) else leaf

    return pytree.tree_map(convert, value)


@dataclasses.dataclass
class Call:
    """The arguments of one call on one device."""

    arguments: list
    keywords: dict
    sample: SampleInput
    device: str

    @classmethod
    def make(cls, sample: SampleInput, device: str, widths: dict | None = None) -> Call:
        arguments = on(device, [sample.input, *sample.args], widths or {})
        keywords = on(device, sample.kwargs, widths or {})
        return cls(arguments, keywords, sample, device)

    def whole(self, function: Callable, **more):
        """All that the function returns."""
        with torch.device(self.device):  # for operators that make tensors
            return function(*self.arguments, **self.keywords, **more)

    def __call__(self, function: Callable):
        """What the sample says is to be compared."""
        return self.sample.output_process_fn_grad(self.whole(function))

    def leaves(self) -> list[torch.Tensor]:
        return differentiable((self.arguments, self.keywords))


class DrawsNumbers(TorchDispatchMode):
    """Notices operators whose result is random."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        self.seen |= torch.Tag.nondeterministic_seeded in function.tags
        return function(*arguments, **(keywords or {}))


@dataclasses.dataclass
class Reference:
    """What the CPU makes of a sample; of random results only the form is compared."""

    result: object
    call: Call
    compare_values: bool
    # For what is made of several operators: the same in the tested dtype, rounded after each.
    rounded: Callable[[], Reference] | None = None


def widths_of(op: OpInfo, dtype: torch.dtype) -> list[dict[torch.dtype, torch.dtype]]:
    """The dtypes references are computed in, the best first: wider ones where the operator has
    them."""
    if falls_back(op):
        return [{}]  # the same code on both sides
    wider = [SINGLE] if op.name in DISCONTINUOUS else [WIDER, SINGLE]
    supported = op.supported_dtypes("cpu")
    return [widths for widths in wider if widths.get(dtype) in supported] + [{}]


def reference(
    op: OpInfo, sample: SampleInput, dtype: torch.dtype, function=None, wide: bool = True
) -> Reference:
    """Of contiguous tensors: stock PyTorch itself is wrong where tensors lie in some other ways."""
    if op.name not in READS_STRIDES:
        sample = laid_out("contiguous", sample)
    *wider, last = widths_of(op, dtype) if wide else [{}]
    for widths in wider:
        with contextlib.suppress(RuntimeError):  # it takes narrow dtypes only
            return reference_in(widths, op, sample, dtype, function)
    return reference_in(last, op, sample, dtype, function)


def reference_in(
    widths: dict, op: OpInfo, sample: SampleInput, dtype: torch.dtype, function
) -> Reference:
    call = Call.make(sample, "cpu", widths)
    with DrawsNumbers() as draws:
        result = call(function or op)
    if dtype.is_complex and not draws.seen:  # under a mode, lstsq multiplies without conjugating
        call = Call.make(sample, "cpu", widths)
        result = call(function or op)
    several_steps = not has_kernel(op) if dtype not in HALVES else op.name in HALF_STEPS
    rounded = functools.partial(reference, op, sample, dtype, function, wide=False)
    return Reference(
        result,
        call,
        compare_values=not draws.seen and op.name not in UNINITIALISED,
        rounded=rounded if widths and several_steps else None,
    )


def differentiable(tree) -> list[torch.Tensor]:
    leaves = pytree.tree_leaves(tree)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.requires_grad]


def pointed_at(op: OpInfo, call: Call, result) -> tuple[torch.Tensor, ...]:
    """In the place of indices, the elements of the input that they name, each once."""
    *values, indices = pytree.tree_leaves(result)
    place, source = ANY_OF_EQUALS[op.name], call.arguments[0].to(indices.device)
    given = call.keywords.get("dim", (*call.arguments, *[-1] * place)[place])
    dim = given % max(source.dim(), 1)
    if indices.dim() < source.dim():
        indices = indices.unsqueeze(dim)
    found = source.detach().gather(dim, indices)
    distinct = indices.sort(dim).values.diff(dim=dim).ne(0) if source.dim() else indices == 0
    return (*values, found, distinct)


def tolerances(result: torch.Tensor, call: Call) -> tuple[float, float]:
    """Those of the least exact dtype: of the result or of what it was made from."""
    if result.dtype not in TOLERANCES:
        return (0, 0)
    sample = call.sample
    leaves = pytree.tree_leaves((result, sample.input, sample.args, sample.kwargs))
    dtypes = {leaf.dtype for leaf in leaves if isinstance(leaf, torch.Tensor)}
    return max(TOLERANCES.get(dtype, (0, 0)) for dtype in dtypes)


def assert_same(op: OpInfo, actual, expected: Reference, of: Callable | None = None) -> None:
    """`actual` is what the CPU made, or what `of` makes of the reference."""
    try:
        assert_agrees(op, actual, expected, of)
    except (AssertionError, ValueError):
        if expected.rounded is None:
            raise
        assert_agrees(op, actual, expected.rounded(), of)


def assert_agrees(op: OpInfo, actual, expected: Reference, of: Callable | None) -> None:
    factor = WIDE_TOLERANCES.get(op.formatted_name, 1)
    if of is not None:
        factor = WIDE_GRADIENTS.get(op.formatted_name, factor)
    result = of(expected) if of else expected.result
    if of is None and op.name in ANY_OF_EQUALS:
        actual = pointed_at(op, expected.call, actual)
        result = pointed_at(op, expected.call, result)
    for ours, theirs in zip(pytree.tree_leaves(actual), pytree.tree_leaves(result), strict=True):
        assert isinstance(ours, torch.Tensor) == isinstance(theirs, torch.Tensor)
        if isinstance(theirs, torch.Tensor):
            assert ours.device.type == "xpu"
            if expected.compare_values:
                rtol, atol = tolerances(ours, expected.call)
                if of is not None and ours.dtype in HALVES:
                    rtol, atol = rtol * ROUNDINGS_OF_GRADIENTS, atol * ROUNDINGS_OF_GRADIENTS
                elif ours.dtype in HALVES and op.formatted_name in CANCELLING and theirs.numel():
                    atol = max(atol, rtol * float(theirs.abs().max()))
                torch.testing.assert_close(
                    ours.cpu(),
                    theirs.to(ours.dtype),
                    rtol=rtol * factor,
                    atol=atol * factor,
                    equal_nan=True,
                )
            else:
                assert ours.shape == theirs.shape
        elif isinstance(theirs, float | complex) and expected.compare_values:
            assert ours == pytest.approx(theirs, rel=2e-5, abs=1e-5, nan_ok=True)
        elif not isinstance(theirs, torch.device):
            assert type(ours) is type(theirs)
            assert ours == theirs or not expected.compare_values
