"""PyTorch's own operator database on xpu, against the CPU.

An operator is tested when any of its ATen overloads has a kernel of ours: the dispatcher says so,
no list here.
Operators that draw random numbers have tests of their own.
References are computed on the CPU in float64 where the operator has it and is continuous, and
rounded to the tested dtype.
IPEX_TEST_DTYPES=all tests every dtype the CPU supports instead of a representative few.
"""

import os

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo
from torch.utils import _pytree as pytree
from xfails import DISCONTINUOUS, FORWARD_XFAILS, GRADIENT_XFAILS, WIDE_TOLERANCES

DTYPES = (
    torch.float32,
    torch.bfloat16,
    torch.float16,
    torch.int64,
    torch.bool,
    torch.complex64,
)
if os.environ.get("IPEX_TEST_DTYPES") == "all":
    DTYPES += (torch.float64, torch.complex128, torch.uint8, torch.int8, torch.int16, torch.int32)
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
    torch.float16: (2e-3, 1e-3),
    torch.complex64: (2e-5, 1e-5),
    torch.float64: (1e-9, 1e-10),
    torch.complex128: (1e-9, 1e-10),
}


# Values are whatever the memory held.
UNINITIALISED = {
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
}

# Which of equal elements the indices name is not said; the values are compared.
ANY_OF_EQUALS = {"argsort", "kthvalue", "sort", "topk"}


def reference_dtype(op: OpInfo, dtype: torch.dtype) -> torch.dtype | None:
    wider = WIDER.get(dtype)
    if wider and op.name in DISCONTINUOUS:
        wider = torch.float32
    return wider if wider in op.supported_dtypes("cpu") else None


def deterministic(name: str) -> bool:
    base, _, overload = name.removeprefix("aten::").partition(".")
    operator = getattr(getattr(torch.ops.aten, base), overload or "default")
    return torch.Tag.nondeterministic_seeded not in operator.tags


REGISTERED = {
    name.removeprefix("aten::").split(".")[0]
    for name in torch._C._dispatch_get_registrations_for_dispatch_key("XPU")
    if name.startswith("aten::") and deterministic(name)
}


def has_kernel(op: OpInfo) -> bool:
    return not REGISTERED.isdisjoint({op.aten_name, op.name.replace(".", "_")})


TESTED = [op for op in op_db if has_kernel(op)]
FORWARD_CASES = [
    pytest.param(op, dtype, id=f"{op.formatted_name}-{str(dtype)[6:]}")
    for op in TESTED
    for dtype in DTYPES
    if dtype in op.supported_dtypes("cpu")
]
GRADIENT_CASES = [
    pytest.param(op, id=op.formatted_name)
    for op in TESTED
    if op.supports_autograd
    and {torch.float32, torch.float64} <= op.supported_backward_dtypes("cpu")
]


def on(device: str, value, dtype: torch.dtype | None = None):
    """`value` with its tensors on `device`, floating ones as `dtype`."""

    def move(tensor: torch.Tensor) -> torch.Tensor:
        wanted = dtype if dtype and tensor.dtype in WIDER else tensor.dtype
        moved = tensor.detach().to(device, wanted)
        return moved.requires_grad_(tensor.requires_grad)

    return pytree.tree_map_only(torch.Tensor, move, value)


def call(op: OpInfo, sample, device: str, dtype: torch.dtype | None = None):
    """The operator's result on `device`, and the tensors it can be differentiated by."""
    arguments = on(device, [sample.input, *sample.args], dtype)
    keywords = on(device, sample.kwargs, dtype)
    if isinstance(keywords.get("device"), str | torch.device):
        keywords["device"] = device
    if dtype and keywords.get("dtype") in WIDER:
        keywords["dtype"] = dtype
    with torch.device(device):  # for operators that make tensors
        result = op(*arguments, **keywords)
    return sample.output_process_fn_grad(result), differentiable((arguments, keywords))


def differentiable(tree) -> list[torch.Tensor]:
    leaves = pytree.tree_leaves(tree)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.requires_grad]


def assert_same(op: OpInfo, actual, expected) -> None:
    factor = WIDE_TOLERANCES.get(op.formatted_name, 1)
    actual, expected = pytree.tree_leaves(actual), pytree.tree_leaves(expected)
    assert len(actual) == len(expected)
    if op.name in ANY_OF_EQUALS:
        actual, expected = actual[:1], expected[:1]
    for ours, theirs in zip(actual, expected, strict=True):
        if isinstance(theirs, torch.Tensor):
            assert ours.device.type == "xpu"
            if op.name in UNINITIALISED:
                assert (ours.shape, ours.stride()) == (theirs.shape, theirs.stride())
                continue
            pair = (ours.cpu(), theirs.to(ours.dtype))
            rtol, atol = TOLERANCES.get(ours.dtype, (0, 0))
        else:
            pair = (ours, theirs)
            rtol, atol = TOLERANCES[torch.float32]
        torch.testing.assert_close(*pair, rtol=rtol * factor, atol=atol * factor, equal_nan=True)


def expect_failure(request: pytest.FixtureRequest, reason: str | None) -> None:
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.mark.parametrize("op, dtype", FORWARD_CASES)
def test_forward(op: OpInfo, dtype: torch.dtype, request: pytest.FixtureRequest) -> None:
    name = op.formatted_name
    reason = FORWARD_XFAILS.get(name) or FORWARD_XFAILS.get(f"{name}-{str(dtype)[6:]}")
    expect_failure(request, reason)
    for sample in op.sample_inputs("cpu", dtype):
        expected, _ = call(op, sample, "cpu", reference_dtype(op, dtype))
        actual, _ = call(op, sample, "xpu")
        assert_same(op, actual, expected)


@pytest.mark.parametrize("op", GRADIENT_CASES)
def test_gradient(op: OpInfo, request: pytest.FixtureRequest) -> None:
    name = op.formatted_name
    expect_failure(request, GRADIENT_XFAILS.get(name) or FORWARD_XFAILS.get(name))
    for sample in op.sample_inputs("cpu", torch.float32, requires_grad=True):
        gradients = []
        reference = call(op, sample, "cpu", reference_dtype(op, torch.float32))
        for result, leaves in (reference, call(op, sample, "xpu")):
            outputs = differentiable(result)
            # Weights that differ by position: a plain sum would hide misplaced gradients.
            weights = [
                torch.linspace(0.5, 1.5, out.numel(), dtype=torch.float64).view(out.shape).to(out)
                for out in outputs
            ]
            computed = (
                torch.autograd.grad(outputs, leaves, weights, allow_unused=True) if outputs else ()
            )
            gradients.append(computed)
        for expected, actual in zip(*gradients, strict=True):
            assert (actual is None) == (expected is None)
            if actual is not None:
                assert_same(op, actual, expected)
