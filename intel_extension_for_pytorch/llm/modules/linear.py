"""Linear layers with what follows them. Each takes an `nn.Linear`, whose parameters it shares."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import functional


class LinearFusion(nn.Module):
    """A linear layer, to which a class adds what follows it."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear


class LinearSilu(LinearFusion):
    """silu(linear(x))"""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.linear(x), inplace=not torch.is_grad_enabled())


class LinearRelu(LinearFusion):
    """relu(linear(x))"""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.linear(x), inplace=not torch.is_grad_enabled())


class LinearGelu(LinearFusion):
    """gelu(linear(x))"""

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.linear(x))


class LinearNewGelu(LinearFusion):
    """gelu(linear(x)), approximated by tanh"""

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.linear(x), approximate="tanh")


class LinearSiluMul(LinearFusion):
    """silu(linear(x)) * y"""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return functional.silu_mul(self.linear(x), y)


class LinearMul(LinearFusion):
    """linear(x) * y"""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.linear(x) * y


class LinearAdd(LinearFusion):
    """linear(x) + y"""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.linear(x) + y


class LinearAddAdd(LinearFusion):
    """linear(x) + y + z"""

    def forward(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return self.linear(x) + y + z


class Linear2SiluMul(nn.Module):
    """silu(linear_s(x)) * linear_m(x), the gated layer of Llama"""

    def __init__(self, linear_s: nn.Linear, linear_m: nn.Linear) -> None:
        super().__init__()
        self.linear_s = linear_s
        self.linear_m = linear_m

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu_mul(self.linear_s(x), self.linear_m(x))
