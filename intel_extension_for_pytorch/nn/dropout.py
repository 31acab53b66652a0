"""Dropout does nothing in inference: its modules become identities."""

from __future__ import annotations

from typing import Any

import torch

from .._report import Report
from .tree import count, has_hooks, replace

_DROPOUTS = (
    torch.nn.Dropout,
    torch.nn.Dropout1d,
    torch.nn.Dropout2d,
    torch.nn.Dropout3d,
    torch.nn.AlphaDropout,
    torch.nn.FeatureAlphaDropout,
)


class RemovedDropout(torch.nn.Identity):
    """An identity with the attributes that models read from the dropout it replaces."""

    def __init__(self, dropout: Any) -> None:
        super().__init__()
        self.p = dropout.p
        self.inplace = dropout.inplace

    def extra_repr(self) -> str:
        return f"p={self.p}"


def replace_dropout(model: torch.nn.Module, report: Report) -> None:
    dropouts = [module for module in model.modules() if type(module) in _DROPOUTS]
    free = [
        module
        for module in dropouts
        if module is not model and not module.training and not has_hooks(module)
    ]
    for dropout in free:
        replace(model, dropout, RemovedDropout(dropout))
    if free:
        report.done(f"replaced {count(len(free), 'dropout')} by the identity")
    if kept := len(dropouts) - len(free):
        report.skipped(
            f"kept {count(kept, 'dropout')}: the model itself, in training mode, or with hooks"
        )
