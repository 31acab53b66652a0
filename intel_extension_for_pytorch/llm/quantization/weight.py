"""A matrix of weights of few bits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ... import _C
from . import _operators  # noqa: F401  shapes of the operators' results
from .formats import KERNEL_NAMES, KINDS, codes_of, numbers_of, pack_codes, span_of, unpack_codes
from .scales import grid_of, in_groups, numbers_for, scales_of

_STATE = ("codes", "scales", "zeros", "permutation")


class QuantizedWeight:
    """Weights [N, K] of a linear layer as codes of few bits with scales.

    A weight is ``(code - zero) * scale`` or, with `zeros_are_offsets`, ``code * scale + zero``,
    where code means the number it stands for.

    Attributes:
        kind: ``"int8"``, ``"int4"``, ``"nf4"``, ``"fp8_e4m3"`` or ``"fp8_e5m2"``.
        shape: (N, K): output and input features.
        group_size: Weights of a row that share a scale; -1 for all.
        codes: uint8 [N, bytes of a row], as `formats.pack_codes` lays them out.
        scales: float16, or float32 where that cannot hold them, [N, K / group_size rounded up].
        zeros: As scales, or None: zero is the middle of the codes.
        permutation: int64 [K] or None: column i of the codes is column permutation[i] of the
            weights.
    """

    def __init__(
        self,
        kind: str,
        shape: tuple[int, int],
        group_size: int,
        codes: Tensor,
        scales: Tensor,
        zeros: Tensor | None = None,
        zeros_are_offsets: bool = False,
        permutation: Tensor | None = None,
    ) -> None:
        self.kind = check_kind("QuantizedWeight", kind)
        self.shape = shape
        self.group_size = group_size
        self.span = span_of(shape[1], group_size)
        self.codes = codes
        self.scales = scales
        self.zeros = zeros
        self.zeros_are_offsets = zeros_are_offsets
        self.permutation = permutation

    @classmethod
    def from_codes(
        cls,
        kind: str,
        codes: Tensor,
        group_size: int,
        scales: Tensor,
        zeros: Tensor | None = None,
        zeros_are_offsets: bool = False,
        permutation: Tensor | None = None,
    ) -> QuantizedWeight:
        """Weights of codes uint8 [N, K], one in a byte, and scales and zeros [N, groups].

        Raises:
            ValueError: The shapes do not fit each other.
        """
        rows, columns = codes.shape
        group_size = -1 if group_size in (-1, columns) else group_size
        span = span_of(columns, group_size)
        groups = 1 if group_size == -1 else -(-columns // group_size)
        for name, tensor in (("scales", scales), ("zeros", zeros)):
            if tensor is not None and tensor.shape != (rows, groups):
                raise ValueError(
                    f"from_codes: expected {name} of shape {(rows, groups)} for codes of shape "
                    f"{(rows, columns)} in groups of {group_size}, but got {tuple(tensor.shape)}"
                )
        if group_size not in (-1, span):  # of several spans
            spans, repeats = -(-columns // span), group_size // span
            scales = scales.repeat_interleave(repeats, 1)[:, :spans]
            zeros = None if zeros is None else zeros.repeat_interleave(repeats, 1)[:, :spans]
            group_size = span
        packed = pack_codes(codes, kind, span)
        compact = _compact_dtype(scales, zeros)
        return cls(
            kind,
            (rows, columns),
            group_size,
            packed,
            scales.to(compact).contiguous(),
            None if zeros is None else zeros.to(compact).contiguous(),
            zeros_are_offsets,
            permutation,
        )

    @classmethod
    def quantize(
        cls, weight: Tensor, kind: str = "int4", group_size: int = 128, symmetric: bool = False
    ) -> QuantizedWeight:
        """The nearest weights of `kind` to a matrix [N, K], on its device.

        The largest magnitude of a group is the largest of its codes; without `symmetric`, groups
        of integers go from their least to their largest weight, 0 included. Weights that were of
        four bits before, in groups of this size, as those of a GGUF file are, stay as they are.

        Args:
            weight: float32, float16 or bfloat16; finite.
            kind: See `QuantizedWeight`; nf4 and fp8 are always symmetric.
            group_size: -1, or a multiple of 32.

        Raises:
            ValueError: A kind or group size that there is not, or a weight that is not a finite
                matrix.
        """
        check_kind("quantize", kind)
        if weight.dim() != 2 or not weight.is_floating_point() or weight.numel() == 0:
            raise ValueError(
                "quantize: expected a floating-point matrix that is not empty, but got "
                f"{weight.dtype} of shape {tuple(weight.shape)}"
            )
        columns = weight.shape[1]
        group_size = columns if group_size == -1 else group_size
        if group_size < columns:
            span_of(columns, group_size)
        else:
            group_size = columns
        groups = in_groups(weight.detach().float(), group_size)
        if not bool(groups.isfinite().all()):
            raise ValueError("quantize: expected finite weights, but got NaN or infinity")
        grid = None
        if kind == "int4" and not symmetric and columns % group_size == 0:
            grid = grid_of(groups, kind)
        if grid is not None:
            scales, offsets = grid
            numbers = (groups - offsets[..., None]) / scales[..., None]
            codes = codes_of(numbers.flatten(1), kind)
            return cls.from_codes(kind, codes, group_size, scales, offsets, zeros_are_offsets=True)
        scales, zeros = scales_of(groups, kind, symmetric)
        wide = None if zeros is None else zeros[..., None]
        numbers = numbers_for(groups, kind, scales[..., None], wide)
        codes = codes_of(numbers.flatten(1)[:, :columns], kind)
        return cls.from_codes(kind, codes, group_size, scales, zeros)

    @property
    def device(self) -> torch.device:
        return self.codes.device

    def linear(self, input: Tensor, bias: Tensor | None = None) -> Tensor:
        """``input @ weights.T + bias``, of the input's dtype.

        Sums are in float32. On a CPU, activations by which weights of integers are multiplied are
        rounded to 16 bits of the largest in their group of up to 128 (to 32 bits if they are
        float32), which is less than rounding them to float16 or bfloat16 did; an activation that
        is not finite makes its row NaN. Differentiable in `input`.

        Args:
            input: float32, float16 or bfloat16 [..., K], on the weights' device.
            bias: [N] or None.

        Raises:
            RuntimeError: Shapes, dtypes or devices do not fit.
        """
        if self.permutation is not None:
            input = input.index_select(-1, self.permutation)
        return torch.ops.torch_ipex.woq_linear(
            input, self.codes, self.scales, self.zeros, bias, *self._description()
        )

    def dequantize(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weights [N, K] as numbers of `dtype`: float32, float16 or bfloat16."""
        if self.device.type != "xpu":
            return self.dequantize_reference().to(dtype)
        weight = torch.ops.torch_ipex.woq_dequantize(
            self.codes, self.scales, self.zeros, *self._description(), dtype
        )
        return self._in_order(weight)

    def dequantize_reference(self) -> Tensor:
        """The weights [N, K] in float32, by plain operators of PyTorch, on any device."""
        columns = self.shape[1]
        numbers = numbers_of(unpack_codes(self.codes, self.kind, columns), self.kind)
        repeats = columns if self.scales.shape[1] == 1 else self.span

        def spread(values: Tensor) -> Tensor:
            return values.float().repeat_interleave(repeats, 1)[:, :columns]

        scales = spread(self.scales)
        if self.zeros is None:
            weight = (numbers - KINDS[self.kind].middle) * scales
        elif self.zeros_are_offsets:
            weight = numbers * scales + spread(self.zeros)
        else:
            weight = (numbers - spread(self.zeros)) * scales
        return self._in_order(weight)

    def __getitem__(self, rows: slice) -> QuantizedWeight:
        """Some of the rows; they share the tensors."""
        parts = {name: getattr(self, name)[rows] for name in ("codes", "scales")}
        zeros = None if self.zeros is None else self.zeros[rows]
        return QuantizedWeight(
            self.kind,
            (parts["codes"].shape[0], self.shape[1]),
            self.group_size,
            zeros=zeros,
            zeros_are_offsets=self.zeros_are_offsets,
            permutation=self.permutation,
            **parts,
        )

    def to(self, device: torch.device | str) -> QuantizedWeight:
        """The same on another device."""
        moved: dict[str, Any] = {name: _moved(getattr(self, name), device) for name in _STATE}
        return QuantizedWeight(
            self.kind,
            self.shape,
            self.group_size,
            zeros_are_offsets=self.zeros_are_offsets,
            **moved,
        )

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values that `from_state_dict` makes the same weights of."""
        tensors = {name: getattr(self, name) for name in _STATE}
        state: dict[str, Any] = {k: v for k, v in tensors.items() if v is not None}
        state["description"] = {
            "kind": self.kind,
            "shape": tuple(self.shape),
            "group_size": self.group_size,
            "zeros_are_offsets": self.zeros_are_offsets,
        }
        return state

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> QuantizedWeight:
        """What `state_dict` was taken of."""
        tensors: dict[str, Any] = {name: state.get(name) for name in _STATE}
        return cls(**state["description"], **tensors)

    def __repr__(self) -> str:
        return (
            f"QuantizedWeight({self.kind}, shape={tuple(self.shape)}, "
            f"group_size={self.group_size}, device={self.device})"
        )

    def for_program(self) -> Any:
        """The same for `_C.DecodeProgram`."""
        kind, columns, span, offsets = self._description()
        return _C.QuantizedMatrix(kind, self.codes, self.scales, self.zeros, columns, span, offsets)

    def _description(self) -> tuple[str, int, int, bool]:
        name = KERNEL_NAMES.get(self.kind, self.kind)
        return name, self.shape[1], self.span, self.zeros_are_offsets

    def _in_order(self, weight: Tensor) -> Tensor:
        if self.permutation is None:
            return weight
        return torch.empty_like(weight).index_copy_(1, self.permutation, weight)


def linear_reference(input: Tensor, weight: QuantizedWeight, bias: Tensor | None = None) -> Tensor:
    """`QuantizedWeight.linear` by plain operators of PyTorch, in float64."""
    exact = functional.linear(
        input.double(),
        weight.dequantize_reference().double(),
        None if bias is None else bias.double(),
    )
    return exact.to(input.dtype)


def check_kind(name: str, kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"{name}: expected a kind among {', '.join(KINDS)}, but got {kind!r}")
    return kind


def _compact_dtype(scales: Tensor, zeros: Tensor | None) -> torch.dtype:
    """float16 where it holds scales and zeros exactly, else float32."""
    exact = all(
        bool((tensor.half().float() == tensor.float()).all())
        for tensor in (scales, zeros)
        if tensor is not None
    )
    return torch.float16 if exact else torch.float32


def _moved(tensor: Tensor | None, device: torch.device | str) -> Tensor | None:
    return None if tensor is None else tensor.to(device)
