"""Calls of PyTorch's operator database."""

from __future__ import annotations

import math

import torch
from operator_database import (
    ANY_OF_EQUALS,
    UNINITIALISED,
    has_kernel,
    laid_out,
)
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import (
    BinaryUfuncInfo,
    OpInfo,
    ReductionOpInfo,
    UnaryUfuncInfo,
)

from fuzz.case import COMPLEX, FLOATING, INTEGERS, Case, Draws


def dtype_of(draw: Draws, op: OpInfo) -> torch.dtype:
    supported = op.supported_dtypes("cpu")
    candidates = [d for d in (*FLOATING, torch.float32, *INTEGERS, torch.bool, *COMPLEX)]
    return draw.pick(*[d for d in candidates if d in supported])


def ufunc(draw: Draws, op: OpInfo, arguments: list[torch.Tensor]) -> Case:
    samples = list(op.sample_inputs("cpu", arguments[0].dtype))
    keywords = draw.pick(*samples).kwargs if samples else {}
    variants = ["new", "new"] + ["out"] * op.supports_out
    function, variant = op.op, draw.pick(*variants)
    if op.inplace_variant is not None and draw.chance(0.25):
        function, variant = op.inplace_variant, "first"
        arguments[0] = arguments[0].clone()
    # Stock computes polynomials of a high degree n in n steps where |x| > 1, which takes for ever.
    polynomial = "polynomial" in op.name
    return Case(
        op.name,
        function,
        tuple(arguments),
        keywords,
        variant,
        pointwise=not polynomial,
        adds_up=polynomial,
    )


UNARY = [op for op in op_db if isinstance(op, UnaryUfuncInfo) and has_kernel(op)]
BINARY = [op for op in op_db if isinstance(op, BinaryUfuncInfo) and has_kernel(op)]
REDUCTIONS = [op for op in op_db if isinstance(op, ReductionOpInfo) and has_kernel(op)]
# Not for the fuzzer: values that nobody says, and gradients of integers.
HIDDEN = UNINITIALISED | {"argsort", "native_dropout_backward"}
ANY = [op for op in op_db if has_kernel(op) and op.name not in HIDDEN]


# Arguments that are drawn below 100, by their places: beyond, stock PyTorch's own digits are gone.
SMALL = {
    "special.airy_ai": (0,),  # the phase is rounded to the argument's digits
    "polynomial": (1,),  # degrees are computed with in 64 bits that overflow
    "gcd": (0, 1),  # the smallest integer has no absolute value
    "lcm": (0, 1),
}
# Arguments that are drawn above -100: stock PyTorch takes a step for each unit below zero.
NOT_FAR_BELOW_ZERO = {"special.zeta": (1,)}


def in_domain(op: OpInfo, arguments: list[torch.Tensor]) -> list[torch.Tensor]:
    for name, places in SMALL.items():
        for place in places if name in op.name else ():
            if place < len(arguments) and arguments[place].dtype != torch.bool:
                arguments[place] = arguments[place].fmod(100)
    for place in NOT_FAR_BELOW_ZERO.get(op.name, ()):
        if arguments[place].dtype.is_signed:
            arguments[place] = arguments[place].clamp(min=-100)
    return arguments


def unary(draw: Draws) -> Case:
    op = draw.pick(*UNARY)
    tensor = draw.tensor(draw.shape(), dtype_of(draw, op))
    return ufunc(draw, op, in_domain(op, [tensor]))


def binary(draw: Draws) -> Case:
    op = draw.pick(*BINARY)
    dtype, shape = dtype_of(draw, op), draw.shape()
    other = dtype_of(draw, op) if draw.chance(0.2) else dtype
    shapes = [shape, draw.broadcastable(shape)]
    if draw.chance(0.3):
        shapes.reverse()
    tensors = [draw.tensor(s, d) for s, d in zip(shapes, (dtype, other), strict=True)]
    return ufunc(draw, op, in_domain(op, tensors))


def reduction(draw: Draws) -> Case:
    op = draw.pick(*REDUCTIONS)
    shape = draw.shape()
    tensor = draw.values(shape, dtype_of(draw, op), tame=True)
    if tensor.is_floating_point() and tensor.numel() and draw.chance(0.3):
        draw.insert_special(tensor)
        tensor[tensor.abs() > 1e4] = math.inf
    if draw.chance(0.5):
        order = draw.random.sample(range(len(shape)), len(shape))
        tensor = tensor.permute(order)
    keywords = {}
    if shape and draw.chance(0.8):
        many = op.supports_multiple_dims and draw.chance(0.5)
        dims = draw.random.sample(range(len(shape)), draw.random.randint(1, len(shape)))
        keywords = {"dim": dims if many else dims[0], "keepdim": draw.chance(0.5)}
    return Case(op.name, op.op, (tensor,), keywords, adds_up=True)


def from_database(draw: Draws) -> Case:
    op = draw.pick(*ANY)
    dtype = dtype_of(draw, op)
    samples = list(op.sample_inputs("cpu", dtype))
    sample = draw.pick(*samples)
    if draw.chance(0.7):
        sample = laid_out(draw.pick("strided", "drawn"), sample, draw.random.randrange(2**32))
    arguments = (sample.input, *sample.args)
    # The dtype of saved statistics is the device's own affair.
    first = "_norm" in op.name or op.name in ANY_OF_EQUALS
    return Case(op.name, op.op, arguments, sample.kwargs, first_result_only=first, adds_up=True)
