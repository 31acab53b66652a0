"""Operators over lists of tensors: rows of section `foreach` of csrc/aten/**/*.yaml.

A row stands for every overload of an operator, in place or not, that stock PyTorch can also do
tensor by tensor: that is where its impl turns when one kernel for the lists cannot do it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

import torchgen.local
from torchgen.api.types import NativeSignature
from torchgen.model import (
    Argument,
    BackendIndex,
    BaseTy,
    BaseType,
    ListType,
    NativeFunction,
    SchemaKind,
)

# Kernels for these are made ahead of time; the rest on first use.
COMMON_DTYPES = ("float", "double", "half", "bfloat16")


@dataclasses.dataclass(frozen=True)
class ForeachRow:
    """One operator over lists.

    name: its name without overload or trailing underscore
    functor: name in ipex::kernels::op
    dtypes: names of the dtypes one kernel computes in
    inputs: operands of the functor's call: tensors first, then scalars of the schema
    member: value of the functor's member where the schema has no argument left for it
    """

    name: str
    functor: str
    dtypes: tuple[str, ...]
    inputs: int = 1
    member: float | None = None

    def definition(self, scalar_types: dict[str, str]) -> str:
        dtypes = ", ".join(f"at::k{scalar_types[dtype]}" for dtype in self.dtypes)
        member = "std::nullopt" if self.member is None else str(self.member)
        fields = f'"{self.functor}", {{{dtypes}}}, {self.inputs}, {member}'
        return f"const ForeachRow {self.name}{{{fields}}};"


def is_tensor(argument: Argument) -> bool:
    return isinstance(argument.type, BaseType) and argument.type.name == BaseTy.Tensor


def operand(argument: Argument) -> str:
    """C++: the argument as a ForeachOperand; a tensor of scalars is unpacked on the CPU."""
    if is_tensor(argument) and argument.name == "scalars":
        return "convert_tensor_to_scalar_list(scalars, static_cast<int64_t>(self.size()))"
    return argument.name


def slot_type(argument: Argument, dtype: str) -> str:
    """Device code's name for a functor's input, as csrc/aten/foreach/foreach.cpp asks for it."""
    if isinstance(argument.type, ListType) and argument.type.elem == BaseType(BaseTy.Tensor):
        return f"PerElement<{dtype}>"
    return (
        f"OneScalar<{dtype}>" if is_tensor(argument) and argument.name != "scalars" else "PerTensor"
    )


def impl(row: ForeachRow, function: NativeFunction, slow: BackendIndex) -> str:
    name = str(function.func.name).replace(".", "_") + "_xpu"
    arguments = function.func.arguments.flat_all
    composite = slow.get_kernel(function)
    assert composite is not None
    with torchgen.local.parametrize(
        use_const_ref_for_mutable_tensors=function.use_const_ref_for_mutable_tensors,
        use_ilistref_for_tensor_lists=False,
    ):
        signature = NativeSignature(function.func, symint=False).defn(name)
    in_place = "_" if function.func.kind() == SchemaKind.inplace else ""
    call = f"{composite.kernel}({', '.join(argument.name for argument in arguments)})"
    lines = [f"{signature} {{"]
    unpacked = [a for a in arguments if operand(a) != a.name]
    names = {a.name: a.name for a in arguments}
    for argument in unpacked:
        names[argument.name] = f"{argument.name}_list"
        # An empty list is the composite kernel's to refuse.
        lines.append(f"  if (self.empty()) return {call};")
        lines.append(f"  const auto {names[argument.name]} = {operand(argument)};")
    operands = ", ".join(f"ForeachOperand({names[argument.name]})" for argument in arguments)
    lines += [
        f"  const ForeachOperand operands[] = {{{operands}}};",
        f"  if (!foreach_applies(rows::{row.name}, operands)) return {call};",
        f"  return foreach_map{in_place}(rows::{row.name}, operands);",
        "}",
    ]
    return "\n".join(lines)


def kernels(row: ForeachRow, function: NativeFunction, opmath: dict[str, str]) -> Iterator[str]:
    arguments = list(function.func.arguments.flat_all)
    for dtype in row.dtypes:
        if dtype in COMMON_DTYPES:
            inputs = [slot_type(argument, dtype) for argument in arguments[: row.inputs]]
            types = ",".join([opmath.get(dtype, dtype), dtype, *inputs])
            yield f"foreach\tforeach_map<op::{row.functor},{types}>"


def generate(
    rows: Iterable[ForeachRow],
    functions: Iterable[NativeFunction],
    slow: BackendIndex,
    scalar_types: dict[str, str],
    opmath: dict[str, str],
) -> tuple[str, list[str]]:
    """The C++ source of all impls, and the kernels to make ahead of time. `slow` has the kernels
    that go tensor by tensor."""
    by_name = {row.name: row for row in rows}
    pairs = [(by_name[function.func.name.name.base], function) for function in functions]
    headers = [f"#include <ATen/ops/{name}_native.h>" for name in sorted(by_name)]
    text = ['#include "aten/foreach/foreach.h"', "#include <ATen/native/ForeachUtils.h>", *headers]
    text += ["namespace ipex::aten::rows {", "namespace {"]
    text += [*(row.definition(scalar_types) for row in by_name.values()), "}", "}"]
    text += ["namespace at::native {", "using namespace ipex::aten;"]
    text += [impl(row, function, slow) for row, function in pairs]
    names = itertools.chain.from_iterable(kernels(*pair, opmath) for pair in pairs)
    return "\n".join([*text, "}", ""]), list(dict.fromkeys(names))
