"""Resizing and padding on xpu: layouts, sizes and errors beyond PyTorch's operator database."""

import pytest
import torch
from torch.nn import functional as F

RESIZES = {
    "nearest": {"mode": "nearest"},
    "nearest-exact": {"mode": "nearest-exact"},
    "linear": {"mode": "linear"},
    "linear aligned": {"mode": "linear", "align_corners": True},
    "cubic": {"mode": "bicubic"},
    "cubic aligned": {"mode": "bicubic", "align_corners": True},
}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
# Up, down, to the same size, from and to one element, with scales that are not those of the sizes.
TARGETS = {
    "doubled": {"scale_factor": 2},
    "to other sizes": {"size": (13, 4, 9)},
    "to the same size": {"size": (6, 7, 5)},
    "to one element": {"size": (1, 1, 1)},
    "by a fraction": {"scale_factor": (1.7, 0.6, 2.3), "recompute_scale_factor": False},
}
PADS = ("reflect", "replicate")
LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


def image(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def check(function, x: torch.Tensor, dtype: torch.dtype = torch.float32) -> None:
    """Result and gradient of `function` in `dtype` on xpu, against float64 on the CPU."""
    rtol, atol = {torch.float32: (1e-5, 1e-5), torch.float64: (1e-12, 1e-12)}.get(
        dtype, (2e-2, 2e-2)
    )
    x = x.to(dtype)
    results = []
    for leaf in (x.double(), x.to("xpu")):
        leaf.requires_grad_()
        result = function(leaf)
        weights = torch.linspace(-1, 1, result.numel()).view(result.shape).to(result)
        results += [result, torch.autograd.grad(result, leaf, weights)[0]]
    for expected, actual in zip(results[:2], results[2:], strict=True):
        assert actual.dtype == dtype
        torch.testing.assert_close(actual.cpu().double(), expected, rtol=rtol, atol=atol)


def resize(name: str, target: str, spatial: int):
    arguments = dict(RESIZES[name])
    if arguments["mode"] == "linear":
        arguments["mode"] = LINEAR[spatial]
    for key, value in TARGETS[target].items():
        arguments[key] = value[:spatial] if isinstance(value, tuple) else value
    return lambda x: F.interpolate(x, **arguments)


def dimensions(name: str) -> tuple[int, ...]:
    return (2,) if "cubic" in name else (1, 2, 3)


RESIZE_CASES = [
    pytest.param(name, spatial, target, id=f"{name}-{spatial}d-{target}")
    for name in RESIZES
    for spatial in dimensions(name)
    for target in TARGETS
]


@pytest.mark.parametrize("name, spatial, target", RESIZE_CASES)
def test_resize(name: str, spatial: int, target: str) -> None:
    x = image(2, 3, *(6, 7, 5)[:spatial])
    check(resize(name, target, spatial), x)
    if spatial > 1:
        check(resize(name, target, spatial), x.contiguous(memory_format=LAST[spatial]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", RESIZES)
def test_resize_of_other_dtypes(name: str, dtype: torch.dtype) -> None:
    check(resize(name, "to other sizes", 2), image(2, 3, 6, 7), dtype)


@pytest.mark.parametrize("name", ["nearest", "nearest-exact", "linear", "cubic"])
def test_resize_of_bytes(name: str) -> None:
    x = torch.arange(2 * 3 * 6 * 7).remainder(251).to(torch.uint8).view(2, 3, 6, 7)
    function = resize(name, "to other sizes", 2)
    expected = function(x if "nearest" in name else x.double()).round().clamp(0, 255).byte()
    actual = function(x.to("xpu"))
    assert actual.dtype == torch.uint8
    # Halves may be rounded either way.
    assert (actual.cpu().int() - expected.int()).abs().max() <= (0 if "nearest" in name else 1)


@pytest.mark.parametrize("channels", [1, 3, 64, 300])
@pytest.mark.parametrize("width", [1, 5, 257, 5000])
@pytest.mark.parametrize("name", ["nearest", "linear"])
def test_rows_of_many_lengths(name: str, width: int, channels: int) -> None:
    x = image(1, channels, 2, width)
    check(resize(name, "doubled", 2), x)
    check(resize(name, "doubled", 2), x.contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize("mode", PADS)
@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_pad(mode: str, spatial: int) -> None:
    for padding in ((2, 3, 1, 0, 4, 2), (-1, 2, 3, -2, -1, -1), (0, 0, 0, 0, 0, 0)):
        function = lambda x, p=padding[: 2 * spatial]: F.pad(x, p, mode)  # noqa: E731
        x = image(2, 3, *(6, 7, 5)[:spatial])
        check(function, x)
        check(function, x[0])
        if spatial > 1:
            check(function, x.contiguous(memory_format=LAST[spatial]))


@pytest.mark.parametrize("mode", PADS)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.complex128], ids=str)
def test_pad_of_other_dtypes(mode: str, dtype: torch.dtype) -> None:
    x = torch.randint(0, 2, (2, 3, 6, 7)).to(dtype)
    assert torch.equal(F.pad(x.to("xpu"), (2, 3, 1, 0), mode).cpu(), F.pad(x, (2, 3, 1, 0), mode))


OPERATORS = {
    "nearest": resize("nearest", "doubled", 2),
    "nearest-exact": resize("nearest-exact", "doubled", 2),
    "linear": resize("linear", "doubled", 2),
    "cubic": resize("cubic", "doubled", 2),
    "reflect": lambda x: F.pad(x, (1, 2, 3, 1), "reflect"),
    "replicate": lambda x: F.pad(x, (1, 2, 3, 1), "replicate"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_channels_last_is_kept_without_copies(name: str) -> None:
    x = image(2, 8, 6, 7).to("xpu", torch.float32).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    torch.xpu.synchronize()
    torch.xpu.reset_peak_memory_stats()
    before = torch.xpu.memory_allocated()
    y = OPERATORS[name](x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    size = y.numel() * y.element_size()
    rounded = (size + 511) // 512 * 512
    assert torch.xpu.max_memory_allocated() - before <= rounded
    gradient = torch.autograd.grad(y, x, torch.ones_like(y))[0]
    # Stock's meta function makes the gradient of the cubic one contiguous.
    assert gradient.is_contiguous(memory_format=torch.channels_last) == (name != "cubic")


@pytest.mark.parametrize("name", OPERATORS)
def test_gradients_repeat_exactly(name: str) -> None:
    x = image(2, 8, 20, 30, dtype=torch.float32).to("xpu").requires_grad_()
    y = OPERATORS[name](x)
    weights = torch.randn_like(y)
    first, second = (torch.autograd.grad(y, x, weights, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", OPERATORS)
def test_nothing(name: str) -> None:
    x = torch.empty(0, 3, 6, 7, device="xpu", requires_grad=True)
    y = OPERATORS[name](x)
    assert y.shape == OPERATORS[name](torch.empty(0, 3, 6, 7)).shape
    assert torch.autograd.grad(y.sum(), x)[0].shape == x.shape


def test_nonfinite_values_stay_where_they_are() -> None:
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 1] = float("inf")
    x[0, 0, 3, 3] = float("nan")
    for name in ("nearest", "reflect", "replicate"):
        torch.testing.assert_close(
            OPERATORS[name](x.to("xpu")).cpu(), OPERATORS[name](x), equal_nan=True
        )


def ones(device: str, *shape: int) -> torch.Tensor:
    return torch.ones(shape, device=device)


ERRORS = {
    "long to resize": lambda d: F.interpolate(ones(d, 1, 1, 4, 4).long(), scale_factor=2),
    "no channels": lambda d: F.interpolate(ones(d, 2, 0, 4, 4), scale_factor=2),
    "size zero": lambda d: F.interpolate(ones(d, 1, 1, 4, 4), size=(0, 3)),
    "reflects too much": lambda d: F.pad(ones(d, 1, 1, 4, 4), (4, 0, 0, 0), "reflect"),
    "reflects too much 3d": lambda d: F.pad(ones(d, 1, 1, 4, 4, 4), (0, 0, 0, 5, 0, 0), "reflect"),
    "nothing to reflect": lambda d: F.pad(ones(d, 2, 0, 4, 4), (1, 1, 1, 1), "reflect"),
    "padding of one dimension": lambda d: torch.ops.aten.reflection_pad2d(
        ones(d, 1, 4, 4), (1, 1, 1)
    ),
    "gradient of other sizes": lambda d: torch.ops.aten.replication_pad2d_backward(
        ones(d, 1, 1, 5, 6), ones(d, 1, 1, 4, 4), (1, 1, 1, 1)
    ),
    "gradient without depth": lambda d: torch.ops.aten.replication_pad3d_backward(
        ones(d, 1, 1, 6, 6, 6), ones(d, 1, 1, 4, 4, 4), (1, 1, 1, 1)
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_those_of_the_cpu(name: str) -> None:
    with pytest.raises(Exception) as expected:
        ERRORS[name]("cpu")
    with pytest.raises(expected.type) as actual:
        ERRORS[name]("xpu")
    words = 3  # that the messages begin with
    if not issubclass(expected.type, NotImplementedError):
        assert str(actual.value).split()[:words] == str(expected.value).split()[:words]
