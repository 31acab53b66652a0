"""PyTorch's own operator database on xpu, against the CPU.

Which operators have kernels is asked of the dispatcher; operator_database.py says what is selected.
"""

from __future__ import annotations

import contextlib
import fnmatch
import operator
from collections.abc import Callable

import pytest
import torch
from device_dtypes import device_lacks
from layouts import Draw, move
from operator_database import (
    Call,
    assert_same,
    differentiable,
    laid_out,
    parametrize,
    reference,
    samples_of,
)
from torch.testing._internal.common_utils import noncontiguous_like
from torch.testing._internal.opinfo.core import OpInfo, SampleInput
from torch.utils import _pytree as pytree
from xfails import NEEDS_DOUBLE, XFAILS

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")


@pytest.fixture(autouse=True)
def expected_failure(request: pytest.FixtureRequest) -> None:
    case = request.node.callspec.id
    expected = XFAILS | (NEEDS_DOUBLE if device_lacks(torch.float64) else {})
    for pattern, reason in expected.items():
        if fnmatch.fnmatchcase(case, pattern):
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


@parametrize("forward")
def test_forward(check: str, op: OpInfo, dtype: torch.dtype) -> None:
    for sample in samples_of(op, check, dtype):
        expected = reference(op, sample, dtype)
        assert_same(op, Call.make(sample, "xpu")(op), expected)


@parametrize("strided", "drawn")
def test_layout(check: str, op: OpInfo, dtype: torch.dtype) -> None:
    """Where the CPU refuses a layout, the device may refuse it too or is right."""
    for seed, sample in enumerate(samples_of(op, check, dtype)):
        changed = laid_out(check, sample, seed)
        may_refuse: tuple[type[Exception], ...] = ()
        try:
            Call.make(changed, "cpu")(op)
        except RuntimeError as refusal:
            may_refuse = (type(refusal),)
        with contextlib.suppress(*may_refuse):
            assert_same(op, Call.make(changed, "xpu")(op), reference(op, changed, dtype))


def has_out(op: OpInfo) -> bool:
    return op.supports_out


def into(op: OpInfo, sample: SampleInput, device: str, prepare: Callable) -> tuple[list, bool]:
    """What the operator wrote into tensors that `prepare` made, and whether they stayed there."""
    call = Call.make(sample, device)
    out = pytree.tree_map_only(torch.Tensor, prepare, call.whole(op))
    out = tuple(out) if isinstance(out, tuple) else out
    given = pytree.tree_leaves(out)
    before = [(leaf.data_ptr(), leaf.stride()) for leaf in given]
    result = call.whole(op, out=out)
    if result is not None:  # unbind_copy returns nothing
        returned = pytree.tree_leaves(result)
        assert len(returned) == len(given) and all(map(operator.is_, given, returned))
    stayed = [(leaf.data_ptr(), leaf.stride()) for leaf in given] == before
    return pytree.tree_leaves(sample.output_process_fn_grad(out)), stayed


@parametrize("out", applies=has_out)
def test_out(check: str, op: OpInfo, dtype: torch.dtype) -> None:
    """Into memory that is there, whatever its strides, and into an empty tensor, which grows."""
    for sample in samples_of(op, check, dtype):
        if sample.kwargs.get("as_tuple"):  # nonzero's, which takes no out then
            continue
        expected = reference(op, sample, dtype)
        for prepare in (noncontiguous_like, lambda tensor: torch.empty_like(tensor).resize_(0)):
            ours, stayed = into(op, sample, "xpu", prepare)
            theirs, should_stay = into(op, sample, "cpu", prepare)
            assert stayed or not should_stay or prepare is not noncontiguous_like
            shapes = [leaf.shape for leaf in theirs]
            assert [leaf.shape for leaf in ours] == shapes
            # Some composites of stock PyTorch leave an empty tensor empty.
            if shapes == [leaf.shape for leaf in pytree.tree_leaves(expected.result)]:
                assert_same(op, ours, expected)


def has_in_place(op: OpInfo) -> bool:
    return op.get_inplace() is not None


@parametrize("in_place", applies=has_in_place)
def test_in_place(check: str, op: OpInfo, dtype: torch.dtype) -> None:
    """Writes what the functional operator returns, or raises where the CPU does."""
    in_place = op.get_inplace()
    for sample in samples_of(op, check, dtype):
        call = Call.make(sample, "xpu")
        try:
            Call.make(sample, "cpu")(in_place)
        except (RuntimeError, TypeError) as error:
            with pytest.raises(type(error)):
                call(in_place)
            continue
        expected = reference(op, sample, dtype, in_place)
        assert call(in_place) is call.arguments[0]
        assert_same(op, call.arguments[0], expected)


def has_gradient(op: OpInfo) -> bool:
    return op.supports_autograd


def gradients(call: Call, result, lay=lambda weights: weights) -> tuple:
    outputs = [out for out in differentiable(result) if out.grad_fn is not None]
    # Weights that differ by position: a plain sum would hide misplaced gradients.
    weights = [
        lay(torch.linspace(0.5, 1.5, out.numel()).view(out.shape).to(out.dtype)) for out in outputs
    ]
    if not outputs:
        return ()
    weights = [move(weight, out.device) for weight, out in zip(weights, outputs, strict=True)]
    return torch.autograd.grad(outputs, call.leaves(), weights, allow_unused=True)


@parametrize("gradient", applies=has_gradient)
def test_gradient(check: str, op: OpInfo, dtype: torch.dtype) -> None:
    for sample in samples_of(op, check, dtype, requires_grad=True):
        expected = reference(op, sample, dtype)
        call = Call.make(sample, "xpu")
        actual = gradients(call, call(op))
        assert_same(op, actual, expected, lambda cpu: gradients(cpu.call, cpu.result))


@parametrize("gradient_drawn", applies=has_gradient)
def test_gradient_of_layouts(check: str, op: OpInfo, dtype: torch.dtype) -> None:
    """Inputs and incoming gradients lie in any way."""
    for seed, sample in enumerate(samples_of(op, check, dtype, requires_grad=True)):
        draw = Draw(seed)
        changed = laid_out("drawn", sample, seed)
        try:
            cpu = Call.make(changed, "cpu")
            gradients(cpu, cpu(op), draw.laid_out)
        except RuntimeError:
            continue  # a view that there is not
        expected = reference(op, changed, dtype)
        call = Call.make(changed, "xpu")
        actual = gradients(call, call(op), draw.laid_out)
        assert_same(op, actual, expected, lambda cpu: gradients(cpu.call, cpu.result))


@parametrize("gradcheck", applies=has_gradient)
def test_gradcheck(check: str, op: OpInfo, dtype: torch.dtype) -> None:
    """The gradients are those of finite differences."""
    for sample in samples_of(op, check, dtype, requires_grad=True):
        if not reference(op, sample, dtype).compare_values:
            continue  # two calls of a random operator differ
        call = Call.make(sample, "xpu")
        leaves, structure = pytree.tree_flatten((call.arguments, call.keywords))
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
        places = [i for i in places if leaves[i].requires_grad]

        def function(*inputs, leaves=leaves, structure=structure, places=places, sample=sample):
            values = list(leaves)
            for place, value in zip(places, inputs, strict=True):
                values[place] = value
            arguments, keywords = pytree.tree_unflatten(values, structure)
            with torch.device("xpu"):
                result = op.gradcheck_wrapper(op.get_op(), *arguments, **keywords)
            return tuple(differentiable(sample.output_process_fn_grad(result)))

        if not places or not function(*(leaves[i] for i in places)):
            continue  # nothing to differentiate
        assert torch.autograd.gradcheck(
            function,
            tuple(leaves[i] for i in places),
            fast_mode=True,
            nondet_tol=op.gradcheck_nondet_tol,
            check_undefined_grad=False,
        )
