"""Activations that gate another operand. They are computed in float32 and rounded once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .devices import on_xpu
from .normalization import wide


def silu_mul(x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """silu(x) * y.

    x, y, out: of one shape and dtype, float32, float16 or bfloat16, of any strides. Has gradients,
    not with `out`. Raises RuntimeError where shapes, dtypes or devices do not fit.
    """
    if on_xpu(x):
        return torch.ops.torch_ipex.silu_mul(x, y, *given(out))
    return kept(silu_mul_reference(x, y), out)


def silu_mul_reference(x: Tensor, y: Tensor) -> Tensor:
    """`silu_mul` by plain operators."""
    return (functional.silu(wide(x)) * y).to(x.dtype)


def silu_and_mul(x: Tensor, out: Tensor | None = None) -> Tensor:
    """silu(first half) * second half, of the last dimension.

    x: [..., 2 n], out: [..., n]; otherwise as `silu_mul`.
    """
    if on_xpu(x):
        return torch.ops.torch_ipex.silu_and_mul(x, *given(out))
    return kept(silu_and_mul_reference(x), out)


def silu_and_mul_reference(x: Tensor) -> Tensor:
    """`silu_and_mul` by plain operators."""
    return silu_mul_reference(*x.chunk(2, -1))


def gelu_mul(x: Tensor, y: Tensor, out: Tensor | None = None, approximate: str = "none") -> Tensor:
    """gelu(x) * y; approximate: "none" or "tanh". Otherwise as `silu_mul`."""
    if not on_xpu(x):
        return kept(gelu_mul_reference(x, y, approximate), out)
    return torch.ops.torch_ipex.gelu_mul(x, y, *given(out), approximate=approximate)


def gelu_mul_reference(x: Tensor, y: Tensor, approximate: str = "none") -> Tensor:
    """`gelu_mul` by plain operators."""
    return (functional.gelu(wide(x), approximate=approximate) * y).to(x.dtype)


def gelu_and_mul(x: Tensor, out: Tensor | None = None, approximate: str = "none") -> Tensor:
    """gelu(first half) * second half, of the last dimension; otherwise as `gelu_mul`."""
    if not on_xpu(x):
        return kept(gelu_and_mul_reference(x, approximate), out)
    return torch.ops.torch_ipex.gelu_and_mul(x, *given(out), approximate=approximate)


def gelu_and_mul_reference(x: Tensor, approximate: str = "none") -> Tensor:
    """`gelu_and_mul` by plain operators."""
    first, second = x.chunk(2, -1)
    return gelu_mul_reference(first, second, approximate)


def gelu_quick(x: Tensor, out: Tensor | None = None) -> Tensor:
    """x * sigmoid(1.702 x), of any shape.

    Hendrycks and Gimpel, "Gaussian error linear units" (2016). Has gradients, not with `out`.
    """
    if on_xpu(x):
        return torch.ops.torch_ipex.gelu_quick(x, *given(out))
    return kept(gelu_quick_reference(x), out)


def gelu_quick_reference(x: Tensor) -> Tensor:
    """`gelu_quick` by plain operators."""
    value = wide(x)
    return (value * torch.sigmoid(1.702 * value)).to(x.dtype)


def given(out: Tensor | None) -> tuple[Tensor, ...]:
    """The argument of an operator that has an overload with `out`."""
    return () if out is None else (out,)


def kept(result: Tensor, out: Tensor | None) -> Tensor:
    """`result`, in `out` where there is one."""
    return result if out is None else out.copy_(result)
