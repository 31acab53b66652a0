"""Nested tensors: the same calls on xpu and on the CPU, forward and backward."""

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

LENGTHS = (2, 5, 3)
LAYOUTS = {"strided": torch.strided, "jagged": torch.jagged}


@pytest.fixture(autouse=True)
def _prototype():
    """Stock warns that its nested tensors are a prototype."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The PyTorch API of nested tensors")
        yield


def parts(*shape: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(length, *shape, generator=generator) for length in LENGTHS]


# Each takes a nested tensor of sequences of 8 features, and what makes tensors where it is.
OPERATORS = {
    "relu": lambda x, _: x.relu(),
    "relu_": lambda x, _: x.clone().relu_(),
    "gelu": lambda x, _: F.gelu(x),
    "tanh": lambda x, _: x.tanh(),
    "silu": lambda x, _: F.silu(x),
    "add": lambda x, _: x + x,
    "mul scalar": lambda x, _: x * 2.5,
    "div": lambda x, _: x / 2,
    "where": lambda x, _: torch.where(x > 0, x, x * 0.1),
    "dropout": lambda x, _: F.dropout(x, 0.5, training=False),
    "linear": lambda x, make: F.linear(x, make(4, 8), make(4)),
    "layer_norm": lambda x, make: F.layer_norm(x, (8,), make(8), make(8)),
    "softmax": lambda x, _: x.softmax(-1),
    "transpose": lambda x, _: x.transpose(1, 2).transpose(1, 2) * 2,
    "unbind": lambda x, _: torch.cat(x.unbind()),
    "sum": lambda x, _: x.sum(-1, keepdim=True),
    "matmul": lambda x, _: x @ x.transpose(1, 2),
    "cat": lambda x, _: torch.cat([x, x], -1),
    "padded": lambda x, _: x.to_padded_tensor(0.0),
    "to float64": lambda x, _: x.to(torch.float64),
}


# What stock refuses on the CPU too, forward or backward.
STOCK_LACKS = {
    ("tanh", torch.strided),
    ("where", torch.strided),
    ("cat", torch.strided),
    ("sum", torch.jagged),
    ("matmul", torch.jagged),
}


def values(tensor: torch.Tensor) -> torch.Tensor:
    """All numbers in one dense tensor on the CPU."""
    if tensor.is_nested:
        tensor = torch.cat([part.reshape(-1) for part in tensor.unbind()])
    return tensor.detach().cpu()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name, layout):
    def run(device: str) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(1)
        leaves = [part.to(device).requires_grad_() for part in parts(8)]
        nested = torch.nested.as_nested_tensor(leaves, layout=layout)

        def make(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator).to(device)

        result = OPERATORS[name](nested, make)
        assert result.device.type == device
        flat = torch.cat([p.reshape(-1) for p in result.unbind()]) if result.is_nested else result
        flat.square().sum().backward()
        return [values(result), *(leaf.grad.cpu() for leaf in leaves)]

    if (name, layout) in STOCK_LACKS:
        for device in ("cpu", "xpu"):
            with pytest.raises((RuntimeError, ValueError)):
                run(device)
        return
    torch.testing.assert_close(run("xpu"), run("cpu"))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_constructors_and_copies(layout):
    nested = torch.nested.nested_tensor(parts(8), device="xpu", requires_grad=True, layout=layout)
    nested.relu().to("cpu")
    assert nested.requires_grad and nested.is_leaf
    there = torch.nested.nested_tensor(parts(8), layout=layout).to("xpu")
    assert there.device.type == "xpu"
    torch.testing.assert_close(values(there), values(nested))
    torch.testing.assert_close(values(there.cpu()), values(nested))
    assert "xpu" in repr(there)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_attention(layout):
    def run(device: str) -> list[torch.Tensor]:
        leaves = [part.to(device).requires_grad_() for part in parts(2, 4)]
        heads = torch.nested.as_nested_tensor(leaves, layout=layout).transpose(1, 2)
        # What stock's composite takes of each layout.
        heads = heads.contiguous() if layout == torch.strided else heads
        seen = F.scaled_dot_product_attention(heads, heads * 0.5, heads + heads)
        assert seen.device.type == device
        torch.cat([part.reshape(-1) for part in seen.unbind()]).square().sum().backward()
        return [values(seen), *(leaf.grad.cpu() for leaf in leaves)]

    torch.testing.assert_close(run("xpu"), run("cpu"))


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_encoder_with_padding(activation, norm_first, dtype, no_fallback):
    """In inference stock makes a nested tensor of what is not padding, unless norms come first."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(
        8, 2, 16, batch_first=True, activation=activation, norm_first=norm_first
    )
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=not norm_first).eval()
    encoder.to(dtype)
    x = torch.randn(len(LENGTHS), max(LENGTHS), 8).to(dtype)
    padding = torch.arange(x.size(1)) >= torch.tensor(LENGTHS)[:, None]
    with torch.inference_mode():
        expected = copy.deepcopy(encoder).double()(x.double(), src_key_padding_mask=padding)
        actual = encoder.to("xpu")(x.to("xpu"), src_key_padding_mask=padding.to("xpu")).cpu()
    kept = ~padding if norm_first else torch.ones_like(padding)
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 6e-2}[dtype]
    torch.testing.assert_close(
        actual[kept].double(), expected[kept], rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (6,)}, "expected a nested src of sequences of \\[length, 8\\]"),
        ({"mask": True}, "a nested src takes no mask"),
        ({"heads": 3}, "8 features are not divisible by 3 heads"),
    ],
)
def test_encoder_layer_refuses(arguments, message):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, device="xpu")
    source = torch.nested.nested_tensor(parts(*arguments.get("shape", (8,))), device="xpu")
    mask = torch.zeros(3, 5, dtype=torch.bool, device="xpu") if "mask" in arguments else None
    attention = layer.self_attn
    weights = [attention.in_proj_weight, attention.in_proj_bias]
    weights += [attention.out_proj.weight, attention.out_proj.bias]
    norms = [layer.norm1.weight, layer.norm1.bias, layer.norm2.weight, layer.norm2.bias]
    linears = [layer.linear1.weight, layer.linear1.bias, layer.linear2.weight, layer.linear2.bias]
    with torch.no_grad(), pytest.raises(RuntimeError, match=message):
        torch._transformer_encoder_layer_fwd(
            source,
            8,
            arguments.get("heads", 2),
            *weights,
            False,
            False,
            1e-5,
            *norms,
            *linears,
            mask,
            None if mask is None else 1,
        )


def test_operator_that_stock_lacks():
    nested = torch.nested.nested_tensor(parts(8), device="xpu", requires_grad=True)
    heads = nested.unsqueeze(1).transpose(1, 2)
    with pytest.raises(RuntimeError, match="nested tensors they must be contiguous"):
        F.scaled_dot_product_attention(heads, heads, heads)
    with pytest.raises(NotImplementedError, match=r"aten::sigmoid.*NestedTensorXPU"):
        nested.sigmoid()
