"""Convolutions on xpu against the CPU in float64: results, layouts and all gradients.

By the library, and by both kernels of ours.
"""

import dataclasses

import pytest
import torch
from device_dtypes import needs_double

pytestmark = pytest.mark.usefixtures("way")


TOLERANCES = {torch.float32: 2e-5, torch.float64: 1e-12, torch.bfloat16: 2e-2, torch.float16: 3e-3}


@dataclasses.dataclass
class Case:
    """`input` is batch, channels, space; the weights' shape follows from it."""

    input: tuple[int, ...]
    channels: int
    kernel: int
    stride: int = 1
    padding: int | str = 0
    dilation: int = 1
    groups: int = 1
    output_padding: int = 0
    transposed: bool = False
    bias: bool = True

    @property
    def space(self) -> int:
        return len(self.input) - 2

    def tensors(self, dtype: torch.dtype) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        outer, inner = self.channels, self.input[1] // self.groups
        if self.transposed:
            outer, inner = self.input[1], self.channels // self.groups
        shapes = [self.input, (outer, inner) + (self.kernel,) * self.space]
        if self.bias:
            shapes.append((self.channels,))
        return [
            (torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5).to(dtype)
            for shape in shapes
        ]

    def run(self, *tensors: torch.Tensor) -> torch.Tensor:
        name = f"conv{'_transpose' if self.transposed else ''}{self.space}d"
        options = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        if self.transposed:
            options["output_padding"] = self.output_padding
        return getattr(torch.nn.functional, name)(*tensors, groups=self.groups, **options)


CASES = {
    "plain": Case((2, 3, 9, 8), 8, 3),
    "pointwise": Case((2, 16, 7, 7), 8, 1),
    "pointwise stride": Case((2, 16, 8, 8), 8, 1, stride=3),
    "padding": Case((2, 4, 9, 8), 8, 3, padding=1),
    "padding same": Case((2, 4, 9, 8), 8, 3, padding="same"),
    "even kernel same": Case((2, 4, 9, 8), 8, 2, padding="same"),
    "stride": Case((2, 4, 10, 11), 8, 3, stride=2, padding=1),
    "dilation": Case((2, 4, 12, 12), 8, 3, dilation=2, padding=2),
    "groups": Case((2, 8, 9, 9), 12, 3, padding=1, groups=4),
    "depthwise": Case((2, 16, 9, 9), 16, 3, padding=1, groups=16),
    "depthwise multiplier": Case((2, 8, 9, 9), 16, 3, padding=1, groups=8),
    "no bias": Case((2, 4, 9, 9), 8, 3, bias=False),
    "one channel": Case((4, 1, 8, 8), 8, 3, padding=1),
    "worth reordering": Case((4, 32, 14, 14), 32, 3, padding=1),
    # Our kernels lay out more than a megabyte for the library. 300 fills no blocks.
    "large weights": Case((1, 256, 4, 5), 300, 3, padding=1),
    "large weights, odd": Case((1, 255, 4, 5), 300, 3, padding=1),
    "large weights, pointwise": Case((2, 1024, 3, 2), 600, 1),
    "large weights, stride": Case((1, 192, 4, 5), 384, 3, stride=2),
    "large activations": Case((1, 40, 130, 130), 24, 3),
    "conv1d": Case((2, 4, 20), 8, 5, stride=2, padding=2),
    "conv1d groups": Case((2, 4, 20), 8, 3, groups=2),
    "conv3d": Case((2, 4, 6, 7, 8), 8, 3, padding=1),
    "conv3d stride groups": Case((2, 4, 6, 7, 8), 8, 3, stride=2, groups=2),
    "transposed": Case((2, 4, 7, 8), 6, 3, transposed=True),
    "transposed stride": Case(
        (2, 4, 7, 8), 6, 3, stride=2, padding=1, output_padding=1, transposed=True
    ),
    "transposed dilation": Case((2, 4, 7, 8), 6, 3, dilation=3, output_padding=2, transposed=True),
    "transposed groups": Case((2, 8, 7, 8), 12, 3, stride=2, groups=4, transposed=True),
    "transposed no bias": Case((2, 4, 7, 8), 6, 2, stride=2, transposed=True, bias=False),
    "transposed 1d": Case((2, 4, 9), 6, 4, stride=2, padding=1, transposed=True),
    "transposed 3d": Case(
        (2, 4, 4, 5, 6), 6, 3, stride=2, padding=1, output_padding=1, transposed=True
    ),
}


def layouts(case: Case) -> list[torch.memory_format]:
    formats = [torch.contiguous_format]
    if case.space == 2:
        formats.append(torch.channels_last)
    if case.space == 3:
        formats.append(torch.channels_last_3d)
    return formats


PARAMETERS = [
    pytest.param(case, layout, id=f"{name}-{str(layout)[6:]}")
    for name, case in CASES.items()
    for layout in layouts(case)
]


def check(actual: torch.Tensor, reference: torch.Tensor) -> None:
    tolerance = TOLERANCES[actual.dtype]
    scale = max(1.0, reference.abs().max().item()) if reference.numel() else 1.0
    torch.testing.assert_close(
        actual.cpu().double(), reference, rtol=tolerance, atol=tolerance * scale
    )


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str
)
@pytest.mark.parametrize("case, layout", PARAMETERS)
def test_result_and_gradients(case, layout, dtype):
    tensors = case.tensors(dtype)
    tensors = [t.contiguous(memory_format=layout) if t.dim() > 1 else t for t in tensors]
    references = [tensor.to(torch.float64, copy=True).requires_grad_() for tensor in tensors]
    actual = [tensor.xpu().requires_grad_() for tensor in tensors]
    expected, result = case.run(*references), case.run(*actual)
    check(result, expected)
    # The CPU's layouts depend on the dtype.
    assert result.stride() == case.run(*(tensor.float() for tensor in tensors)).stride()
    gradient = torch.rand(expected.shape, dtype=torch.float64).to(dtype)
    expected.backward(gradient.double())
    result.backward(gradient.xpu())
    for tensor, reference in zip(actual, references, strict=True):
        check(tensor.grad, reference.grad)
        assert tensor.grad.dtype == dtype


@pytest.mark.parametrize("wanted", [{0}, {1}, {2}, {0, 2}, {1, 2}], ids=str)
@pytest.mark.parametrize("transposed", [False, True])
def test_gradients_that_are_asked_for(transposed, wanted):
    case = Case((2, 4, 9, 8), 8, 3, transposed=transposed)
    tensors = case.tensors(torch.float32)
    references = [t.double().requires_grad_(index in wanted) for index, t in enumerate(tensors)]
    actual = [t.xpu().requires_grad_(index in wanted) for index, t in enumerate(tensors)]
    case.run(*references).sum().backward()
    case.run(*actual).sum().backward()
    for index in wanted:
        check(actual[index].grad, references[index].grad)
    assert all(actual[index].grad is None for index in {0, 1, 2} - wanted)


@needs_double
def test_second_derivative():
    tensors = [
        t.xpu().requires_grad_() for t in Case((1, 2, 5, 5), 2, 3, padding=1).tensors(torch.float64)
    ]
    assert torch.autograd.gradgradcheck(lambda *t: torch.conv2d(*t, padding=1), tensors)


def test_second_derivative_in_single_precision():
    case = Case((2, 4, 9, 9), 8, 3, padding=1)

    def penalty(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        tensors = [tensor.requires_grad_() for tensor in tensors]
        (gradient,) = torch.autograd.grad(
            case.run(*tensors).tanh().sum(), tensors[0], create_graph=True
        )
        gradient.pow(2).sum().backward()
        return [tensor.grad for tensor in tensors[:2]]

    tensors = case.tensors(torch.float32)
    references = penalty([tensor.double() for tensor in tensors])
    for gradient, reference in zip(
        penalty([tensor.xpu() for tensor in tensors]), references, strict=True
    ):
        check(gradient, reference)


def test_unbatched():
    image, weight = torch.rand(4, 9, 8), torch.rand(8, 4, 3, 3)
    check(torch.conv2d(image.xpu(), weight.xpu()), torch.conv2d(image.double(), weight.double()))


@pytest.mark.parametrize("transposed", [False, True])
def test_empty_batch(transposed):
    case = Case((0, 4, 9, 8), 8, 3, transposed=transposed)
    tensors = [tensor.xpu().requires_grad_() for tensor in case.tensors(torch.float32)]
    result = case.run(*tensors)
    assert result.shape == case.run(*case.tensors(torch.float32)).shape
    result.sum().backward()
    assert all(torch.count_nonzero(tensor.grad.cpu()) == 0 for tensor in tensors)


def test_strided_operands():
    image = torch.rand(2, 4, 9, 16)
    weight = torch.rand(8, 8, 3, 3)
    result = torch.conv2d(image.xpu()[..., ::2], weight.xpu()[:, ::2])
    check(result, torch.conv2d(image.double()[..., ::2], weight.double()[:, ::2]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_large_weights_that_begin_within_a_word(dtype):
    image = torch.rand(1, 256, 4, 4).to(dtype)
    elements = (torch.rand(1 + 300 * 256 * 9) - 0.5).to(dtype)
    weight = elements[1:].view(300, 256, 3, 3)
    result = torch.conv2d(image.xpu(), elements.xpu()[1:].view_as(weight))
    check(result, torch.conv2d(image.double(), weight.double()))


@pytest.mark.parametrize("which", ["weight", "bias"])
def test_dtypes_must_agree(which):
    tensors = dict(
        zip(
            ("input", "weight", "bias"),
            Case((1, 2, 5, 5), 2, 3).tensors(torch.float32),
            strict=True,
        )
    )
    tensors[which] = tensors[which].bfloat16()
    with pytest.raises(RuntimeError, match=f"Input type .* and {which} type .* should be the same"):
        torch.conv2d(*(tensor.xpu() for tensor in tensors.values()))


def test_channels_must_agree():
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 4 channels instead"):
        torch.conv2d(torch.rand(1, 4, 8, 8, device="xpu"), torch.rand(2, 3, 3, 3, device="xpu"))
