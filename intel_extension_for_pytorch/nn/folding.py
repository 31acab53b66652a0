"""Folds batch normalisation into the convolution or the linear layer before it.

The traced graph only tells which modules follow each other: the model itself is changed, so that
its class, methods and hooks stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.fx
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from .._report import Report
from .tree import count, has_hooks, places, replace, without_hooks

_BATCH_NORMS = {
    torch.nn.Conv1d: torch.nn.BatchNorm1d,
    torch.nn.Conv2d: torch.nn.BatchNorm2d,
    torch.nn.Conv3d: torch.nn.BatchNorm3d,
    torch.nn.Linear: torch.nn.BatchNorm1d,
}


class FoldedBatchNorm(torch.nn.Identity):
    """Stands where a batch normalisation was that is now part of the layer before it."""


class FoldedLinearBatchNorm(FoldedBatchNorm):
    """Refuses inputs for which the folding does not hold.

    Batch normalisation works on dimension 1, a linear layer on the last: they are the same only
    for two dimensions, and nothing but the input itself tells how many there are.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if input.dim() != 2:
            raise RuntimeError(
                "a batch normalisation was folded into the linear layer before it, which holds "
                f"for inputs of 2 dimensions, but got {input.dim()}; "
                "call ipex.optimize with linear_bn_folding=False"
            )
        return input


class _Pair(NamedTuple):
    layer_name: str
    layer: Any  # a key of _BATCH_NORMS
    norm_name: str
    norm: Any  # its value


def fold_batch_norms(
    model: torch.nn.Module, convolutions: bool, linears: bool, report: Report
) -> None:
    """Folds after convolutions and/or after linear layers, as told."""
    if not any(type(module) in _BATCH_NORMS.values() for module in model.modules()):
        return
    try:
        with without_hooks(model):
            graph = torch.fx.Tracer().trace(model)
    except Exception as error:
        report.missed(
            "folded no batch normalisation: torch.fx cannot trace "
            f"{type(model).__name__} ({type(error).__name__}: {error})"
        )
        return
    folded: Counter[str] = Counter()
    for pair in _adjacent(model, graph):
        linear = type(pair.layer) is torch.nn.Linear
        if not (linears if linear else convolutions):
            continue
        obstacle = _obstacle(model, graph, pair)
        if obstacle is None and not _fold(model, pair):
            obstacle = "the folded weights would not be finite"
        if obstacle is None:
            folded["linear layer" if linear else "convolution"] += 1
        else:
            report.skipped(f"did not fold {pair.norm_name} into {pair.layer_name}: {obstacle}")
    for kind, number in folded.items():
        report.done(f"folded batch normalisation into {count(number, kind)}")


def _adjacent(model: torch.nn.Module, graph: torch.fx.Graph) -> Iterator[_Pair]:
    """Layers whose output goes to a batch normalisation of their kind."""
    modules = dict(model.named_modules(remove_duplicate=False))
    for node in graph.nodes:
        if node.op != "call_module" or not node.args:
            continue
        before = node.args[0]
        if not isinstance(before, torch.fx.Node) or before.op != "call_module":
            continue
        layer_name, norm_name = str(before.target), str(node.target)
        pair = _Pair(layer_name, modules[layer_name], norm_name, modules[norm_name])
        if _BATCH_NORMS.get(type(pair.layer)) is type(pair.norm):
            yield pair


def _obstacle(model: torch.nn.Module, graph: torch.fx.Graph, pair: _Pair) -> str | None:
    """Why the pair cannot be folded; None if it can."""
    layer, norm = pair.layer, pair.norm
    modules = dict(model.named_modules(remove_duplicate=False))
    calls = [node for node in graph.nodes if node.op == "call_module"]
    calls_of_layer = [node for node in calls if modules[node.target] is layer]
    if len(calls_of_layer) != 1 or sum(modules[node.target] is norm for node in calls) != 1:
        return "one of them is used more than once"
    if len(calls_of_layer[0].users) != 1:
        return f"the output of {pair.layer_name} is used elsewhere too"
    read = {node.target.rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    if {pair.layer_name, pair.norm_name} & read:
        return "the model reads their parameters"
    if layer.training or norm.training:
        return "one of them is in training mode"
    if norm.running_mean is None or norm.running_var is None:
        return "there are no running statistics"
    held = places(model)
    if any(len(held[parameter]) > 1 for parameter in layer.parameters()):
        return f"the parameters of {pair.layer_name} are shared"
    if any(has_hooks(module) for module in _between(modules, pair)):
        return "a hook watches what goes from one to the other"
    return None


def _between(modules: dict[str, torch.nn.Module], pair: _Pair) -> list[torch.nn.Module]:
    """The two modules, and the containers that hold only one of them."""
    paths = [set(_path(pair.layer_name)), set(_path(pair.norm_name))]
    return [modules[name] for name in paths[0] ^ paths[1]]


def _path(name: str) -> list[str]:
    """a.b.c: a, a.b, a.b.c."""
    parts = name.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]


@torch.no_grad()
def _fold(model: torch.nn.Module, pair: _Pair) -> bool:
    """Changes the model; False, and no change, if the result would not be finite."""
    layer, norm = pair.layer, pair.norm
    linear = type(layer) is torch.nn.Linear
    fuse = fuse_linear_bn_weights if linear else fuse_conv_bn_weights
    bias = layer.bias
    folded_weight, folded_bias = fuse(
        layer.weight.float(),
        None if bias is None else bias.float(),
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    if not (torch.isfinite(folded_weight).all() and torch.isfinite(folded_bias).all()):
        return False
    dtype = layer.weight.dtype
    layer.weight.data = folded_weight.data.to(dtype)
    if bias is None:
        layer.bias = torch.nn.Parameter(folded_bias.data.to(dtype), layer.weight.requires_grad)
    else:
        bias.data = folded_bias.data.to(dtype)
    replace(model, norm, FoldedLinearBatchNorm() if linear else FoldedBatchNorm())
    return True
