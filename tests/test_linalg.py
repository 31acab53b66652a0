"""Factorizations and solvers against the CPU in float64; errors relative to the largest value."""

import pytest
import torch
from processes import run

pytestmark = pytest.mark.usefixtures("no_fallback")

TOLERANCES = {torch.float32: 2e-4, torch.float64: 1e-11}
DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)
BATCHES = [(), (3,), (2, 3), (0,)]


def values(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    tensor = torch.randn(shape, generator=generator, dtype=torch.complex128)
    return (tensor if dtype.is_complex else tensor.real).to(dtype)


def regular(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Square matrices that are far from singular."""
    size = shape[-1]
    return values(*shape, dtype=dtype, seed=seed) + 3 * size**0.5 * torch.eye(size, dtype=dtype)


def positive(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    matrices = values(*shape, dtype=dtype, seed=seed)
    return matrices @ matrices.mH + shape[-1] * torch.eye(shape[-1], dtype=dtype)


def exact(tensor: torch.Tensor) -> torch.Tensor:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return tensor
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def check(actual, reference) -> None:
    if isinstance(reference, tuple):
        assert len(actual) == len(reference)
        for one, other in zip(actual, reference, strict=True):
            check(one, other)
        return
    assert actual.device.type == "xpu"
    assert actual.shape == reference.shape
    if actual.numel() == 0:
        return
    if not (actual.is_floating_point() or actual.is_complex()):
        assert torch.equal(actual.cpu(), reference)
        return
    error = (exact(actual.cpu()) - reference).abs().max() / reference.abs().max().clamp_min(1e-30)
    assert error <= TOLERANCES[actual.dtype.to_real()], float(error)


def close_to_zero(difference: torch.Tensor) -> None:
    """`difference` is of values of about 1."""
    if difference.numel():
        limit = TOLERANCES[difference.dtype.to_real()]
        assert difference.abs().max().item() <= limit


def compare(function, *tensors: torch.Tensor) -> None:
    check(function(*(t.xpu() for t in tensors)), function(*(exact(t) for t in tensors)))


def reflectors(matrices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.geqrf(matrices))


# Name: function of some tensors, whose results are unique.
FUNCTIONS = {
    "cholesky": lambda a, b: torch.linalg.cholesky(a @ a.mH),
    "cholesky upper": lambda a, b: torch.linalg.cholesky(a @ a.mH, upper=True),
    "cholesky_ex": lambda a, b: tuple(torch.linalg.cholesky_ex(a @ a.mH)),
    "cholesky_solve": lambda a, b: torch.cholesky_solve(b, torch.linalg.cholesky(a @ a.mH)),
    "cholesky_solve upper": lambda a, b: torch.cholesky_solve(
        b, torch.linalg.cholesky(a @ a.mH, upper=True), upper=True
    ),
    "cholesky_inverse": lambda a, b: torch.cholesky_inverse(torch.linalg.cholesky(a @ a.mH)),
    "cholesky_inverse upper": lambda a, b: torch.cholesky_inverse(
        torch.linalg.cholesky(a @ a.mH, upper=True), upper=True
    ),
    "lu_factor_ex": lambda a, b: tuple(torch.linalg.lu_factor_ex(a)),
    "lu": lambda a, b: tuple(torch.linalg.lu(a)),
    "lu_solve": lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b),
    "lu_solve adjoint": lambda a, b: torch.linalg.lu_solve(
        *torch.linalg.lu_factor(a), b, adjoint=True
    ),
    "lu_solve right": lambda a, b: torch.linalg.lu_solve(
        *torch.linalg.lu_factor(a), b.mH, left=False
    ),
    "lu_solve right adjoint": lambda a, b: torch.linalg.lu_solve(
        *torch.linalg.lu_factor(a), b.mT, left=False, adjoint=True
    ),
    "det": lambda a, b: torch.linalg.det(a / (3 * a.shape[-1] ** 0.5)),
    "slogdet": lambda a, b: tuple(torch.linalg.slogdet(a)),
    "solve": torch.linalg.solve,
    "solve right": lambda a, b: torch.linalg.solve(a, b.mT, left=False),
    "inv": lambda a, b: torch.linalg.inv(a),
    "inv_ex": lambda a, b: tuple(torch.linalg.inv_ex(a)),
    "matrix_power": lambda a, b: torch.linalg.matrix_power(a, -2),
    "qr": lambda a, b: tuple(torch.linalg.qr(a)),
    "geqrf": lambda a, b: reflectors(a),
    "ormqr": lambda a, b: torch.ormqr(*reflectors(a), b),
    "ormqr transpose": lambda a, b: torch.ormqr(*reflectors(a), b, transpose=True),
    "ormqr right": lambda a, b: torch.ormqr(*reflectors(a), b.mT, left=False),
    "householder_product": lambda a, b: torch.linalg.householder_product(*reflectors(a)),
    "eigvalsh": lambda a, b: torch.linalg.eigvalsh(a + a.mH),
    "eigvalsh upper": lambda a, b: torch.linalg.eigvalsh(a, UPLO="U"),
    "svdvals": lambda a, b: torch.linalg.svdvals(a),
    "pinv": lambda a, b: torch.linalg.pinv(a),
    "matrix_rank": lambda a, b: torch.linalg.matrix_rank(a),
    "cond": lambda a, b: torch.linalg.cond(a),
    "nuclear norm": lambda a, b: torch.linalg.matrix_norm(a, ord="nuc"),
}
for upper in (False, True):
    for left in (False, True):
        for unit in (False, True):
            FUNCTIONS[f"solve_triangular {upper=} {left=} {unit=}"] = (
                lambda a, b, upper=upper, left=left, unit=unit: torch.linalg.solve_triangular(
                    a / 50 + torch.eye(a.shape[-1], dtype=a.dtype, device=a.device),
                    b if left else b.mT,
                    upper=upper,
                    left=left,
                    unitriangular=unit,
                )
            )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("size", [1, 2, 33])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_function(function, size, batch, dtype):
    compare(
        function, regular(*batch, size, size, dtype=dtype), values(*batch, size, 3, dtype=dtype)
    )


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_large(function):
    compare(
        function,
        regular(300, 300, dtype=torch.float64),
        values(300, 40, dtype=torch.float64),
    )


LAYOUTS = {
    "transposed": lambda t: t.mT,
    "adjoint": lambda t: t.mH,
    "conjugate": lambda t: t.conj(),
    "columns": lambda t: t.mT.contiguous().mT,
    "batch last": lambda t: t.permute(1, 2, 0).contiguous().permute(2, 0, 1),
    "expanded": lambda t: t[:1].expand(4, -1, -1),
    "steps": lambda t: t.repeat_interleave(2, -1)[..., ::2],
    "negative": torch._neg_view,
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_layout(function, layout, dtype):
    # The same layout for the right sides would change their shape.
    compare(
        lambda a, b: function(layout(a), b),
        regular(4, 7, 7, dtype=dtype),
        values(4, 7, 3, dtype=dtype),
    )


SHAPES = [(4, 4), (3, 7), (7, 3), (1, 5), (5, 1), (0, 3), (3, 0), (40, 20), (130, 64)]


def orthonormal(columns: torch.Tensor) -> None:
    identity = torch.eye(columns.shape[-1], dtype=columns.dtype, device=columns.device)
    close_to_zero(columns.mH @ columns - identity)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("full", [False, True], ids=["reduced", "full"])
def test_svd(full, shape, batch, dtype):
    matrices = values(*batch, *shape, dtype=dtype)
    u, s, vh = torch.linalg.svd(matrices.xpu(), full_matrices=full)
    expected = torch.linalg.svd(exact(matrices), full_matrices=full)
    check(s, expected.S)
    assert u.shape == expected.U.shape
    assert vh.shape == expected.Vh.shape
    orthonormal(u)
    orthonormal(vh.mH)
    count = min(shape)
    product = (u[..., :count] * s.unsqueeze(-2)) @ vh[..., :count, :]
    close_to_zero((product - matrices.xpu()) / max(1, sum(shape)) ** 0.5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("size", [0, 1, 2, 5, 64])
@pytest.mark.parametrize("triangle", ["L", "U"])
def test_eigh(triangle, size, batch, dtype):
    matrices = values(*batch, size, size, dtype=dtype)
    matrices = matrices + matrices.mH
    part = matrices.tril() if triangle == "L" else matrices.triu()
    eigenvalues, vectors = torch.linalg.eigh(part.xpu(), UPLO=triangle)
    check(eigenvalues, torch.linalg.eigvalsh(exact(matrices)))
    orthonormal(vectors)
    residual = matrices.xpu() @ vectors - vectors * eigenvalues.unsqueeze(-2)
    close_to_zero(residual / max(1, size) ** 0.5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rectangles(shape, batch, dtype):
    matrices = values(*batch, *shape, dtype=dtype)
    for mode in ("reduced", "complete", "r"):
        compare(lambda a, mode=mode: tuple(torch.linalg.qr(a, mode)), matrices)
    compare(lambda a: tuple(torch.linalg.lu_factor_ex(a)), matrices)
    compare(lambda a: tuple(torch.linalg.lu(a)), matrices)
    compare(lambda a: tuple(torch.geqrf(a)), matrices)
    compare(torch.linalg.svdvals, matrices)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_householder_product_of_some_reflectors(dtype):
    factors, tau = torch.geqrf(values(2, 9, 6, dtype=dtype))
    for count in (0, 1, 4):
        compare(torch.linalg.householder_product, factors, tau[..., :count])


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_batches_are_broadcast(dtype):
    matrices = regular(3, 1, 5, 5, dtype=dtype)
    right_sides = values(2, 5, 4, dtype=dtype)
    compare(torch.linalg.solve, matrices, right_sides)
    compare(lambda a, b: torch.linalg.solve_triangular(a, b, upper=True), matrices, right_sides)
    compare(
        lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b), matrices, right_sides
    )
    compare(
        lambda a, b: torch.cholesky_solve(b, torch.linalg.cholesky(a @ a.mH)),
        matrices,
        right_sides,
    )
    compare(torch.linalg.solve, matrices, values(3, 1, 5, dtype=dtype))


def test_without_pivoting():
    matrices = regular(3, 20, 20, dtype=torch.float64)
    factors, pivots = torch.linalg.lu_factor(matrices.xpu(), pivot=False)
    assert torch.equal(pivots.cpu(), torch.arange(1, 21, dtype=torch.int32).expand(3, 20))
    lower = factors.tril(-1) + torch.eye(20, dtype=factors.dtype, device="xpu")
    check(lower @ factors.triu(), matrices)


@pytest.mark.filterwarnings("ignore:torch.:UserWarning")
def test_old_names():
    matrices = regular(2, 6, 6, dtype=torch.float64)
    right_sides = values(2, 6, 3, dtype=torch.float64)
    compare(lambda a: torch.cholesky(a @ a.mH), matrices)
    compare(lambda a: torch.cholesky(a @ a.mH, upper=True), matrices)
    compare(torch.inverse, matrices)
    compare(lambda a: tuple(torch.qr(a)), matrices)
    compare(lambda a: torch.svd(a).S, matrices)
    for transpose in (False, True):
        for upper in (False, True):
            compare(
                lambda a, b, options=(upper, transpose): tuple(
                    torch.triangular_solve(b, a, *options)
                ),
                matrices,
                right_sides,
            )


SINGULAR = {
    "cholesky": (torch.linalg.cholesky, "leading minor of order 2"),
    "inv": (torch.linalg.inv, "diagonal element 2 is zero"),
    "solve": (lambda a: torch.linalg.solve(a, a), "solver failed because the input matrix is sing"),
    "lu_factor": (torch.linalg.lu_factor, "U\\[2,2\\] is zero"),
    "cholesky_inverse": (torch.cholesky_inverse, "diagonal element 2 is zero"),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("function, message", SINGULAR.values(), ids=SINGULAR)
def test_singular(function, message, dtype):
    matrices = torch.eye(3, dtype=dtype).repeat(4, 1, 1)
    matrices[2, 1, 1] = 0
    kinds = set()
    for device in ("cpu", "xpu"):
        with pytest.raises(RuntimeError, match=message) as raised:
            function(matrices.to(device))
        kinds.add(type(raised.value))
        assert "Batch element 2" in str(raised.value)
        with pytest.raises(RuntimeError, match=message) as raised:
            function(matrices[2].to(device))
        assert "Batch element" not in str(raised.value)
    assert len(kinds) == 1


def test_info():
    matrices = torch.eye(3).repeat(4, 1, 1)
    matrices[1, 2, 2] = matrices[3, 0, 0] = 0
    expected = torch.tensor([0, 3, 0, 1], dtype=torch.int32)
    for function in (torch.linalg.cholesky_ex, torch.linalg.lu_factor_ex, torch.linalg.inv_ex):
        assert torch.equal(function(matrices.xpu()).info.cpu(), expected)
    check(torch.linalg.det(matrices.xpu()), torch.linalg.det(matrices.double()))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("function", [torch.linalg.svd, torch.linalg.svdvals], ids=["svd", "vals"])
def test_not_finite(function, value):
    matrices = torch.eye(3).repeat(2, 1, 1)
    matrices[1, 0, 1] = value
    with pytest.raises(torch.linalg.LinAlgError, match="non-finite values"):
        function(matrices.xpu())


GRADIENTS = {
    "cholesky": lambda a, b: torch.linalg.cholesky(a @ a.mH),
    "solve": torch.linalg.solve,
    "inv": lambda a, b: torch.linalg.inv(a),
    "det": lambda a, b: torch.linalg.det(a),
    "slogdet": lambda a, b: torch.linalg.slogdet(a).logabsdet,
    "qr": lambda a, b: torch.linalg.qr(a),
    "lu": lambda a, b: torch.linalg.lu(a),
    "eigh": lambda a, b: torch.linalg.eigh(a + a.mH).eigenvalues,
    "svd": lambda a, b: torch.linalg.svd(a).S,
    "pinv": lambda a, b: torch.linalg.pinv(a),
    "solve_triangular": lambda a, b: torch.linalg.solve_triangular(a, b, upper=True),
    "cholesky_solve": lambda a, b: torch.cholesky_solve(b, torch.linalg.cholesky(a @ a.mH)),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize("function", GRADIENTS.values(), ids=GRADIENTS)
def test_gradient(function, dtype):
    matrices = regular(2, 3, 3, dtype=dtype).xpu().requires_grad_()
    right_sides = values(2, 3, 2, dtype=dtype).xpu().requires_grad_()
    assert torch.autograd.gradcheck(function, (matrices, right_sides))


OUT = {
    "cholesky": lambda a, **o: torch.linalg.cholesky(a @ a.mH, **o),
    "inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "solve": lambda a, **o: torch.linalg.solve(a, a.mT, **o),
    "solve_triangular": lambda a, **o: torch.linalg.solve_triangular(a, a.mT, upper=True, **o),
    "cholesky_inverse": torch.cholesky_inverse,
    "eigvalsh": torch.linalg.eigvalsh,
    "svdvals": torch.linalg.svdvals,
}


@pytest.mark.parametrize("function", OUT.values(), ids=OUT)
def test_out(function):
    matrices = regular(2, 4, 4, dtype=torch.float64)
    expected = function(exact(matrices))
    out = torch.empty(*expected.shape, 2, dtype=torch.float64, device="xpu")[..., 0]
    assert function(matrices.xpu(), out=out) is out
    check(out, expected)
    empty = torch.empty(0, dtype=torch.float64, device="xpu")
    check(function(matrices.xpu(), out=empty), expected)


def test_three_outputs():
    matrices = values(2, 5, 3, dtype=torch.float64)
    expected = torch.linalg.lu(matrices)
    for layout in (lambda t: t, lambda t: t.mT.contiguous().mT):
        out = tuple(layout(torch.empty_like(part, device="xpu")) for part in expected)
        torch.linalg.lu(matrices.xpu(), out=out)
        check(out, tuple(expected))


def test_inputs_are_kept():
    matrices, right_sides = (
        regular(3, 5, 5, dtype=torch.float32),
        values(3, 5, 2, dtype=torch.float32),
    )
    device_matrices = matrices.mT.xpu().mT
    device_right_sides = right_sides.xpu()
    for function in FUNCTIONS.values():
        function(device_matrices, device_right_sides)
    assert torch.equal(device_matrices.cpu(), matrices)
    assert torch.equal(device_right_sides.cpu(), right_sides)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_waits_for_what_was_enqueued(function):
    """The matrices come out of work that takes longer than the call."""
    busy = torch.randn(1500, 1500, device="xpu")
    matrices, right_sides = regular(16, 16, dtype=torch.float64), values(16, 2, dtype=torch.float64)
    function(matrices.xpu(), right_sides.xpu())
    later = torch.full_like(matrices, float("nan"), device="xpu")
    torch.xpu.synchronize()
    source = matrices.xpu()
    later += ((busy @ busy @ busy) * 0)[:16, :16]
    later.copy_(source)
    check(function(later, right_sides.xpu()), function(matrices, right_sides))


@pytest.mark.parametrize(
    "function",
    [torch.linalg.inv, torch.linalg.cholesky, torch.linalg.qr, torch.linalg.svd, torch.linalg.det],
    ids=lambda function: function.__name__,
)
def test_half_is_an_error(function):
    with pytest.raises(RuntimeError) as raised:
        function(torch.eye(3, dtype=torch.float16))
    with pytest.raises(type(raised.value), match=r"Half|[Ll]ow precision"):
        function(torch.eye(3, dtype=torch.float16, device="xpu"))


WITHOUT_LIBRARY = """
    import torch
    from intel_extension_for_pytorch import _C

    a = torch.randn(2, 4, 4) + 8 * torch.eye(4)
    for name in ("inv", "cholesky", "qr", "svd", "eigh", "lu", "det", "slogdet", "eigvalsh"):
        function = getattr(torch.linalg, name)
        a = a + a.mT
        for one, other in zip(function(a.xpu()), function(a)):
            torch.testing.assert_close(one.cpu(), other)
    assert "aten::linalg_lu_factor_ex.out" in _C.fallback_counts()
"""
FORBIDDEN = """
    import torch

    try:
        torch.linalg.inv(torch.eye(3, device="xpu"))
    except NotImplementedError as error:
        assert "linalg_lu_factor_ex.out: no XPU kernel" in str(error)
    else:
        raise AssertionError("nothing was raised")
"""


def test_without_library():
    run(WITHOUT_LIBRARY, IPEX_XPU_LIBRARIES="none")
    run(FORBIDDEN, IPEX_XPU_LIBRARIES="none", IPEX_XPU_FALLBACK="error")
