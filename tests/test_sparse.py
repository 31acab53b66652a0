"""Sparse tensors (COO and the compressed layouts) against the CPU."""

import io

import pytest
import torch

LAYOUTS = {
    "coo": lambda x: x.to_sparse_coo(),
    "csr": lambda x: x.to_sparse_csr(),
    "csc": lambda x: x.to_sparse_csc(),
    "bsr": lambda x: x.to_sparse_bsr((2, 2)),
    "bsc": lambda x: x.to_sparse_bsc((2, 2)),
}
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.complex64, torch.int64]


def values(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    """About half of the elements are zero."""
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(shape, generator=generator) > 0.5
    return ((torch.rand(shape, generator=generator) * 8 - 4) * kept).round().to(dtype)


def coalesced(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.coalesce() if tensor.layout is torch.sparse_coo else tensor


def parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The dense tensors that make it up."""
    if tensor.layout is torch.strided:
        return [tensor]
    if tensor.layout is torch.sparse_coo:
        return [coalesced(tensor).indices(), coalesced(tensor).values()]
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    return [tensor.ccol_indices(), tensor.row_indices(), tensor.values()]


def check(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert actual.device == torch.device("xpu", 0)
    assert actual.layout == expected.layout
    assert actual.shape == expected.shape
    for ours, stock in zip(parts(actual), parts(expected), strict=True):
        assert ours.device.type == "xpu"
        torch.testing.assert_close(ours.cpu(), stock)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(layout, dtype):
    dense = values(4, 6, dtype=dtype)
    sparse = layout(dense)
    made = layout(dense.xpu())
    check(made, sparse)
    check(made.to_dense(), dense)
    check(sparse.xpu(), sparse)
    assert torch.equal(made.cpu().to_dense(), dense)
    check(made.clone(), sparse)
    check(torch.empty_like(made).zero_().to_dense(), torch.zeros_like(dense))


@pytest.mark.parametrize("source", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("target", LAYOUTS.values(), ids=LAYOUTS)
def test_conversions(source, target):
    dense = values(4, 6)
    try:
        expected = target(source(dense))
    except RuntimeError:
        with pytest.raises(RuntimeError):
            target(source(dense.xpu()))
        return
    check(target(source(dense.xpu())), expected)


def test_constructors():
    indices, elements = torch.tensor([[0, 2, 0], [1, 0, 1]]), torch.tensor([1.0, 2.0, 3.0])
    expected = torch.sparse_coo_tensor(indices, elements, (3, 2))
    made = torch.sparse_coo_tensor(indices.xpu(), elements.xpu(), (3, 2))
    assert not made.is_coalesced()
    assert made._nnz() == 3
    check(made.to_dense(), expected.to_dense())
    check(made.coalesce(), expected.coalesce())
    assert made.coalesce().is_coalesced()
    check(torch.sparse_coo_tensor(indices, elements, device="xpu"), expected)
    assert torch.sparse_coo_tensor((3, 2), device="xpu").to_dense().sum() == 0
    rows, columns = torch.tensor([0, 2, 2, 3]), torch.tensor([0, 1, 1])
    compressed = torch.sparse_csr_tensor(rows, columns, elements, (3, 2))
    check(torch.sparse_csr_tensor(rows.xpu(), columns.xpu(), elements.xpu(), (3, 2)), compressed)
    with torch.sparse.check_sparse_tensor_invariants():
        check(torch.sparse_csr_tensor(rows.xpu(), columns.xpu(), elements.xpu()), compressed)
        with pytest.raises(RuntimeError, match=r"size is inconsistent|found negative|must be"):
            torch.sparse_coo_tensor(indices.xpu() + 5, elements.xpu(), (3, 2))


UNARY = ["abs", "neg", "sin", "tanh", "sqrt", "relu", "sign", "floor", "isnan", "expm1", "log1p"]


@pytest.mark.parametrize("layout", ["coo", "csr"])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, layout):
    sparse = LAYOUTS[layout](values(4, 6).abs())
    check(getattr(torch, name)(sparse.xpu()), getattr(torch, name)(sparse))


A, B = values(4, 6), values(4, 6, seed=1)
SQUARE, DENSE = values(4, 4, seed=2), values(6, 3, seed=3)
OPERATORS = {
    "add": lambda make, move: make(A) + make(B),
    "multiply": lambda make, move: make(A) * make(B),
    "multiply by dense": lambda make, move: make(A) * move(B),
    "multiply by number": lambda make, move: make(A) * 3,
    "add to dense": lambda make, move: move(B) + make(A),
    "add in place": lambda make, move: make(A).add_(make(B), alpha=2),
    "multiply in place": lambda make, move: make(A).mul_(2),
    "add to dense in place": lambda make, move: move(B.clone()).add_(make(A)),
    "mm": lambda make, move: torch.mm(make(A), move(DENSE)),
    "matmul": lambda make, move: make(A) @ move(DENSE),
    "sparse.mm": lambda make, move: torch.sparse.mm(make(A), move(DENSE)),
    "sparse product": lambda make, move: torch.sparse.mm(make(SQUARE), make(A)),
    "addmm": lambda make, move: torch.addmm(move(values(4, 3)), make(A), move(DENSE), alpha=2),
    "sparse.addmm": lambda make, move: torch.sparse.addmm(
        move(values(4, 3)), make(A), move(DENSE), beta=0.5
    ),
    "mv": lambda make, move: make(A).mv(move(DENSE[:, 0].contiguous())),
    "sum": lambda make, move: make(A).sum(),
    "transpose": lambda make, move: make(A).t(),
}
COO = {
    "subtract": lambda make, move: make(A) - make(B),
    "divide by number": lambda make, move: make(A) / 4,
    "sparse.sum": lambda make, move: torch.sparse.sum(make(A), 1),
    "softmax": lambda make, move: torch.sparse.softmax(make(A), 1),
    "log_softmax": lambda make, move: torch.sparse.log_softmax(make(A), 0),
    "cat": lambda make, move: torch.cat([make(A), make(B)], 1),
    "stack": lambda make, move: torch.stack([make(A), make(B)]),
    "index_select": lambda make, move: make(A).index_select(1, move(torch.tensor([4, 0]))),
    "select": lambda make, move: make(A)[1],
    "narrow_copy": lambda make, move: make(A).narrow_copy(1, 1, 3),
    "permute": lambda make, move: make(values(2, 3, 4)).permute(2, 0, 1),
    "unsqueeze": lambda make, move: make(A).unsqueeze(1),
    "norm": lambda make, move: make(A).norm(),
    "pow": lambda make, move: make(A).pow(2),
    "any": lambda make, move: make(A).any(),
    "bmm": lambda make, move: torch.bmm(make(values(2, 4, 6)), move(values(2, 6, 3, seed=4))),
    "mask": lambda make, move: move(B).sparse_mask(make(A).coalesce()),
    "resize": lambda make, move: make(A).sparse_resize_((5, 7), 2, 0),
    "scatter to dense": lambda make, move: torch.zeros_like(move(A)).add_(make(A).coalesce()),
    "copy": lambda make, move: torch.empty_like(make(B)).copy_(make(A)),
}
CSR = {
    "sampled addmm": lambda make, move: torch.sparse.sampled_addmm(
        make(SQUARE), move(values(4, 5)), move(values(5, 4, seed=1))
    ),
    "mask": lambda make, move: move(B).sparse_mask(make(A)),
    "select": lambda make, move: make(A)[1, 2],
    "csr sum": lambda make, move: torch._sparse_csr_sum(make(A), [1], True),
}


@pytest.mark.parametrize(
    ("layout", "operator"),
    [("coo", operator) for operator in {**OPERATORS, **COO}.values()]
    + [("csr", operator) for operator in {**OPERATORS, **CSR}.values()],
    ids=[f"coo {name}" for name in {**OPERATORS, **COO}]
    + [f"csr {name}" for name in {**OPERATORS, **CSR}],
)
def test_operator(operator, layout):
    make = LAYOUTS[layout]
    expected = operator(make, lambda x: x)
    check(operator(lambda x: make(x.xpu()), lambda x: x.xpu()), expected)


def test_written_results():
    dense = values(4, 3, seed=5).xpu()
    torch.mm(LAYOUTS["coo"](A).xpu(), DENSE.xpu(), out=dense)
    torch.testing.assert_close(dense.cpu(), A @ DENSE)
    torch.mm(LAYOUTS["csr"](A).xpu(), DENSE.xpu(), out=dense)
    torch.testing.assert_close(dense.cpu(), A @ DENSE)
    target = LAYOUTS["coo"](B).xpu()
    torch.add(LAYOUTS["coo"](A).xpu(), LAYOUTS["coo"](B).xpu(), out=target)
    torch.testing.assert_close(target.to_dense().cpu(), A + B)


def test_values_are_shared():
    sparse = LAYOUTS["coo"](A).xpu().coalesce()
    sparse.values().mul_(2)
    torch.testing.assert_close(sparse.to_dense().cpu(), A * 2)


@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_gradients(layout):
    gradients = []
    for device in ("cpu", "xpu"):
        sparse = LAYOUTS[layout](A.to(device)).detach().requires_grad_()
        right = DENSE.clone().to(device).requires_grad_()
        torch.sparse.mm(sparse, right).square().sum().backward()
        gradients.append((sparse.grad.to_dense().cpu(), right.grad.cpu()))
    for expected, actual in zip(*gradients, strict=True):
        torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("reduce", ["sum", "mean", "amax", "amin"])
def test_gradients_of_reduced_products(reduce):
    gradients = []
    for device in ("cpu", "xpu"):
        sparse = LAYOUTS["csr"](A.to(device)).detach().requires_grad_()
        right = DENSE.clone().to(device).requires_grad_()
        torch.sparse.mm(sparse, right, reduce).square().sum().backward()
        gradients.append((sparse.grad.to_dense().cpu(), right.grad.cpu()))
    for expected, actual in zip(*gradients, strict=True):
        torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.SparseAdam])
def test_sparse_embedding(optimizer):
    weights = []
    tokens = torch.tensor([[1, 4, 1], [0, 4, 9]])
    for device in ("cpu", "xpu"):
        torch.manual_seed(0)
        embedding = torch.nn.Embedding(10, 4, sparse=True).to(device)
        steps = optimizer(embedding.parameters(), lr=0.1)
        for _ in range(3):
            steps.zero_grad()
            embedding(tokens.to(device)).square().sum().backward()
            assert embedding.weight.grad.is_sparse
            steps.step()
        weights.append(embedding.weight.detach().cpu())
    torch.testing.assert_close(weights[1], weights[0])


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_saved_and_shown(layout):
    sparse = layout(A.xpu())
    assert "device='xpu:0'" in repr(sparse)
    file = io.BytesIO()
    torch.save(sparse, file)
    file.seek(0)
    check(torch.load(file), layout(A))


def test_empty():
    check(torch.zeros(0, 3).xpu().to_sparse().to_dense(), torch.zeros(0, 3))
    check(torch.zeros(4, 3).xpu().to_sparse_csr().to_dense(), torch.zeros(4, 3))
