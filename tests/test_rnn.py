"""Recurrent layers on xpu against the CPU, forward and backward."""

from __future__ import annotations

import copy
import functools
import itertools
import re
from pathlib import Path

import pytest
import torch
from processes import run_unprepared

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

INPUT, HIDDEN, STEPS, BATCH = 6, 20, 5, 4
LAYERS = {
    "LSTM": torch.nn.LSTM,
    "GRU": torch.nn.GRU,
    "tanh": torch.nn.RNN,
    "relu": functools.partial(torch.nn.RNN, nonlinearity="relu"),
}
OPTIONS = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"bias": False},
    {"batch_first": True},
]
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-11, torch.bfloat16: 4e-2, torch.float16: 5e-3}


def flatten(result) -> list[torch.Tensor]:
    output, state = result
    return [output, *(state if isinstance(state, tuple) else [state])]


def run(layer: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Outputs, then the gradients of the input and of the weights."""
    x = x.detach().requires_grad_()
    outputs = flatten(layer(x))
    sum(
        (out * torch.linspace(-1, 1, out.numel()).view(out.shape).to(out)).sum() for out in outputs
    ).backward()
    return [*outputs, x.grad, *(parameter.grad for parameter in layer.parameters())]


def compare(layer_class, dtype: torch.dtype, options: dict) -> None:
    torch.manual_seed(0)
    layer = layer_class(INPUT, HIDDEN, **options).double()
    x = torch.randn(STEPS, BATCH, INPUT, dtype=torch.float64)
    copy = layer_class(INPUT, HIDDEN, **options)
    copy.load_state_dict(layer.state_dict())
    tolerance = TOLERANCES[dtype]
    for ours, theirs in zip(
        run(copy.to("xpu", dtype), x.to(dtype).to("xpu")), run(layer, x), strict=True
    ):
        assert ours.device.type == "xpu" and ours.dtype == dtype
        largest = max(1, theirs.abs().max().item())
        torch.testing.assert_close(
            ours.cpu().double(), theirs, rtol=tolerance, atol=tolerance * largest
        )


@pytest.mark.parametrize("dtype", TOLERANCES, ids=lambda dtype: str(dtype)[6:])
@pytest.mark.parametrize("layer", LAYERS)
def test_dtypes(layer: str, dtype: torch.dtype) -> None:
    compare(LAYERS[layer], dtype, {})


@pytest.mark.parametrize("options", OPTIONS[1:], ids="-".join)
@pytest.mark.parametrize("layer", LAYERS)
def test_options(layer: str, options: dict) -> None:
    compare(LAYERS[layer], torch.float32, options)


@pytest.mark.parametrize("sizes", [(5, 4), (1, 4), (5, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_inference(layer: str, sizes: tuple[int, int]) -> None:
    """Sequences that lie in any way give the same, and so do those of training."""
    torch.manual_seed(0)
    steps, batch = sizes
    for batch_first in (False, True):
        module = LAYERS[layer](
            INPUT, HIDDEN, num_layers=2, bidirectional=True, batch_first=batch_first
        )
        x = torch.randn(steps, batch, INPUT)
        x = x.transpose(0, 1) if batch_first else x
        expected = flatten(module(x))
        module.xpu()
        for given in (x.xpu(), x.xpu().contiguous(), x.repeat(1, 1, 2).xpu()[..., :INPUT]):
            with torch.no_grad():
                actual = flatten(module(given))
            for ours, theirs in zip(actual, expected, strict=True):
                torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-5, atol=1e-5)
            assert actual[0].is_contiguous()


def with_strides_of_ones(tensor: torch.Tensor, stride: int) -> torch.Tensor:
    """The same with another stride of its dimensions of size 1, which mean nothing."""
    strides = [stride if n == 1 else s for n, s in zip(tensor.shape, tensor.stride(), strict=True)]
    return tensor.as_strided(tensor.shape, strides)


@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=lambda dtype: str(dtype)[6:])
@pytest.mark.parametrize("training", (False, True))
@pytest.mark.parametrize("layer", LAYERS)
def test_strides_of_dimensions_of_size_1(layer: str, training: bool, dtype: torch.dtype) -> None:
    """Whatever they are, and whichever came first: the library remembers what it was given."""
    torch.manual_seed(0)
    for features, steps, batch, odd_first in ((6, 7, 1, True), (6, 9, 1, False), (1, 5, 3, True)):
        module = LAYERS[layer](features, HIDDEN, batch_first=True).to(dtype)
        x = torch.randn(batch, steps, features).to(dtype)
        expected = flatten(module.double()(x.double()))
        module.to("xpu", dtype)
        plain = x.xpu()
        views = [with_strides_of_ones(plain, stride) for stride in (0, 1, 5)]
        for given in [*views, plain] if odd_first else [plain, *views]:
            with torch.set_grad_enabled(training):
                actual = flatten(module(given))
            for ours, theirs in zip(actual, expected, strict=True):
                torch.testing.assert_close(
                    ours.cpu().double(), theirs, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype]
                )


def test_sequences_are_the_library_s(tmp_path: Path) -> None:
    code = """
import torch
for kind in (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN):
    layer = kind(6, 20, num_layers=2).xpu()
    layer(torch.randn(5, 4, 6, device="xpu"))[0].sum().backward()
    with torch.no_grad():
        layer(torch.randn(5, 4, 6, device="xpu"))
torch.xpu.synchronize()
"""
    result = run_unprepared("-c", code, directory=tmp_path, variables={"IPEX_XPU_DEBUG": "2"})
    assert result.returncode == 0, result.stderr
    assert not re.findall(r"\w+_cell\w*|op::tanh\b", result.stderr)


def test_gradients_whose_rows_are_pages() -> None:
    """Four gates of 256 float32 values: the library gets them with rows that are a line longer."""
    torch.manual_seed(0)
    layer = torch.nn.LSTM(INPUT, 256)
    x = torch.randn(STEPS, BATCH, INPUT)
    expected = run(layer, x)
    for ours, theirs in zip(
        run(copy.deepcopy(layer).to("xpu"), x.to("xpu")), expected, strict=True
    ):
        torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cell", (torch.nn.LSTMCell, torch.nn.GRUCell))
def test_cells(cell) -> None:
    torch.manual_seed(0)
    module = cell(INPUT, HIDDEN)
    x = torch.randn(BATCH, INPUT)
    expected = module(x)
    actual = module.to("xpu")(x.to("xpu"))
    pairs = (
        zip(actual, expected, strict=True) if isinstance(expected, tuple) else [(actual, expected)]
    )
    for ours, theirs in pairs:
        torch.testing.assert_close(ours.cpu(), theirs)


def test_packed_sequences() -> None:
    torch.manual_seed(0)
    layer = torch.nn.LSTM(INPUT, HIDDEN)
    x = torch.randn(STEPS, 3, INPUT)

    def packed(device: str) -> torch.Tensor:
        pack = torch.nn.utils.rnn.pack_padded_sequence(x.to(device), torch.tensor([5, 3, 2]))
        output, _ = layer.to(device)(pack)
        return torch.nn.utils.rnn.pad_packed_sequence(output)[0].cpu()

    torch.testing.assert_close(packed("xpu"), packed("cpu"))


def test_state_in_a_hidden_size_above_a_work_group() -> None:
    torch.manual_seed(0)
    gates = [torch.randn(3, 4 * 700) for _ in range(2)]
    state = torch.randn(3, 700)
    hidden, cell, _ = torch.ops.aten._thnn_fused_lstm_cell(*(t.to("xpu") for t in (*gates, state)))
    i, f, g, o = (gates[0] + gates[1]).chunk(4, 1)
    expected = f.sigmoid() * state + i.sigmoid() * g.tanh()
    torch.testing.assert_close(cell.cpu(), expected)
    torch.testing.assert_close(hidden.cpu(), o.sigmoid() * expected.tanh())


@pytest.mark.parametrize(("name", "gates"), [("lstm", 4), ("gru", 3)])
def test_loss_on_one_result(name: str, gates: int) -> None:
    """A loss on the cell alone leaves the gradient of the hidden state undefined."""
    torch.manual_seed(0)
    operator = getattr(torch.ops.aten, f"_thnn_fused_{name}_cell")
    inputs = [torch.randn(2, gates * 5), torch.randn(2, gates * 5), torch.randn(2, 5)]
    inputs = [t.to("xpu").requires_grad_() for t in inputs]
    for result in operator(*inputs)[: 2 if name == "lstm" else 1]:
        gradients = torch.autograd.grad(result.sum(), inputs, retain_graph=True)
        assert all(gradient.isfinite().all() for gradient in gradients)


def test_errors() -> None:
    good = [
        torch.ones(2, 12, device="xpu"),
        torch.ones(2, 12, device="xpu"),
        torch.ones(2, 3, device="xpu"),
    ]
    for position, replacement in itertools.product(
        (0, 1), (torch.ones(2, 11), torch.ones(12), torch.ones(3, 12))
    ):
        arguments = list(good)
        arguments[position] = replacement.to("xpu")
        with pytest.raises(RuntimeError, match=r"expected gates of \[2, 12\]"):
            torch.ops.aten._thnn_fused_lstm_cell(*arguments)


@pytest.mark.parametrize("wrong", ["input weight", "hidden weight", "bias", "batch of the state"])
def test_sizes_that_do_not_fit(wrong: str) -> None:
    """The library is given no less memory than it reads."""
    sequence, state = torch.ones(5, 3, 8, device="xpu"), torch.zeros(1, 3, 4, device="xpu")
    sizes = {"input weight": (16, 8), "hidden weight": (16, 4), "bias": (16,), "other bias": (16,)}
    if wrong in sizes:
        sizes[wrong] = (8, *sizes[wrong][1:])
    else:
        state = state[:, :2]
    weights = [torch.ones(size, device="xpu") for size in sizes.values()]
    with torch.no_grad(), pytest.raises(RuntimeError):
        torch.lstm(sequence, (state, state), weights, True, 1, 0.0, False, False, False)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("kind", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
@pytest.mark.parametrize("packed", [False, True])
def test_without_gradients(packed, kind, mode):
    torch.manual_seed(0)
    layer = kind(8, 12, num_layers=2, bidirectional=True)
    x = torch.randn(7, 3, 8)

    def infer(device: str) -> torch.Tensor:
        sequences = x.to(device)
        if packed:
            lengths = torch.tensor([7, 3, 2])
            sequences = torch.nn.utils.rnn.pack_padded_sequence(sequences, lengths)
        with mode():
            result, _ = layer.to(device)(sequences)
        return (result.data if packed else result).cpu()

    torch.testing.assert_close(infer("xpu"), infer("cpu"))


def second_gradients(kind: str, device: str) -> list[torch.Tensor]:
    torch.manual_seed(0)
    layer = LAYERS[kind](INPUT, HIDDEN, bidirectional=True).to(device)
    x = torch.randn(STEPS, BATCH, INPUT).to(device).requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
    gradient.square().sum().backward()
    return [x.grad, *(parameter.grad for parameter in layer.parameters())]


@pytest.mark.parametrize("kind", LAYERS)
def test_second_derivative(kind: str) -> None:
    for ours, theirs in zip(
        second_gradients(kind, "xpu"), second_gradients(kind, "cpu"), strict=True
    ):
        torch.testing.assert_close(ours.cpu(), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradient_of_a_function(kind: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[kind](INPUT, HIDDEN)
    x = torch.randn(STEPS, BATCH, INPUT)

    def gradients(device: str) -> dict[str, torch.Tensor]:
        def loss(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
            return torch.func.functional_call(layer, parameters, (x.to(device),))[0].square().sum()

        parameters = {name: value.detach() for name, value in layer.to(device).named_parameters()}
        return torch.func.grad(loss)(parameters)

    ours, theirs = gradients("xpu"), gradients("cpu")
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name].cpu(), gradient, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_of_some_operands(kind: str) -> None:
    """Only the last state counts, and only one weight learns."""
    torch.manual_seed(0)
    layer = LAYERS[kind](INPUT, HIDDEN)
    x = torch.randn(STEPS, BATCH, INPUT)

    def gradient(device: str) -> torch.Tensor:
        mine = copy.deepcopy(layer).to(device).requires_grad_(False)
        mine.weight_hh_l0.requires_grad_()
        flatten(mine(x.to(device)))[-1].square().sum().backward()
        return mine.weight_hh_l0.grad.cpu()

    torch.testing.assert_close(gradient("xpu"), gradient("cpu"), rtol=1e-4, atol=1e-4)


def test_dropout_between_layers() -> None:
    layer = torch.nn.LSTM(INPUT, HIDDEN, num_layers=2, dropout=1.0).xpu()
    x = torch.randn(STEPS, BATCH, INPUT, device="xpu")
    first = layer(x)[0]
    torch.testing.assert_close(first, layer(x * 2)[0])  # nothing of the first layer arrives
    layer.eval()
    assert not torch.allclose(layer(x)[0], layer(x * 2)[0])


def test_autocast() -> None:
    layer = torch.nn.LSTM(INPUT, HIDDEN).xpu()
    x = torch.randn(STEPS, BATCH, INPUT, device="xpu")
    with torch.autocast("xpu", torch.bfloat16):
        output = layer(x)[0]
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), layer(x)[0], rtol=4e-2, atol=4e-2)
    output.float().sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in layer.parameters())
