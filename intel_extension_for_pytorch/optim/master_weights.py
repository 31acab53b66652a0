"""float32 weights in the optimizer for a model that holds them in bfloat16.

The optimizer gets a `MasterWeight` in the place of each parameter. Its gradient is the parameter's
own, so `zero_grad`, gradient scaling and clipping see the same on either side; only while the
optimizer steps is it a float32 copy. What the step wrote goes back to the parameter after it.
"""

from __future__ import annotations

import copy
import functools
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils.weak import WeakIdKeyDictionary

# Bounds the float32 copies that exist at one time when weights are split.
_BUCKET_ELEMENTS = 16 * 1024 * 1024

# parameter of a model -> weak reference to its MasterWeight
_masters = WeakIdKeyDictionary()


class MasterWeight(torch.nn.Parameter):
    """The float32 value of `working`, a parameter of lower precision.

    `split`: keeps only the low 16 bits, the high ones are `working` itself. Between steps the
    tensor is then a placeholder of the right shape, without values.
    """

    working: torch.nn.Parameter
    _low_bits: torch.Tensor | None
    _step_gradient: torch.Tensor | None
    _stepping: bool
    _version_seen: int

    def __new__(cls, working: torch.nn.Parameter, value: torch.Tensor, split: bool) -> MasterWeight:
        self = torch.Tensor._make_subclass(cls, value.detach(), working.requires_grad)
        self.working = working
        self._low_bits = None
        self._step_gradient = None
        self._stepping = False
        if split:
            self._split()
        self._version_seen = working._version
        _masters[working] = weakref.ref(self)
        return self

    @property
    def is_split(self) -> bool:
        return self._low_bits is not None

    @property
    def grad(self) -> torch.Tensor | None:  # type: ignore[override]
        return self._step_gradient if self._stepping else self.working.grad

    @grad.setter
    def grad(self, gradient: torch.Tensor | None) -> None:
        self._end_step()
        self.working.grad = None if gradient is None else gradient.to(self.working.dtype)

    @torch.no_grad()
    def value(self) -> torch.Tensor:
        """The float32 weight: the tensor itself, or where it is split a new one."""
        self._adopt()
        return self._joined() if self.is_split else self.detach()

    @torch.no_grad()
    def assign(self, value: torch.Tensor) -> None:
        """Sets the weight and the model's parameter."""
        if self.is_split:
            self.data = value.to(self.device, torch.float32, copy=True)
            self._split()
        else:
            self.copy_(value)
            self.working.copy_(self)
        self.accept()

    def accept(self) -> None:
        """The model's parameter now corresponds to this weight."""
        self._version_seen = self.working._version

    def join(self) -> torch.Tensor:
        """Keeps the float32 weight whole from now on, and gives it."""
        self.data = self.value()
        self._low_bits = None
        return self.detach()

    def _adopt(self) -> None:
        """Takes over what someone else wrote into the model's parameter."""
        if self._version_seen != self.working._version:
            self.assign(self.working.detach().float())

    def _begin_step(self) -> None:
        self._adopt()
        self._stepping = True
        self._step_gradient = None
        if self.working.grad is not None:
            self._step_gradient = self.working.grad.float()
            if self.is_split:
                self.data = self._joined()

    def _end_step(self) -> None:
        self._stepping = False
        self._step_gradient = None

    def _split(self) -> None:
        """Rounds to the nearest bfloat16; the low bits hold the signed rest."""
        bits = self.detach().view(torch.int32)
        high = torch.bitwise_right_shift(bits + 0x8000, 16)
        self._low_bits = (bits - torch.bitwise_left_shift(high, 16)).to(torch.int16)
        self.working.data.copy_(high.to(torch.int16).view(torch.bfloat16))
        self.data = self.new_empty(()).expand(self.shape)

    def _joined(self) -> torch.Tensor:
        assert self._low_bits is not None
        high = self.working.detach().view(torch.int16).to(torch.int32).bitwise_left_shift(16)
        return (high + self._low_bits).view(torch.float32)

    def __deepcopy__(self, memo: dict[int, Any]) -> MasterWeight:
        working = copy.deepcopy(self.working, memo)
        return MasterWeight(working, self.value().clone(), self.is_split)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return MasterWeight, (self.working, self.value(), self.is_split)


def master_of(parameter: torch.nn.Parameter) -> MasterWeight | None:
    reference = _masters.get(parameter)
    return None if reference is None else reference()


def class_of(optimizer: torch.optim.Optimizer) -> type[torch.optim.Optimizer]:
    """The optimizer's class, as the user made it."""
    return getattr(type(optimizer), "_made_as", type(optimizer))


def step_master_weights(optimizer: torch.optim.Optimizer) -> None:
    """Puts the master weights of the model's parameters into their places in the optimizer."""
    if not isinstance(optimizer, _WithMasterWeights):
        made_as: Any = type(optimizer)
        optimizer.__class__ = _with_master_weights(made_as)
        optimizer._register_hooks()  # type: ignore[attr-defined]
    for group in optimizer.param_groups:
        for index, parameter in enumerate(group["params"]):
            master = master_of(parameter)
            if master is not None:
                group["params"][index] = master
                if parameter in optimizer.state:
                    optimizer.state[master] = optimizer.state.pop(parameter)


class _WithMasterWeights:
    """Makes copies of an optimizer keep the hooks, and new groups use the master weights."""

    _made_as: type[torch.optim.Optimizer]

    _optimizer_step_pre_hooks: dict[int, Any]

    def _register_hooks(self) -> None:
        if _before_step in self._optimizer_step_pre_hooks.values():
            return
        self.register_step_pre_hook(_before_step)  # type: ignore[attr-defined]
        self.register_step_post_hook(_after_step)  # type: ignore[attr-defined]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        self._register_hooks()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _new_optimizer, (self._made_as,), self.__getstate__()  # type: ignore[attr-defined]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)  # type: ignore[misc]
        step_master_weights(self)  # type: ignore[arg-type]


@functools.cache
def _with_master_weights(made_as: Any) -> type[torch.optim.Optimizer]:
    """The class of optimizers made as `made_as` that step master weights."""
    attributes = {
        "_made_as": made_as,
        "__module__": made_as.__module__,
        "__doc__": made_as.__doc__,
    }
    return type(made_as.__name__, (_WithMasterWeights, made_as), attributes)


def _new_optimizer(made_as: Any) -> torch.optim.Optimizer:
    return object.__new__(_with_master_weights(made_as))


def _masters_in(optimizer: torch.optim.Optimizer) -> Iterator[MasterWeight]:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if isinstance(parameter, MasterWeight):
                yield parameter


def _before_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
    closure = args[1] if len(args) > 1 else kwargs.get("closure")
    if closure is None:
        _begin_step(optimizer)
        return None

    def closure_of_step() -> Any:
        _write_back(_masters_in(optimizer))
        for master in _masters_in(optimizer):
            master._end_step()
        loss = closure()
        _begin_step(optimizer)
        return loss

    return (args[0], closure_of_step), {}


@torch.no_grad()
def _begin_step(optimizer: torch.optim.Optimizer) -> None:
    split = [master for master in _masters_in(optimizer) if master.is_split]
    for bucket in _buckets(split):
        for master in bucket:
            master._begin_step()
        _step_only(optimizer, bucket)
        for master in bucket:
            if master._step_gradient is not None:
                master._split()
                master.accept()
                master._step_gradient = None  # the optimizer's own step leaves it out
    for master in _masters_in(optimizer):
        if not master.is_split:
            master._begin_step()


def _after_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    _write_back(_masters_in(optimizer))
    for master in _masters_in(optimizer):
        master._end_step()


@torch.no_grad()
def _write_back(masters: Iterable[MasterWeight]) -> None:
    stepped = [master for master in masters if master._step_gradient is not None]
    if stepped:
        torch._foreach_copy_([master.working for master in stepped], [*stepped])
        for master in stepped:
            master.accept()


def _buckets(masters: Iterable[MasterWeight]) -> Iterator[list[MasterWeight]]:
    bucket: list[MasterWeight] = []
    elements = 0
    for master in masters:
        if bucket and elements + master.numel() > _BUCKET_ELEMENTS:
            yield bucket
            bucket, elements = [], 0
        bucket.append(master)
        elements += master.numel()
    if bucket:
        yield bucket


def _step_only(optimizer: torch.optim.Optimizer, bucket: list[MasterWeight]) -> None:
    """The optimizer's step, without its hooks, of the weights in `bucket`."""
    chosen = {id(master) for master in bucket}
    kept = [group["params"] for group in optimizer.param_groups]
    step: Callable[..., Any] = class_of(optimizer).step
    while hasattr(step, "__wrapped__"):
        step = step.__wrapped__
    try:
        for group in optimizer.param_groups:
            group["params"] = [master for master in group["params"] if id(master) in chosen]
        step(optimizer)
    finally:
        for group, parameters in zip(optimizer.param_groups, kept, strict=True):
            group["params"] = parameters
