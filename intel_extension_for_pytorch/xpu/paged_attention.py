"""The paged cache of keys and values under the original's names in `torch.xpu`."""

from __future__ import annotations

from typing import Any


def _forward(name: str, of: str) -> Any:
    def function(*arguments: Any, **keywords: Any) -> Any:
        from ..llm.functional import paged

        return getattr(paged, of)(*arguments, **keywords)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`intel_extension_for_pytorch.llm.functional.paged.{of}`."
    return function


copy_blocks = _forward("copy_blocks", "copy_blocks")
paged_attention_v1 = _forward("paged_attention_v1", "paged_attention")
paged_attention_v2 = _forward("paged_attention_v2", "paged_attention")
reshape_and_cache = _forward("reshape_and_cache", "reshape_and_cache")
swap_blocks = _forward("swap_blocks", "swap_blocks")
