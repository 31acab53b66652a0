"""Whether a call on xpu has the value or the error that it should have."""

from __future__ import annotations

import dataclasses

import torch
from layouts import contiguous
from operator_database import HALVES, SINGLE, WIDER, DrawsNumbers, on
from torch.utils import _pytree as pytree
from xfails import DISCONTINUOUS, READS_STRIDES

from fuzz.case import Case

# Relative error allowed, and absolute error for each unit of the largest number of the result.
TOLERANCES = {
    torch.float64: 1e-9,
    torch.float32: 3e-5,
    torch.float16: 3e-3,
    torch.bfloat16: 2e-2,
    torch.complex128: 1e-9,
    torch.complex64: 3e-5,
    torch.complex32: 3e-3,
}


# Where stock itself is less exact than its dtype.
INEXACT = {
    "special.bessel_j0": 1e-6,
    "special.bessel_j1": 1e-6,
    "special.bessel_y0": 1e-6,
    "special.bessel_y1": 1e-6,
    "special.airy_ai": 1e-4,
    # The degree's square times the argument's rounding error.
    "special.chebyshev_polynomial_t": 1e-3,
    "special.chebyshev_polynomial_u": 1e-3,
    "special.chebyshev_polynomial_v": 1e-3,
    "special.chebyshev_polynomial_w": 1e-3,
    "special.shifted_chebyshev_polynomial_t": 1e-2,
    "special.shifted_chebyshev_polynomial_u": 1e-2,
    "special.shifted_chebyshev_polynomial_v": 1e-2,
    "special.shifted_chebyshev_polynomial_w": 1e-2,
    "layer_norm": 1e-4,  # of constant rows: the mean's rounding error over the root of epsilon
}
# Bytes that stock computes in fixed point, in two steps.
FIXED_POINT = ("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")
# Where stock misses a pole by rounding, overflows before the result does, or returns for NaN what
# depends on the elements beside it.
POLES = ("polygamma",)
LARGE_ARGUMENTS = ("special.zeta",)
OVERFLOWS = ("sinh", "cosh")
NAN_IS_NAN = ("special.", "igamma", "polygamma")
POLE = 1e12
# Errors of pointwise functions may be those of arguments that are off by so many units in the last
# place: near a pole or for a large argument that is much.
ARGUMENT_ERROR = 4
LARGE = 1e3
# Errors of what rounds between its steps may be so many times as large as stock's own.
FAR = 8


class Difference(Exception):
    pass


def run(case: Case, device: str, widths: dict | None = None):
    """The result of `case` on `device`, or the error it raised."""
    arguments = on(device, list(case.arguments), widths or {})
    keywords = on(device, dict(case.keywords), widths or {})
    try:
        with torch.device(device):
            result = case.function(*arguments, **keywords)
            if case.variant == "out":
                plain = result
                out = pytree.tree_map_only(torch.Tensor, torch.empty_like, plain)
                result = case.function(*arguments, out=out, **keywords)
        if device == "xpu":
            torch.xpu.synchronize()  # where faults are raised at the latest
    except Exception as error:  # errors are compared as results are
        return error
    return arguments[0] if case.variant == "first" else result


def tolerance_of(case: Case, result: torch.Tensor) -> float:
    """That of the result's dtype; sums are as exact as the least exact of their operands."""
    leaves = [result]
    if case.adds_up:
        leaves += pytree.tree_leaves((case.arguments, case.keywords))
    dtypes = {leaf.dtype for leaf in leaves if isinstance(leaf, torch.Tensor)}
    return max(INEXACT.get(case.name, 0.0), *(TOLERANCES.get(dtype, 0.0) for dtype in dtypes))


def excused(case: Case, ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Where stock is known to be wrong and ours is right."""
    wrong = torch.zeros(ours.shape, dtype=torch.bool)
    if case.name in POLES:
        wrong |= ours.isinf() & (theirs.abs() > POLE)
    if case.name in OVERFLOWS:
        wrong |= theirs.isinf() & (ours.abs() > torch.finfo(ours.dtype).max / 4)
    if case.name == "prod":  # in another order it overflows and underflows elsewhere
        wrong |= ours.isnan() & (theirs.isinf() | (theirs == 0))
    if case.name == "logaddexp" and ours.is_complex():  # it overflows before the result does
        wrong |= theirs.isnan() & ours.isfinite()
    if case.name == "pow" and ours.is_complex():  # the angle of what overflows is lost
        wrong |= ours.isinf() & theirs.isinf()
    for argument in case.arguments:
        if not isinstance(argument, torch.Tensor):
            continue
        if case.name in LARGE_ARGUMENTS:
            wrong |= (argument.double().abs() > LARGE) & ~theirs.isfinite()
        if case.name.startswith(NAN_IS_NAN) and argument.is_floating_point():
            wrong |= ours.isnan() & argument.isnan()
    return wrong


def uncertainty(case: Case) -> list[torch.Tensor]:
    """By how much the results of a pointwise function change at least as its arguments move by
    ARGUMENT_ERROR either way: nothing beside a step, as floor has them."""

    def results(move: float) -> list:
        def moved(leaf):
            if not isinstance(leaf, torch.Tensor) or leaf.dtype not in TOLERANCES:
                return leaf
            wide = leaf.to(WIDER.get(leaf.dtype, leaf.dtype))
            result = wide * (1 + move * torch.finfo(leaf.dtype).eps)
            if case.name in LARGE_ARGUMENTS:
                # From a large negative argument that is not an integer stock counts to zero.
                result = torch.where(wide.abs() > LARGE, wide, result)
            return result

        arguments = pytree.tree_map(moved, case.arguments)
        return pytree.tree_leaves(run(dataclasses.replace(case, arguments=arguments), "cpu", WIDER))

    def change(result, base) -> torch.Tensor:
        same = (result == base) | (result.isnan() & base.isnan())
        return torch.where(same, 0, (result - base).abs()).nan_to_num(nan=torch.inf)

    below, at, above = (results(move) for move in (-ARGUMENT_ERROR, 0, ARGUMENT_ERROR))
    return [
        torch.minimum(change(low, base), change(high, base))
        for low, base, high in zip(below, at, above, strict=True)
    ]


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64


def error_of_stock(case: Case, position: int, expected: torch.Tensor) -> float:
    """How far stock's own result in the dtype of `case` is from `expected` at most."""
    plain = run(of_contiguous(case), "cpu")
    if isinstance(plain, Exception):
        return 0.0
    theirs = pytree.tree_leaves(plain)[position]
    if not theirs.is_floating_point() and not theirs.is_complex():
        return 0.0
    return (theirs.to(expected.dtype) - expected).abs().nan_to_num(0.0).amax().item()


def close(case: Case, ours: torch.Tensor, theirs: torch.Tensor, position: int) -> torch.Tensor:
    """Where they agree; both on the CPU, in the dtype of the result."""
    if ours.dtype not in TOLERANCES:
        theirs = theirs.to(ours.dtype)
        steps = 1 if case.name in FIXED_POINT else 0
        return ours == theirs if steps == 0 else (ours.int() - theirs.int()).abs() <= steps
    tolerance = tolerance_of(case, ours)
    smallest = torch.finfo(ours.dtype).tiny
    wide = wide_dtype(ours.dtype)
    reference = theirs.to(wide)
    ours, theirs = ours.to(wide), theirs.to(ours.dtype).to(wide)
    finite = theirs[theirs.isfinite()].abs()
    scale = finite.max().item() if finite.numel() else 1.0
    scale = max(scale, 1.0) if case.adds_up else min(scale, 1.0)
    # Stock itself may lose what is smaller than a normal number.
    absolute = max(tolerance * scale, smallest)
    agree = torch.isclose(ours, theirs, rtol=tolerance, atol=absolute, equal_nan=True)
    if case.several_steps and not agree.all():
        agree |= (ours - reference).abs() <= FAR * error_of_stock(case, position, reference)
    return agree


def compare(case: Case, ours, same, expected: list) -> None:
    """`same` is the result of the same call on the CPU, `expected` are values that are right."""
    ours = pytree.tree_leaves(ours)
    expected = [pytree.tree_leaves(one) for one in expected]
    if case.first_result_only:
        ours, expected = ours[:1], [one[:1] for one in expected]
    for position, result in enumerate(ours):
        if not isinstance(result, torch.Tensor):
            continue
        mine = result.cpu()
        form = pytree.tree_leaves(same)[position]
        if (mine.shape, mine.dtype) != (form.shape, form.dtype):
            raise Difference(
                f"got {mine.dtype}{[*mine.shape]}, expected {form.dtype}{[*form.shape]}"
            )
        agree = torch.zeros(mine.shape, dtype=torch.bool)
        for one in expected:
            if one[position].shape == mine.shape:
                agree |= close(case, mine, one[position], position) | excused(
                    case, mine, one[position]
                )
        if not agree.all() and case.pointwise and mine.dtype in TOLERANCES:
            reference = expected[-1][position]
            error = (mine.to(reference.dtype) - reference).abs()
            agree |= error <= uncertainty(case)[position]
        if not agree.all():
            place = tuple((~agree).nonzero()[0].tolist())
            values = [
                one[position][place].item() for one in expected if one[position].shape == mine.shape
            ]
            raise Difference(
                f"{int((~agree).sum())} of {mine.numel()} elements differ; at {place} "
                f"got {mine[place].item()!r}, expected {' or '.join(map(repr, values))}"
            )


def with_rounded_numbers(case: Case) -> Case | None:
    """`case` with tensors of no dimensions cast to the dtype of the others, as devices cast them,
    None where that rounds nothing; the CPU computes with the digits that they had."""
    leaves = [leaf for leaf in pytree.tree_leaves(case.arguments) if isinstance(leaf, torch.Tensor)]
    common = torch.bool
    for leaf in leaves:
        if leaf.dim() > 0 and leaf.dtype in TOLERANCES:
            common = torch.promote_types(common, leaf.dtype)

    def rounds(leaf: torch.Tensor) -> bool:
        of_a_kind = leaf.is_complex() == common.is_complex
        known = leaf.dtype in TOLERANCES and common in TOLERANCES
        return leaf.dim() == 0 and leaf.dtype != common and of_a_kind and known

    if not any(map(rounds, leaves)):
        return None
    arguments = pytree.tree_map_only(
        torch.Tensor, lambda leaf: leaf.to(common) if rounds(leaf) else leaf, case.arguments
    )
    return dataclasses.replace(case, arguments=arguments)


def of_contiguous(case: Case) -> Case:
    """`case` with ordinary tensors: stock itself is wrong where tensors lie in some other ways."""
    if case.name in READS_STRIDES:
        return case
    arguments, keywords = pytree.tree_map_only(
        torch.Tensor, contiguous, (case.arguments, case.keywords)
    )
    return dataclasses.replace(case, arguments=arguments, keywords=keywords)


def reference(case: Case):
    """The result in the widest dtype that the CPU has for `case`, or the last error."""
    plain = of_contiguous(case)
    plain = dataclasses.replace(plain, function=case.formula or case.function)
    result: object = None
    for widths in [SINGLE] if case.name in DISCONTINUOUS else [WIDER, SINGLE]:
        result = run(plain, "cpu", widths)
        if not isinstance(result, Exception):
            break
    return result


def check(case: Case) -> None:
    with DrawsNumbers() as draws:
        # A layer may be right in a layout that the CPU refuses.
        same = run(of_contiguous(case) if case.formula else case, "cpu")
    refused = isinstance(same, Exception)
    if isinstance(same, NotImplementedError) or (draws.seen and not refused):
        return
    ours = run(case, "xpu")
    if refused:
        # Integers divided by zero have a value on the device, as on GPUs.
        # The CPU's kernels of some internal operators take dense tensors only.
        of_the_cpu = ("ZeroDivision", "is_contiguous")
        if not isinstance(ours, Exception) and not any(text in str(same) for text in of_the_cpu):
            raise Difference(f"no error; the CPU raises {type(same).__name__}: {same}")
        return
    if isinstance(ours, Exception):
        raise Difference(f"{type(ours).__name__}: {ours}")
    rounded = with_rounded_numbers(case)
    others = [reference(each) for each in (rounded, case) if each]
    expected = [other for other in others if not isinstance(other, Exception)]
    # What adds up in half precision stock itself may have wrong, and so where tensors lie oddly.
    leaves = pytree.tree_leaves((case.arguments, case.keywords))
    dtypes = {leaf.dtype for leaf in leaves if isinstance(leaf, torch.Tensor)}
    if not expected or case.pointwise or not (case.several_steps or dtypes & HALVES):
        expected.insert(0, same)
    compare(case, ours, same, expected)
