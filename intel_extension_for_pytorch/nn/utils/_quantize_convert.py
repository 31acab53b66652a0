"""The layer that neural-compressor replaces linear layers by on xpu."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...llm.quantization.convert import from_gptq, unpack_words
from ...llm.quantization.weight import QuantizedWeight

_BITS = {"int4": 4, "int4_clip": 4, "int4_fullrange": 4, "int8": 8}


class WeightOnlyQuantizedLinear(nn.Module):
    """A linear layer with weights of four or eight bits, filled by `set_scales_zps_gidx` and then
    `set_weights_bias`.

    Args:
        input_features, output_features: Of the layer.
        bias: Whether `set_weights_bias` shall be given one.
        compute_dtype: Not used: results have the input's dtype.
        weight_dtype: ``"int4"`` (``"int4_clip"``, ``"int4_fullrange"``) or ``"int8"``.
        blocksize: Input features of a group; -1 for all.
        scheme: ``"sym"`` or ``"asym"``.
        compression_dtype: int32.
        compression_dim: Along which codes are packed where `use_optimum_format` is False: 1 for
            words [output features, input features / codes of a word], 0 for their transpose.
        use_optimum_format: Whether tensors are GPTQ's: words along the input features [K / 8, N],
            scales [groups, N], zero points less one [groups, N / 8]. Else scales are [N, groups]
            and zero points, packed along dimension 1, are stored as they are.

    Raises:
        ValueError: A `weight_dtype`, `compression_dtype` or `scheme` that is not served.
    """

    def __init__(
        self,
        input_features: int,
        output_features: int,
        bias: bool = True,
        compute_dtype: Any = None,
        compress_statistics: bool = True,
        weight_dtype: str = "int4_fullrange",
        scale_dtype: Any = None,
        blocksize: int = 64,
        scheme: str = "sym",
        double_quant_scale_dtype: Any = None,
        compression_dtype: torch.dtype = torch.int32,
        compression_dim: int = 1,
        device: torch.device | str | None = None,
        use_optimum_format: bool = True,
    ) -> None:
        super().__init__()
        if weight_dtype not in _BITS:
            raise ValueError(
                f"WeightOnlyQuantizedLinear: expected a weight_dtype among {', '.join(_BITS)}, but "
                f"got {weight_dtype!r}"
            )
        if compression_dtype is not torch.int32 or compression_dim not in (0, 1):
            raise ValueError(
                "WeightOnlyQuantizedLinear: expected codes packed into int32 along dimension 0 or "
                f"1, but got {compression_dtype} along {compression_dim}"
            )
        if scheme not in ("sym", "asym"):
            raise ValueError(
                f"WeightOnlyQuantizedLinear: expected scheme sym or asym, but got {scheme!r}"
            )
        self.in_features, self.out_features = input_features, output_features
        self.bits = _BITS[weight_dtype]
        self.blocksize, self.scheme = blocksize, scheme
        self.compression_dim, self.use_optimum_format = compression_dim, use_optimum_format
        self.device = device
        self.bias: nn.Parameter | None = None
        self._has_bias = bias
        self._given: tuple[Tensor, Tensor | None, Tensor | None] | None = None
        self.weight: QuantizedWeight | None = None

    def set_scales_zps_gidx(
        self, scales: Tensor, qzeros: Tensor | None = None, g_idx: Tensor | None = None
    ) -> None:
        """Scales, packed zero points or None, and GPTQ's groups of the input features or None."""
        self._given = (scales, qzeros, g_idx)

    def set_weights_bias(self, weight_data: Tensor, bias: Tensor | None = None) -> None:
        """Packed codes int32, and the bias [output features].

        Raises:
            RuntimeError: `set_scales_zps_gidx` was not called.
            ValueError: The tensors are not of this layer.
        """
        if self._given is None:
            raise RuntimeError("set_weights_bias: call set_scales_zps_gidx first")
        if self._has_bias != (bias is not None):
            raise ValueError(
                f"set_weights_bias: expected {'a' if self._has_bias else 'no'} bias, as the layer "
                f"was made, but got {'one' if bias is not None else 'none'}"
            )
        weight = self._packed(weight_data, *self._given)
        if weight.shape != (self.out_features, self.in_features):
            raise ValueError(
                f"set_weights_bias: expected weights of {self.in_features} input and "
                f"{self.out_features} output features, but got {weight.shape[1]} and "
                f"{weight.shape[0]}"
            )
        device = weight.device if self.device in (None, "auto") else self.device
        self.weight = weight.to(torch.device(device))  # type: ignore[arg-type]
        self.bias = None if bias is None else nn.Parameter(bias.to(self.weight.device), False)
        self._given = None

    def forward(self, input: Tensor) -> Tensor:
        """Input [..., input features], float32, float16 or bfloat16; the result has its dtype."""
        if self.weight is None:
            raise RuntimeError("WeightOnlyQuantizedLinear: expected weights, call set_weights_bias")
        return self.weight.linear(input, self.bias)

    def _packed(
        self, words: Tensor, scales: Tensor, qzeros: Tensor | None, g_idx: Tensor | None
    ) -> QuantizedWeight:
        if self.use_optimum_format:
            return from_gptq(words, scales, qzeros, g_idx, self.blocksize, self.bits)
        if self.compression_dim == 1:
            words = words.t()
        zeros = None
        if qzeros is not None:
            # As GPTQ packs them: along the output features.
            groups = scales.shape[1]
            zeros = unpack_words(qzeros, self.bits, 1)[:, :groups].t()
            zeros = _pack_along_rows(zeros, self.bits)
        return from_gptq(words, scales.t(), zeros, g_idx, self.blocksize, self.bits, zero_offset=0)

    def _apply(self, fn: Any, recurse: bool = True) -> WeightOnlyQuantizedLinear:
        super()._apply(fn, recurse)
        if self.weight is not None:
            # Codes tell where `fn` moves tensors to; scales keep their dtype.
            self.weight = self.weight.to(fn(self.weight.codes).device)
        return self


def _pack_along_rows(codes: Tensor, bits: int) -> Tensor:
    """uint8 [R, C] to words int32 [R, C * bits / 32], the first code in the lowest bits."""
    count = 32 // bits
    padded = nn.functional.pad(codes, (0, -codes.shape[1] % count)).unflatten(1, (-1, count))
    shifts = torch.arange(0, 32, bits, device=codes.device)
    words = (padded.long() << shifts).sum(-1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)
