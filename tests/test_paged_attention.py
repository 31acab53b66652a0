"""Attention over packed sequences and paged caches, against one sequence at a time in float64."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from intel_extension_for_pytorch.llm import functional
from intel_extension_for_pytorch.llm.functional import paged
from intel_extension_for_pytorch.llm.functional.attention import varlen_reference
from intel_extension_for_pytorch.llm.modules import PagedAttention

pytestmark = [
    pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device"),
    pytest.mark.usefixtures("row_kernels", "no_fallback"),
]

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
TOLERANCE = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


def near(actual: Tensor, expected: Tensor) -> None:
    tolerance = TOLERANCE[actual.dtype]
    torch.testing.assert_close(actual.cpu().double(), expected, rtol=tolerance, atol=tolerance)


@dataclass(frozen=True)
class Case:
    """Lengths of each sequence's queries and keys, and what the call asks for."""

    queries: tuple[int, ...]
    keys: tuple[int, ...]
    heads: tuple[int, int] = (4, 2)
    size: int = 64
    causal: bool = True
    window: tuple[int, int] = (-1, -1)
    softcap: float = -1.0
    slopes: str = ""
    sink: bool = False
    block: int = 16

    def __str__(self) -> str:
        return f"{self.queries}-{self.keys}-{self.heads}-{self.size}"


CASES = (
    Case((5, 1, 0, 9), (5, 40, 3, 21)),
    Case((1, 1, 1), (1, 33, 600), heads=(8, 1), size=80, block=8),
    Case((1, 1), (700, 16), heads=(3, 3), size=128, block=32),
    Case((17, 3), (17, 19), causal=False, size=20, slopes="heads"),
    Case((6, 30), (50, 30), window=(7, -1), softcap=3.0, slopes="batch"),
    Case((9, 4), (3, 40), heads=(16, 2), causal=False, window=(4, 2), sink=True),
    Case((1,), (2000,), heads=(2, 1), size=40, slopes="heads", sink=True, softcap=5.0),
)


class Problem:
    """Tensors of a case, of values that `dtype` holds."""

    def __init__(self, case: Case, dtype: torch.dtype) -> None:
        torch.manual_seed(sum(case.keys))
        self.case = case
        heads, key_heads = case.heads
        self.query = torch.randn(sum(case.queries), heads, case.size).to(dtype)
        self.keys, self.values = (
            [torch.randn(n, key_heads, case.size).to(dtype) for n in case.keys] for _ in range(2)
        )
        shape = {"": None, "heads": (heads,), "batch": (len(case.keys), heads)}[case.slopes]
        self.slopes = None if shape is None else torch.rand(shape) * 0.1
        self.sink = torch.randn(heads) if case.sink else None
        self.starts_q, self.starts_k = (
            torch.tensor([0, *lengths]).cumsum(0).int() for lengths in (case.queries, case.keys)
        )
        self.lengths = torch.tensor(case.keys, dtype=torch.int32)
        self.scale = case.size**-0.5

    def expected(self) -> Tensor:
        left, right = self.case.window
        return varlen_reference(
            self.query.double(),
            [t.double() for t in self.keys],
            [t.double() for t in self.values],
            torch.zeros(self.query.shape, dtype=torch.float64),
            self.starts_q,
            self.slopes,
            self.scale,
            (left, 0 if self.case.causal else right),
            self.case.softcap,
            self.sink,
        )

    def quantize(self, dtype: torch.dtype, k_scale: float, v_scale: float) -> None:
        """Keys and values become those of a cache of this dtype."""
        for vectors, scale in ((self.keys, k_scale), (self.values, v_scale)):
            vectors[:] = [(t.float() / scale).to(dtype).double() * scale for t in vectors]

    def cache(
        self,
        layout: str,
        dtype: torch.dtype | None = None,
        scales: tuple[float, float] = (1.0, 1.0),
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Caches and block tables on xpu; what no sequence has is not a number."""
        block, (_, heads), size = self.case.block, self.case.heads, self.case.size
        wanted = [-(-n // block) for n in self.case.keys]
        numbers = torch.randperm(sum(wanted) + 2)
        table = torch.full((len(wanted), max(wanted)), -1, dtype=torch.int32)
        dtype = dtype or self.query.dtype
        if layout == "rows":
            shapes = [(len(numbers), block, heads, size)] * 2
        else:
            x = 4 if size % 8 else 16 // self.query.element_size()
            shapes = [
                (len(numbers), heads, size // x, block, x),
                (len(numbers), heads, size, block),
            ]
        caches = [torch.full(shape, torch.nan).to(dtype).to("xpu") for shape in shapes]
        used = 0
        slots = []
        for sequence, (count, length) in enumerate(zip(wanted, self.case.keys, strict=True)):
            table[sequence, :count] = numbers[used : used + count]
            used += count
            places = torch.arange(length)
            slots.append(table[sequence].long()[places // block] * block + places % block)
        joined = [torch.cat(part).to("xpu") for part in (self.keys, self.values, slots)]
        PagedAttention.reshape_and_cache(*joined[:2], *caches, joined[2], "auto", *scales)
        return caches[0], caches[1], table.to("xpu")


def moved(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.to("xpu")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_varlen(case: Case, dtype: torch.dtype) -> None:
    problem = Problem(case, dtype)
    # Query, key and value as parts of one tensor each, as a joint projection makes them.
    query = torch.cat([problem.query] * 2, -1).to("xpu")[..., : case.size]
    key, value = (
        torch.stack([torch.cat(problem.keys), torch.cat(problem.values)], 1).to("xpu").unbind(1)
    )
    out = torch.full(problem.query.shape, torch.nan, dtype=dtype, device="xpu")
    functional.varlen_fwd(
        query,
        key,
        value,
        out,
        problem.starts_q.to("xpu"),
        problem.starts_k.to("xpu").long(),
        None,
        moved(problem.slopes),
        max(case.queries),
        max(case.keys),
        0.0,
        problem.scale,
        False,
        *case.window,
        case.causal,
        False,
        None,
        case.softcap,
        moved(problem.sink),
    )
    near(out, problem.expected())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", ["rows", "chunks"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_chunked_prefill(case: Case, layout: str, dtype: torch.dtype) -> None:
    problem = Problem(case, dtype)
    keys, values, table = problem.cache(layout)
    lengths = problem.starts_k if layout == "rows" else problem.lengths
    out = torch.full(problem.query.shape, torch.nan, dtype=dtype, device="xpu")
    PagedAttention.flash_attn_varlen_func(
        out,
        problem.query.to("xpu"),
        keys,
        values,
        problem.starts_q.to("xpu"),
        lengths.to("xpu"),
        max(case.queries),
        max(case.keys),
        problem.scale,
        case.causal,
        table,
        moved(problem.slopes),
        *case.window,
        softcap=case.softcap,
        sink=moved(problem.sink),
    )
    near(out, problem.expected())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", ["rows", "chunks"])
@pytest.mark.parametrize("block", [8, 16, 32])
@pytest.mark.parametrize("window", [-1, 20])
def test_single_queries(window: int, block: int, layout: str, dtype: torch.dtype) -> None:
    case = Case(
        (1,) * 4,
        (1, 17, 300, 2100),
        (8, 2),
        64,
        False,
        (window - 1, -1),
        slopes="heads",
        block=block,
    )
    if window < 0:
        case = Case((1,) * 4, (1, 17, 300, 2100), (8, 2), softcap=2.0, block=block)
    problem = Problem(case, dtype)
    keys, values, table = problem.cache(layout)
    out = torch.full(problem.query.shape, torch.nan, dtype=dtype, device="xpu")
    PagedAttention.single_query_kv_attention(
        out,
        problem.query.to("xpu"),
        keys,
        values,
        None,
        problem.scale,
        table,
        problem.lengths.to("xpu"),
        block,
        max(case.keys),
        moved(problem.slopes),
        window,
        softcap=case.softcap,
    )
    near(out, problem.expected())


FLOAT8 = {"fp8_e4m3": torch.float8_e4m3fn, "fp8_e5m2": torch.float8_e5m2}
# Not all of them together: each is a kernel of its own.
CACHES_OF_EIGHT_BITS = [
    ("rows", "fp8_e4m3", torch.bfloat16),
    ("rows", "fp8_e5m2", torch.bfloat16),
    ("chunks", "fp8_e4m3", torch.bfloat16),
    ("rows", "fp8_e5m2", torch.float32),
]


@pytest.mark.parametrize(("layout", "numbers", "dtype"), CACHES_OF_EIGHT_BITS, ids=str)
@pytest.mark.parametrize("case", CASES[:3] + CASES[-2:], ids=str)
def test_caches_of_eight_bits(case: Case, numbers: str, layout: str, dtype: torch.dtype) -> None:
    problem = Problem(case, dtype)
    scales = (0.02, 0.25)
    keys, values, table = problem.cache(layout, FLOAT8[numbers], scales)
    problem.quantize(FLOAT8[numbers], *scales)
    out = torch.full(problem.query.shape, torch.nan, dtype=dtype, device="xpu")
    PagedAttention.flash_attn_varlen_func(
        out,
        problem.query.to("xpu"),
        keys.view(torch.uint8),
        values.view(torch.uint8),
        problem.starts_q.to("xpu"),
        problem.lengths.to("xpu"),
        max(case.queries),
        max(case.keys),
        problem.scale,
        case.causal,
        table,
        moved(problem.slopes),
        *case.window,
        numbers,
        *scales,
        case.softcap,
        moved(problem.sink),
    )
    near(out, problem.expected())
    if set(case.queries) != {1} or case.sink:
        return
    PagedAttention.single_query_kv_attention(
        out.fill_(torch.nan),
        problem.query.to("xpu"),
        keys,
        values,
        None,
        problem.scale,
        table,
        problem.lengths.to("xpu"),
        case.block,
        max(case.keys),
        moved(problem.slopes),
        -1,
        *scales,
        case.softcap,
    )
    near(out, problem.expected())


@pytest.mark.parametrize(("layout", "numbers", "dtype"), CACHES_OF_EIGHT_BITS, ids=str)
def test_numbers_of_eight_bits(dtype: torch.dtype, numbers: str, layout: str) -> None:
    """Every size of number, as PyTorch rounds; what is too large is the largest one."""
    torch.manual_seed(0)
    sizes = torch.randint(-20, 18, (64, 3, 2, 24)).exp2()
    key, value = (torch.randn(2, 64, 3, 24) * sizes[:, :, 0]).to(dtype)
    key[0, 0, :4] = torch.tensor([torch.nan, torch.inf, -torch.inf, -0.0])
    shapes = [(10, 8, 3, 24)] * 2 if layout == "rows" else [(10, 3, 6, 8, 4), (10, 3, 24, 8)]
    caches = [torch.zeros(shape, dtype=torch.uint8) for shape in shapes]
    mine = [cache.to("xpu") for cache in caches]
    slots = torch.randperm(80)[:64]
    paged.reshape_and_cache_reference(key, value, *caches, slots, numbers, 1.0, 0.5)
    arguments = [tensor.to("xpu") for tensor in (key, value, *mine, slots)]
    torch.xpu.reshape_and_cache(*arguments, numbers, 1.0, 0.5)
    for one, other in zip(arguments[2:4], caches, strict=True):
        assert torch.equal(one.cpu(), other)


def test_functions_of_torch_xpu() -> None:
    case = Case((1, 1), (20, 300), (4, 2))
    problem = Problem(case, torch.float32)
    keys, values, table = problem.cache("rows")
    for name in ("paged_attention_v1", "paged_attention_v2"):
        out = torch.empty(problem.query.shape, device="xpu")
        getattr(torch.xpu, name)(
            out,
            problem.query.to("xpu"),
            keys,
            values,
            table,
            problem.lengths.to("xpu"),
            2,
            problem.scale,
            16,
            300,
        )
        near(out, problem.expected())


@pytest.mark.parametrize("layout", ["rows", "chunks"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_reshape_and_cache(dtype: torch.dtype, layout: str) -> None:
    """Against the reference; negative slots are left out, the rest of the cache stays."""
    key, value = torch.randn(2, 6, 3, 2, 24).to(dtype).unbind(2)[0].unbind(0)
    slots = torch.tensor([5, -1, 0, 23, 17, 6])
    shapes = [(3, 8, 2, 24)] * 2 if layout == "rows" else [(3, 2, 6, 8, 4), (3, 2, 24, 8)]
    caches = [torch.randn(shape).to(dtype) for shape in shapes]
    mine = [cache.to("xpu") for cache in caches]
    paged.reshape_and_cache_reference(key, value, *caches, slots)
    torch.xpu.reshape_and_cache(key.to("xpu"), value.to("xpu"), *mine, slots.to("xpu", torch.int32))
    for one, other in zip(mine, caches, strict=True):
        assert torch.equal(one.cpu(), other)


@pytest.mark.parametrize("as_dict", [False, True])
def test_copies_of_blocks(as_dict: bool) -> None:
    caches = [torch.randn(6, 4, 2, 8) for _ in range(2)]
    mine = [cache.to("xpu") for cache in caches]
    mapping = {0: [3, 4], 1: 5} if as_dict else torch.tensor([[0, 3], [0, 4], [1, 5]])
    torch.xpu.copy_blocks(mine[:1], mine[1:], mapping)
    for cache, copy in zip(caches, mine, strict=True):
        cache[[3, 4, 5]] = cache[[0, 0, 1]]
        assert torch.equal(copy.cpu(), cache)


@pytest.mark.parametrize("where", ["xpu to xpu", "xpu to cpu", "cpu to xpu"])
def test_swap_blocks(where: str) -> None:
    source, destination = torch.randn(6, 4), torch.randn(8, 4)
    here, there = where.split(" to ")
    mine = source.to(here), destination.to(there)
    pairs = torch.tensor([[0, 2], [1, 3], [5, 7]])
    torch.xpu.swap_blocks(*mine, pairs.to("xpu") if here == there else pairs)
    torch.xpu.synchronize()
    destination[[2, 3, 7]] = source[[0, 1, 5]]
    assert torch.equal(mine[1].cpu(), destination)


def test_blocks_and_slots_outside_of_the_cache() -> None:
    caches = [torch.zeros(2, 4, 1, 8, device="xpu") for _ in range(2)]
    token = torch.zeros(1, 1, 8, device="xpu")
    PagedAttention.reshape_and_cache_flash(token, token, *caches, torch.tensor([8], device="xpu"))
    with pytest.raises(IndexError, match="reshape_and_cache"):
        torch.xpu.synchronize()
    length = torch.tensor([3], device="xpu", dtype=torch.int32)
    table = torch.tensor([[2]], device="xpu", dtype=torch.int32)
    out = torch.empty_like(token)
    torch.xpu.paged_attention_v1(out, token, *caches, table, length, 1, 1.0, 4, 3)
    with pytest.raises(IndexError, match="paged_attention"):
        torch.xpu.synchronize()


def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(shape, dtype=dtype, device="xpu")


def varlen(query: Tensor, key: Tensor, starts: Tensor, dropout: float = 0.0) -> Tensor:
    out = torch.empty_like(query)
    return functional.varlen_attention(
        query, key, key, out, starts, starts, None, 2, 2, dropout, 1.0, False, False, False, None
    )


def store(dtype: torch.dtype, numbers: str, scale: float = 1.0) -> None:
    token = zeros(1, 1, 8)
    caches = [zeros(2, 4, 1, 8, dtype=dtype) for _ in range(2)]
    slot = zeros(1, dtype=torch.int32)
    PagedAttention.reshape_and_cache_flash(token, token, *caches, slot, numbers, 1.0, scale)


BAD_CALLS = {
    "varlen_fwd: expected heads of 8 elements, a multiple of 2": lambda: varlen(
        zeros(2, 3, 8), zeros(2, 2, 8), zeros(2, dtype=torch.int32)
    ),
    "varlen_fwd: expected key of dtype Float": lambda: varlen(
        zeros(2, 2, 8), zeros(2, 2, 8, dtype=torch.half), zeros(2, dtype=torch.int32)
    ),
    "varlen_fwd: expected cu_seqlens_q of integers": lambda: varlen(
        zeros(2, 2, 8), zeros(2, 2, 8), zeros(2)
    ),
    "varlen_fwd: expected no dropout": lambda: varlen(
        zeros(2, 2, 8), zeros(2, 2, 8), zeros(2, dtype=torch.int32), 0.1
    ),
    "paged_attention: expected block_size 4": lambda: torch.xpu.paged_attention_v1(
        zeros(1, 1, 8),
        zeros(1, 1, 8),
        zeros(2, 4, 1, 8),
        zeros(2, 4, 1, 8),
        zeros(1, 1, dtype=torch.int32),
        zeros(1, dtype=torch.int32),
        1,
        1.0,
        16,
        1,
    ),
    "expected kv_cache_dtype auto, fp8": lambda: store(torch.float32, "int8"),
    "expected caches of float8_e4m3fn or uint8 for .* fp8, but got Float": lambda: store(
        torch.float32, "fp8"
    ),
    "caches of uint8 need kv_cache_dtype": lambda: store(torch.uint8, "auto"),
    "expected key_cache of dtype Float": lambda: store(torch.half, "auto"),
    "expected scales of 1 for caches": lambda: store(torch.float32, "auto", 2.0),
    "expected finite scales above 0": lambda: store(torch.uint8, "fp8_e5m2", 0.0),
}


@pytest.mark.parametrize("message", BAD_CALLS)
def test_bad_input(message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        BAD_CALLS[message]()


@pytest.mark.parametrize(
    ("dtype", "numbers", "scale"),
    [(torch.float32, "fp8", 1.0), (torch.uint8, "auto", 1.0), (torch.float32, "auto", 2.0)],
)
def test_caches_on_the_cpu_are_checked_too(dtype: torch.dtype, numbers: str, scale: float) -> None:
    token, caches = torch.zeros(1, 1, 8), torch.zeros(2, 2, 4, 1, 8, dtype=dtype)
    with pytest.raises(ValueError, match="paged cache: expected"):
        paged.reshape_and_cache(token, token, *caches, torch.zeros(1).long(), numbers, scale)
