"""Continuous batching of transformers on xpu: `generate_batch` and `transformers serve`.

Nothing here is called by a user. Once transformers' continuous batching is imported, its manager is
the one of `manager.py`, which is stock's own for models on other devices.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from ..._when_imported import when_imported

_MANAGER = "ContinuousBatchingManager"


def install() -> None:
    """Has models on xpu batched by our manager, now or when transformers is imported."""
    when_imported("transformers.generation.continuous_batching.continuous_api", _replace_manager)


def _replace_manager(api: ModuleType) -> None:
    stock = getattr(api, _MANAGER, None)
    if hasattr(stock, "switch_to_cb_friendly_attn"):  # as it is since transformers 5.23
        setattr(api, _MANAGER, importlib.import_module(f"{__name__}.manager").Manager)
