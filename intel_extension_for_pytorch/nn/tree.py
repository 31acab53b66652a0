"""The tree of modules: names, owners, replacement, hooks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def has_hooks(module: torch.nn.Module) -> bool:
    """Whether something watches what goes into or comes out of the module."""
    return any(getattr(module, hooks) for hooks in _HOOKS)


@contextmanager
def without_hooks(model: torch.nn.Module) -> Iterator[None]:
    """Runs the model's modules without their hooks, which then keep their place."""
    kept = [(module, hooks, vars(module)[hooks]) for module in model.modules() for hooks in _HOOKS]
    for module, hooks, registered in kept:
        vars(module)[hooks] = type(registered)()
    try:
        yield
    finally:
        for module, hooks, registered in kept:
            vars(module)[hooks] = registered


def replace(model: torch.nn.Module, old: torch.nn.Module, new: torch.nn.Module) -> None:
    """Puts `new` in every place of the tree where `old` is."""
    new.training = old.training
    for parent in model.modules():
        for name, child in parent._modules.items():
            if child is old:
                parent._modules[name] = new


class Place(NamedTuple):
    module: torch.nn.Module
    name: str


def places(model: torch.nn.Module) -> dict[torch.nn.Parameter, list[Place]]:
    """Where each parameter is held: more than one place if it is shared."""
    found: defaultdict[torch.nn.Parameter, list[Place]] = defaultdict(list)
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                found[parameter].append(Place(module, name))
    return dict(found)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
