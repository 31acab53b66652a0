"""Casts the weights of the modules that gain by it; every other parameter keeps its type.

`state_dict` goes on to give the types from before, and to take them. In training the values are
exact (master weights); in inference they are those of the lower precision.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.nn.utils.parametrize import is_parametrized

from .._report import Report
from ..optim.master_weights import MasterWeight, master_of
from .layout import CONVOLUTIONS
from .tree import Place, count, places

_EVERYWHERE = (
    *CONVOLUTIONS,
    torch.nn.Linear,
    torch.nn.Embedding,
    torch.nn.EmbeddingBag,
)
_IN_INFERENCE = (*_EVERYWHERE, torch.nn.LSTM)
_IN_TRAINING = (*_EVERYWHERE, torch.nn.ParameterList)

_CASTABLE = (torch.float32, torch.bfloat16, torch.float16)

# Attribute of a module: its parameters' names -> the type they had, or their master weights.
_ORIGINALS = "_ipex_original_weights"
_LOADED = "_ipex_loaded_weights"


@torch.no_grad()
def cast_for_inference(model: torch.nn.Module, dtype: torch.dtype, report: Report) -> None:
    castable = _castable(model, _IN_INFERENCE, report)
    overflowed = 0
    for parameter, held in castable.items():
        original = parameter.data
        parameter.data = original.to(dtype)
        _remember(held, original.dtype)
        if dtype == torch.float16 and parameter.isinf().any() and not original.isinf().any():
            overflowed += 1
    report.done(f"cast {count(len(castable), 'parameter')} to {dtype}")
    if overflowed:
        report.missed(f"{count(overflowed, 'parameter')} overflowed in {dtype}; prefer bfloat16")


@torch.no_grad()
def cast_for_training(
    model: torch.nn.Module, dtype: torch.dtype, split: bool, report: Report
) -> None:
    castable = _castable(model, _IN_TRAINING, report)
    new = 0
    for parameter, held in castable.items():
        master = master_of(parameter)
        if master is None:
            new += 1
            original, gradient = parameter.data, parameter.grad
            parameter.grad = None
            parameter.data = original.to(dtype)
            parameter.grad = None if gradient is None else gradient.to(dtype)
            master = MasterWeight(parameter, original.float(), split)
        _remember(held, master)
    kept = "the low 16 bits of each" if split else "a float32 master weight of each"
    if new:
        report.done(f"cast {count(new, 'parameter')} to {dtype}, and kept {kept}")
    if known := len(castable) - new:
        report.skipped(f"{count(known, 'parameter')} had been cast before")


@torch.no_grad()
def restore(model: torch.nn.Module) -> None:
    """Gives the parameters the types they had before an earlier cast."""
    for parameter, held in places(model).items():
        for module, name in held:
            original = vars(module).get(_ORIGINALS, {}).pop(name, None)
            if isinstance(original, torch.dtype):
                parameter.data = parameter.data.to(original)
            elif original is not None:
                parameter.data = original.join().clone()


def _castable(
    model: torch.nn.Module, kinds: tuple[type, ...], report: Report
) -> dict[torch.nn.Parameter, list[Place]]:
    """The parameters to cast, and where they are."""
    found = {}
    kept: Counter[str] = Counter()
    for parameter, held in places(model).items():
        among = [type(module) in kinds for module, _ in held]
        if any(_weight_is_computed(module) for module, _ in held):
            kept["of a module that computes its weight from others"] += 1
        elif any(among) and not all(among):
            kept["shared with a module whose weights are not cast"] += 1
        elif all(among) and parameter.dtype not in _CASTABLE:
            kept[f"of type {parameter.dtype}"] += 1
        elif all(among):
            found[parameter] = held
    for reason, number in kept.items():
        report.skipped(f"did not cast {count(number, 'parameter')} {reason}")
    return found


def _weight_is_computed(module: torch.nn.Module) -> bool:
    """As weight_norm and parametrizations do."""
    return is_parametrized(module) or isinstance(vars(module).get("weight"), torch.Tensor)


def _remember(held: list[Place], original: torch.dtype | MasterWeight) -> None:
    for module, name in held:
        if _ORIGINALS not in vars(module):
            setattr(module, _ORIGINALS, {})
            module.register_state_dict_post_hook(_save_originals)
            module.register_load_state_dict_pre_hook(_keep_loaded)
            module.register_load_state_dict_post_hook(_assign_loaded)
        getattr(module, _ORIGINALS)[name] = original


def _save_originals(
    module: torch.nn.Module, state_dict: dict[str, Any], prefix: str, metadata: Any
) -> None:
    for name, original in getattr(module, _ORIGINALS).items():
        saved = state_dict.get(prefix + name)
        if saved is None or isinstance(saved, torch.nn.Parameter):  # keep_vars=True
            continue
        if isinstance(original, torch.dtype):
            state_dict[prefix + name] = saved.to(original)
        elif original.working is module._parameters[name]:
            state_dict[prefix + name] = original.value().to(saved.device)


def _keep_loaded(
    module: torch.nn.Module, state_dict: dict[str, Any], prefix: str, *_others: Any
) -> None:
    """Before torch rounds what is loaded, for `_assign_loaded`."""
    vars(module)[_LOADED] = {
        name: state_dict[prefix + name]
        for name, original in getattr(module, _ORIGINALS).items()
        if isinstance(original, MasterWeight) and prefix + name in state_dict
    }


def _assign_loaded(module: torch.nn.Module, incompatible_keys: Any) -> None:
    for name, loaded in vars(module).pop(_LOADED).items():
        master = getattr(module, _ORIGINALS)[name]
        if master.working is module._parameters[name] and master.shape == loaded.shape:
            master.assign(loaded)
