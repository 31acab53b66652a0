"""GPTQ: codes of weights for the inputs that a model sees (arXiv 2210.17323)."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .formats import KINDS, codes_of, numbers_of
from .linear import QuantizationReport, WeightOnlyLinear
from .scales import best_scales, in_groups, numbers_for
from .tune import check_tunable, final_states, tune_scales
from .weight import QuantizedWeight, check_kind

BLOCK = 128  # columns after which errors are passed on to all that follow
DAMPING = 0.01  # of the mean of the Hessian's diagonal, added to it
_STATEFUL = ("past_key_values", "past_key_value", "layer_past", "use_cache")


def gptq_weight(
    weight: Tensor,
    hessian: Tensor,
    kind: str = "int4",
    group_size: int = 128,
    symmetric: bool = False,
) -> QuantizedWeight:
    """Codes of a matrix [N, K] that change its products with inputs least.

    Columns are rounded one by one, those first whose inputs are largest, and the error of each is
    made up for by those that follow.

    Args:
        hessian: float32 [K, K]: the sum of products of the inputs' features with each other.
        kind, group_size, symmetric: See `QuantizedWeight.quantize`.

    Raises:
        ValueError: Shapes do not fit, or values are not finite.
    """
    check_kind("gptq_weight", kind)
    columns = weight.shape[-1]
    if weight.dim() != 2 or hessian.shape != (columns, columns):
        raise ValueError(
            "gptq_weight: expected a matrix [N, K] and a Hessian [K, K], but got "
            f"{tuple(weight.shape)} and {tuple(hessian.shape)}"
        )
    if not bool(weight.isfinite().all()) or not bool(hessian.isfinite().all()):
        raise ValueError("gptq_weight: expected finite values, but got NaN or infinity")
    size = columns if group_size == -1 else min(group_size, columns)
    weight = weight.detach().float()
    diagonal = hessian.diagonal()
    importance = in_groups(diagonal[None], size)[0]
    scales, zeros = best_scales(in_groups(weight, size), kind, symmetric, importance)

    order = diagonal.argsort(descending=True)

    def of_columns(values: Tensor) -> Tensor:
        return values.repeat_interleave(size, 1)[:, :columns][:, order].t().contiguous()

    codes = _codes(
        weight[:, order].t().contiguous(),
        _inverse_factor(hessian[order][:, order]),
        kind,
        of_columns(scales),
        None if zeros is None else of_columns(zeros),
    )
    codes = torch.empty_like(codes).index_copy_(0, order, codes).t()
    return QuantizedWeight.from_codes(kind, codes, size, scales, zeros)


def _inverse_factor(hessian: Tensor) -> Tensor:
    """Upper triangular U of U^T U, the inverse of a Hessian with damping."""
    damping = (DAMPING * hessian.diagonal().mean()).clamp(min=1e-8)
    hessian = hessian + damping * torch.eye(len(hessian), device=hessian.device)
    lower = torch.linalg.cholesky(hessian.flip(0, 1)).flip(0, 1)  # in fact upper: it is reversed
    one = torch.eye(len(hessian), device=hessian.device)
    return torch.linalg.solve_triangular(lower, one, upper=True)


def _codes(
    columns: Tensor, factor: Tensor, kind: str, scales: Tensor, zeros: Tensor | None
) -> Tensor:
    """Codes uint8 [K, N] of columns float32 [K, N], which are changed, in their order."""
    codes = torch.empty(columns.shape, dtype=torch.uint8, device=columns.device)
    middle = KINDS[kind].middle
    for begin in range(0, len(columns), BLOCK):
        end = min(begin + BLOCK, len(columns))
        errors = torch.empty_like(columns[begin:end])
        for i in range(begin, end):
            zero = None if zeros is None else zeros[i]
            codes[i] = codes_of(numbers_for(columns[i], kind, scales[i], zero), kind)
            value = (numbers_of(codes[i], kind) - (middle if zero is None else zero)) * scales[i]
            error = (columns[i] - value) / factor[i, i]
            columns[i:end].addr_(factor[i, i:end], error, alpha=-1)
            errors[i - begin] = error
        columns[end:] -= factor[begin:end, end:].t() @ errors
    return codes


def gptq_quantize(
    model: nn.Module,
    batches: Iterable[Any],
    kind: str = "int4",
    group_size: int = 128,
    skip: Iterable[str] = ("lm_head",),
    symmetric: bool = False,
    tune: int = 0,
) -> QuantizationReport:
    """Replaces the linear layers in the decoder layers of a model of transformers, in place, by
    `WeightOnlyLinear` with codes chosen for `batches`, decoder layer by decoder layer: each is
    given what those before it, quantized, make.

    Args:
        batches: Inputs; a tuple or list is taken for positional, a dict for keyword arguments.
        kind, group_size, symmetric: See `QuantizedWeight.quantize`.
        skip: Names of layers, or last parts of names, that are kept.
        tune: Passes over the batches, after all, in which scales and zero points learn to give
            the probabilities that the model gave before: takes as long as so much training.

    Returns:
        What was replaced and what was kept.

    Raises:
        ValueError: There is no batch, no list of layers, or a kind or group size that is none.
    """
    check_kind("gptq_quantize", kind)
    if tune:
        check_tunable(kind)
    skipped = set(skip)
    report = QuantizationReport()
    prefix, layers = _decoder_layers(model)
    batches = list(batches)
    with torch.no_grad(), _without_cache(model):
        references = final_states(model, batches, _run) if tune else []
        hidden, arguments = _record(model, layers, batches)
        for index, layer in enumerate(layers):
            linears = {}
            for name, linear in layer.named_modules():
                full = f"{prefix}.{index}.{name}"
                if type(linear) is not nn.Linear:
                    continue
                if full in skipped or name.rpartition(".")[2] in skipped:
                    report.kept[full] = "named in skip"
                else:
                    linears[name] = linear
            hessians = _hessians(layer, linears, hidden, arguments[index])
            for name, linear in linears.items():
                full = f"{prefix}.{index}.{name}"
                if name not in hessians:
                    report.kept[full] = "no batch reached it"
                    continue
                weight = gptq_weight(linear.weight, hessians.pop(name), kind, group_size, symmetric)
                made = WeightOnlyLinear(weight, linear.bias)
                made.train(linear.training)
                layer.set_submodule(name, made)
                report.replaced.append(full)
                report.bytes_before += linear.weight.nbytes
                report.bytes_after += sum(buffer.nbytes for buffer in made.buffers())
            hidden = [
                _call(layer, one, kept) for one, kept in zip(hidden, arguments[index], strict=True)
            ]
    if tune:
        with _without_cache(model):
            tune_scales(model, batches, references, tune, _run)
    inside = {id(linear) for linear in layers.modules()}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and id(module) not in inside:
            report.kept[name] = "outside of the decoder layers"
    return report


def _decoder_layers(model: nn.Module) -> tuple[str, nn.ModuleList]:
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList)
    ]
    if not lists:
        raise ValueError(
            f"gptq_quantize: expected a model with a list of layers, but got {type(model).__name__}"
        )
    return max(lists, key=lambda item: sum(isinstance(m, nn.Linear) for m in item[1].modules()))


class _Arguments:
    """Of one call of a decoder layer, but for the hidden states."""

    def __init__(self, positional: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.hidden = positional[0] if positional else keywords["hidden_states"]
        self.positional = positional[1:]
        self.keywords = {
            name: value
            for name, value in keywords.items()
            if name not in _STATEFUL and name != "hidden_states"
        }


def _record(
    model: nn.Module, layers: nn.ModuleList, batches: Iterable[Any]
) -> tuple[list[Tensor], list[list[_Arguments]]]:
    """What the first layer is given, of each batch; and each layer's other arguments."""
    arguments: list[list[_Arguments]] = [[] for _ in layers]
    hidden: list[Tensor] = []

    def see(index: int, layer: nn.Module, positional: Any, keywords: Any) -> None:
        given = _Arguments(positional, keywords)
        if index == 0:
            hidden.append(given.hidden)
        del given.hidden
        arguments[index].append(given)

    handles = [
        layer.register_forward_pre_hook(functools.partial(see, index), with_kwargs=True)
        for index, layer in enumerate(layers)
    ]
    try:
        for batch in batches:
            _run(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    if not hidden:
        raise ValueError("gptq_quantize: expected at least one batch to calibrate with")
    return hidden, arguments


def _run(model: nn.Module, batch: Any) -> Any:
    if isinstance(batch, dict):
        return model(**batch)
    return model(*batch) if isinstance(batch, (tuple, list)) else model(batch)


@contextlib.contextmanager
def _without_cache(model: nn.Module) -> Iterator[None]:
    config: Any = getattr(model, "config", None)
    cached = getattr(config, "use_cache", None)
    try:
        if cached is not None:
            config.use_cache = False
        yield
    finally:
        if cached is not None:
            config.use_cache = cached


def _call(layer: nn.Module, hidden: Tensor, given: _Arguments) -> Tensor:
    result = layer(hidden, *given.positional, **given.keywords)
    return result[0] if isinstance(result, tuple) else result


def _hessians(
    layer: nn.Module,
    linears: dict[str, nn.Linear],
    hidden: list[Tensor],
    arguments: list[_Arguments],
) -> dict[str, Tensor]:
    """The sums of products of each linear layer's input features. Layers of the same input share
    one."""
    sums: dict[str, Tensor] = {}
    calls: dict[str, tuple[Tensor, str]] = {}

    def see(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        for given, owner in calls.values():
            if given is inputs[0]:
                calls[name] = (given, owner)
                return
        calls[name] = (inputs[0], name)
        rows = inputs[0].flatten(0, -2).float()
        product = rows.t() @ rows
        sums[name] = sums[name] + product if name in sums else product

    handles = [
        linear.register_forward_pre_hook(functools.partial(see, name))
        for name, linear in linears.items()
    ]
    owners: dict[str, str] = {}
    try:
        for one, given in zip(hidden, arguments, strict=True):
            calls.clear()
            _call(layer, one, given)
            owners |= {name: owner for name, (_, owner) in calls.items()}
    finally:
        for handle in handles:
            handle.remove()
    return {name: sums[owner] for name, owner in owners.items()}
