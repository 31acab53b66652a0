"""What the fuzzer draws: tensors of any shape, layout, dtype and value, and calls with them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from layouts import Draw

SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 129, 257, 1000, 2049)
MOST_ELEMENTS = 30_000
FLOATING = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
COMPLEX = (torch.complex64, torch.complex128)


@dataclasses.dataclass
class Case:
    """A call on the CPU's tensors; `variant` is where its result goes: new, out or first."""

    name: str
    function: Callable
    arguments: tuple
    keywords: dict = dataclasses.field(default_factory=dict)
    variant: str = "new"
    first_result_only: bool = False
    pointwise: bool = False
    adds_up: bool = False  # rounding errors are those of the terms, not of the result
    formula: Callable | None = None  # in the place of the function where stock's may be wrong
    # It rounds between its steps: errors may be some times as large as stock's.
    several_steps: bool = False

    def describe(self) -> str:
        def show(value):
            if isinstance(value, torch.Tensor):
                return f"{value.dtype}{list(value.shape)} stride {value.stride()}"
            if isinstance(value, list | tuple):
                return f"[{', '.join(map(show, value))}]"
            return repr(value)

        arguments = [*map(show, self.arguments)]
        arguments += [f"{name}={show(value)}" for name, value in self.keywords.items()]
        return f"{self.name}({', '.join(arguments)}), result: {self.variant}"


class Draws(Draw):
    def shape(self, least: int = 0, most: int = 5, empty: bool = True) -> list[int]:
        shape = []
        for _ in range(self.random.randint(least, most)):
            room = MOST_ELEMENTS // max(math.prod(shape), 1)
            shape.append(self.pick(*[size for size in SIZES if size <= room] or [1]))
        if empty and shape and self.chance(0.03):
            shape[self.random.randrange(len(shape))] = 0
        return shape

    def broadcastable(self, shape: list[int]) -> list[int]:
        kept = shape[self.random.randint(0, len(shape)) if self.chance(0.2) else 0 :]
        return [1 if self.chance(0.2) else size for size in kept]

    def values(self, shape: list[int], dtype: torch.dtype, tame: bool) -> torch.Tensor:
        if dtype is torch.bool:
            return torch.rand(shape) < 0.5
        if not dtype.is_floating_point and not dtype.is_complex:
            limits = torch.iinfo(dtype)
            small = tame or self.chance(0.7)
            low, high = (max(-9, limits.min), 9) if small else (limits.min, limits.max)
            return torch.randint(low, high, shape, dtype=dtype)
        result = torch.randn(shape, dtype=torch.complex128 if dtype.is_complex else torch.float64)
        if not tame and self.chance(0.3) and not dtype.is_complex:
            result *= torch.exp(torch.randn(shape, dtype=torch.float64) * self.pick(2, 10, 30))
        result = result.to(dtype)
        if not tame and self.chance(0.4) and result.numel() and not dtype.is_complex:
            self.insert_special(result)
        return result

    def insert_special(self, tensor: torch.Tensor) -> None:
        limits = torch.finfo(tensor.dtype)
        special = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5]
        special += [limits.max, limits.min, limits.tiny, -limits.tiny, limits.tiny / 4, limits.eps]
        count = self.random.randint(1, max(1, tensor.numel() // 4))
        places = torch.randint(tensor.numel(), (count,))
        chosen = torch.tensor([self.pick(*special) for _ in range(min(count, 64))]).repeat(
            count // 64 + 1
        )[:count]
        tensor.view(-1)[places] = chosen.to(tensor.dtype)

    def tensor(self, shape: list[int], dtype: torch.dtype, tame: bool = False) -> torch.Tensor:
        """Contiguous, or in memory in any way, perhaps with repeated elements."""
        values = self.values(shape, dtype, tame)
        return values if self.chance(0.4) else self.laid_out(values, repeats=True)

    def dim(self, shape: list[int]) -> int:
        return self.random.randrange(-len(shape), len(shape)) if shape else 0

    def index(self, shape: list[int], size: int) -> torch.Tensor:
        return torch.randint(size, shape) if size else torch.zeros(0, dtype=torch.int64)
