"""Writes what the tables csrc/aten/**/*.yaml leave to be written: the dispatcher's
registrations (by torchgen, from the wheel's own native_functions.yaml), the `impl` of every
elementwise row, and the list of kernels the rows need ahead of time.

A table may have these sections, each naming operators by their ATen overload name:

  native       operators whose XPU kernel is written by hand: at::native::<name>_xpu, or
               TORCH_IMPL_FUNC(<name>_xpu) for a structured one (dots become underscores)
  library      the same, where a library does the work; docs/operators.md says so
  shared       operators whose stock kernel works on any device
  on_cpu       operators of sparse, quantized and nested tensors whose stock kernels need code for
               the device, see `layout_kernels`
  layouts      operators of such tensors that are registered by hand, by key
  elementwise  rows `operator: {functor, dtypes, ...}`, see `ElementwiseRow`
  functors     rows without an operator, used by impls written by hand as ipex::aten::rows::<name>
  foreach      operators over lists of tensors, see generate_foreach.ForeachRow
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import pathlib
import shutil
import sys
import tempfile

import generate_foreach
import package_modules
import torchgen
import torchgen.dest.native_functions
import torchgen.gen
import torchgen.local
import torchgen.model
import yaml
from torchgen.api.types import NativeSignature, StructuredImplSignature
from torchgen.model import (
    Argument,
    BaseTy,
    BaseType,
    DispatchKey,
    NativeFunction,
    NativeFunctionsGroup,
    OptionalType,
    SchemaKind,
)
from torchgen.utils import FileManager

instantiations = package_modules.package_module("_instantiations")

REGISTRATION_SHARDS = 4

DTYPES = {
    "float": "float double half bfloat16",
    "complex": "complex<float> complex<double>",
    "integer": "uint8_t int8_t int16_t int32_t int64_t uint16_t uint32_t uint64_t",
    "bool": "bool",
}
# Rare: kernels for these are made when they are first used.
UNLISTED = {"uint16_t", "uint32_t", "uint64_t"}
SCALAR_TYPES = {
    "float": "Float",
    "double": "Double",
    "half": "Half",
    "bfloat16": "BFloat16",
    "complex<float>": "ComplexFloat",
    "complex<double>": "ComplexDouble",
    "uint8_t": "Byte",
    "int8_t": "Char",
    "int16_t": "Short",
    "int32_t": "Int",
    "int64_t": "Long",
    "uint16_t": "UInt16",
    "uint32_t": "UInt32",
    "uint64_t": "UInt64",
    "bool": "Bool",
}
REAL = {"complex<float>": "float", "complex<double>": "double"}


@dataclasses.dataclass(frozen=True)
class ElementwiseRow:
    """One elementwise operator.

    name: the operator's overload name, or the row's own
    functor: name in ipex::kernels::op
    dtypes: groups (of DTYPES) or names of the dtypes it computes in
    output: `same` as the computation, `bool`, `int32`, `real` or `complex`
    first: dtype of the first input where it is not the computation's (`bool` for where)
    iterator: TensorIterator's builder, for an operator that is not structured
    inputs: number of tensor inputs; by default as many as the schema has
    scalars: False where the operator's scalars are not members of the functor
    module: the header of csrc/kernels that includes the functor
    pairs: whether two elements of bfloat16 are computed at a time, and the result is bfloat16
    signless: whether the same bits come out of signed and of unsigned integers: uint16 to uint64
        then have the kernels of int16 to int64
    fault: what may be wrong with the inputs' values (a Problem of csrc/runtime/fault.h): a Fault is
        the functor's only member
    """

    name: str
    functor: str
    dtypes: tuple[str, ...]
    output: str = "same"
    first: str = "same"
    iterator: str = ""
    inputs: int = 0
    scalars: bool = True
    module: str = "elementwise"
    pairs: bool = False
    signless: bool = False
    fault: str = ""

    @property
    def fixed(self) -> bool:
        """Whether an element for a whole row has kernels of its own: where functors are fast."""
        return self.module == "elementwise"

    @property
    def identifier(self) -> str:
        return self.name.replace(".", "_")

    def output_type(self, dtype: str) -> str:
        types = {"same": dtype, "real": REAL.get(dtype, dtype), "complex": f"complex<{dtype}>"}
        return types.get(self.output, "int32_t" if self.output == "int32" else self.output)

    def instantiations(self) -> list[str]:
        """The kernels of the row, as elementwise.cpp asks for them, with their module."""
        names = []
        for dtype in self.dtypes:
            if dtype in UNLISTED:
                continue
            inputs = [dtype] * self.inputs
            if inputs and self.first != "same":
                inputs[0] = self.first
            kernels = instantiations.elementwise(
                f"op::{self.functor}",
                dtype,
                self.output_type(dtype),
                inputs,
                fixed=self.fixed,
                pairs=self.pairs and dtype == "bfloat16",
            )
            names += [f"{self.module}\t{kernel}" for kernel in kernels]
        return names

    def definition(self) -> str:
        dtypes = ", ".join(f"at::k{SCALAR_TYPES[dtype]}" for dtype in self.dtypes)
        output = "boolean" if self.output == "bool" else self.output
        first, fixed, pairs, signless = (
            str(flag).lower()
            for flag in (self.first == "bool", self.fixed, self.pairs, self.signless)
        )
        fault = f", Problem::{self.fault}" if self.fault else ""
        return (
            f'ElementwiseRow {self.identifier}{{"{self.name}", "{self.functor}", {{{dtypes}}}, '
            f'Output::{output}, {first}, "{self.module}", {fixed}, {pairs}, {signless}{fault}}};'
        )


def kernel_name(operator: str) -> str:
    return operator.replace(".", "_") + "_xpu"


def expand_dtypes(text: str) -> tuple[str, ...]:
    names = itertools.chain.from_iterable(DTYPES.get(word, word).split() for word in text.split())
    return tuple(names)


class Tables:
    def __init__(self, directory: pathlib.Path) -> None:
        self.native: set[str] = set()
        self.shared: set[str] = set()
        self.on_cpu: set[str] = set()
        self.by_hand: set[tuple[str, str]] = set()
        self.rows: dict[str, ElementwiseRow] = {}
        self.functors: dict[str, ElementwiseRow] = {}
        self.foreach: dict[str, generate_foreach.ForeachRow] = {}
        self.foreach_overloads: set[str] = set()
        known = {"native", "library", "shared", "elementwise", "functors", "foreach"}
        known |= {"on_cpu", "layouts"}
        for path in sorted(directory.rglob("*.yaml")):
            table = yaml.safe_load(path.read_text()) or {}
            for section in table.keys() - known:
                sys.exit(f"{path}: unknown section {section}")
            for section in ("native", "library"):
                self.native.update(table.get(section) or [])
            self.shared.update(table.get("shared") or [])
            self.on_cpu.update(table.get("on_cpu") or [])
            for key, names in (table.get("layouts") or {}).items():
                self.by_hand.update((key, name) for name in names)
            for section, rows in (("elementwise", self.rows), ("functors", self.functors)):
                for name, row in (table.get(section) or {}).items():
                    row.setdefault("functor", name)
                    rows[name] = ElementwiseRow(
                        name, **{**row, "dtypes": expand_dtypes(row["dtypes"])}
                    )
            for name, row in (table.get("foreach") or {}).items():
                row["dtypes"] = expand_dtypes(row["dtypes"])
                self.foreach[name] = generate_foreach.ForeachRow(name, **row)

    def operators(self) -> set[str]:
        return self.native | self.shared | self.rows.keys() | self.foreach_overloads

    def find_foreach_overloads(self, entries: list[dict]) -> None:
        for entry in entries:
            name = entry["func"].split("(")[0]
            in_row = name.split(".")[0].rstrip("_") in self.foreach
            if in_row and "CompositeExplicitAutograd" in entry.get("dispatch", {}):
                self.foreach_overloads.add(name)


# Their tensors are on two devices.
ACROSS_DEVICES = {"_copy_from", "_copy_from_and_resize"}

LAYOUTS = ("Sparse", "SparseCsr", "Quantized", "NestedTensor")


def layout_kernels(name: str, kernels: dict[str, str], tables: Tables) -> dict[str, str | None]:
    """The kernels of the XPU's keys of sparse, quantized and nested tensors, by key: the stock ones
    that the CPU's and CUDA's share, which work on any device by operators of dense tensors; None
    where the operator runs on the CPU."""
    found = {}
    for keys, kernel in kernels.items():
        group = set(keys.split(", "))
        for layout in LAYOUTS:
            key = f"{layout}XPU"
            if f"{layout}CPU" in group and (key, name) not in tables.by_hand:
                shared = f"{layout}CUDA" in group and name not in tables.on_cpu
                found[key] = kernel if shared else None
    return found


def write_layout_fallbacks(entries: list[dict], tables: Tables, output: pathlib.Path) -> None:
    """C++: registers the fallback explicitly, as composite kernels would come before it."""
    text = ["#include <torch/library.h>", '#include "aten/fallback.h"']
    for layout in LAYOUTS:
        key = f"{layout}XPU"
        text.append(f"TORCH_LIBRARY_IMPL(aten, {key}, library) {{")
        for entry in entries:
            name = entry["func"].split("(")[0]
            kernels = layout_kernels(name, stock_kernels(entry), tables)
            if kernels.get(key, "") is None:
                text.append(f'  library.impl("{name}", ipex::aten::boxed_layout_fallback());')
        text.append("}")
    write_if_changed(output / "layout_fallbacks.cpp", "\n".join([*text, ""]))


def stock_kernels(entry: dict) -> dict[str, str]:
    """The dispatch table without the XPU's kernels, which the wheel does not have."""
    return {
        ", ".join(key for key in keys.replace(" ", "").split(",") if key != "XPU"): kernel
        for keys, kernel in (entry.get("dispatch") or {}).items()
        if keys.strip() != "XPU"
    }


def select_xpu(entries: list[dict], tables: Tables) -> None:
    """Rewrites the dispatch tables of native_functions.yaml: XPU exactly where we have a kernel."""
    unknown = tables.operators() | tables.on_cpu | {name for _, name in tables.by_hand}
    for entry in entries:
        name = entry["func"].split("(")[0]
        kernels = stock_kernels(entry)
        kernels |= {key: k for key, k in layout_kernels(name, kernels, tables).items() if k}
        unknown.discard(name)
        if name in tables.operators():
            if name in tables.shared:
                stock = {
                    key: kernel for keys, kernel in kernels.items() for key in keys.split(", ")
                }
                if "CPU" not in stock:
                    sys.exit(f"{name} has no stock kernel to share")
                kernels["XPU"] = stock["CPU"]
            else:
                kernels["XPU"] = kernel_name(name)
        if name in ACROSS_DEVICES:
            entry["device_check"] = "NoCheck"
        if kernels:
            entry["dispatch"] = kernels
        else:
            entry.pop("dispatch", None)
    if unknown:
        sys.exit(f"not in native_functions.yaml: {', '.join(sorted(unknown))}")


def run_torchgen(source: pathlib.Path, output: pathlib.Path) -> None:
    write_sharded = FileManager.write_sharded_with_template

    def write_in_shards(self, filename, *args, num_shards, **options):  # type: ignore[no-untyped-def]
        # torchgen shards the CPU's registrations only; ours take as long to compile.
        if str(filename).startswith("RegisterXPU"):
            num_shards = REGISTRATION_SHARDS
        return write_sharded(self, filename, *args, num_shards=num_shards, **options)

    declare_structured = torchgen.dest.native_functions.gen_structured

    def declare_shared_once(group, backend):  # type: ignore[no-untyped-def]
        # XPU's kernels are exported by another macro: a shared one would be declared twice.
        declarations = declare_structured(group, backend)
        if backend.get_kernel(group).kernel.endswith(kernel_name("")):
            return declarations
        return [text.replace("TORCH_XPU_API", "TORCH_API") for text in declarations]

    torchgen.dest.native_functions.gen_structured = declare_shared_once
    FileManager.write_sharded_with_template = write_in_shards  # type: ignore[method-assign]
    options = ["--xpu", "--per-operator-headers", "--backend-whitelist", "XPU"]
    options += [f"{layout}XPU" for layout in LAYOUTS]
    options += ["--generate", "headers", "sources"]
    sys.argv = ["torchgen", "--source-path", str(source), "--install-dir", str(output / "ATen")]
    sys.argv += ["--aoti-install-dir", str(output / "aoti"), *options]
    sys.argv += ["--headeronly-install-dir", str(output / "headeronly")]
    torchgen.gen.main()


def scalar_arguments(function: NativeFunction) -> list[Argument]:
    """The arguments that become the functor's members, in the schema's order."""
    scalars = (BaseTy.Scalar, BaseTy.float, BaseTy.int, BaseTy.bool)

    def is_scalar(argument: Argument) -> bool:
        kind = argument.type.elem if isinstance(argument.type, OptionalType) else argument.type
        return isinstance(kind, BaseType) and kind.name in scalars

    return [argument for argument in function.func.arguments.flat_non_out if is_scalar(argument)]


def tensor_arguments(function: NativeFunction) -> list[str]:
    return [a.name for a in function.func.arguments.flat_non_out if a.type.is_tensor_like()]


def row_impl(
    row: ElementwiseRow, function: NativeFunction, group: NativeFunctionsGroup | None
) -> str:
    """C++: the impl that hands the operator to elementwise()."""
    name = kernel_name(row.name)
    scalars = [argument.name for argument in scalar_arguments(function)] if row.scalars else []
    values = f"{{{', '.join(scalars)}}}"

    def call(iterator: str) -> str:
        return f"elementwise({iterator}, rows::{row.identifier}, {values});"

    if group is not None and function.structured:
        if not function.structured_inherits:
            sys.exit(f"{row.name}: not a TensorIterator operator")
        signature = StructuredImplSignature(group, name).defn()
        body = [call("*this")]
    else:
        signature = NativeSignature(function.func, symint=False).defn(name)
        kind = function.func.kind()
        tensors = tensor_arguments(function)
        if kind == SchemaKind.functional:
            body = ["at::Tensor result;"]
            output, returned = "result", "iterator.output()"
        else:
            out = function.func.arguments.out
            output = returned = out[0].name if kind == SchemaKind.out else "self"
            body = []
        operands = ", ".join([output, *tensors])
        body += [f"auto iterator = at::TensorIterator::{row.iterator}({operands});"]
        body += [call("iterator"), f"return {returned};"]
    return "\n".join([f"{signature} {{", *(f"  {line}" for line in body), "}"])


def write_rows(tables: Tables, source: pathlib.Path, output: pathlib.Path) -> None:
    parsed = torchgen.gen.parse_native_yaml(
        str(source / "native/native_functions.yaml"), str(source / "native/tags.yaml")
    )
    grouped = torchgen.gen.get_grouped_native_functions(parsed.native_functions)
    groups = {str(g.out.func.name): g for g in grouped if isinstance(g, NativeFunctionsGroup)}
    functions = {str(f.func.name): f for f in parsed.native_functions}
    impls, headers, rows = [], set(), list(tables.functors.values())
    for row in tables.rows.values():
        function = functions[row.name]
        rows.append(dataclasses.replace(row, inputs=row.inputs or len(tensor_arguments(function))))
        headers.add(f"#include <ATen/ops/{function.root_name}_native.h>")
        with torchgen.local.parametrize(
            use_const_ref_for_mutable_tensors=function.use_const_ref_for_mutable_tensors,
            use_ilistref_for_tensor_lists=function.part_of_structured_group,
        ):
            impls.append(row_impl(row, function, groups.get(row.name)))
    declarations = [f"extern ElementwiseRow {row.identifier};" for row in rows]
    namespace = "namespace ipex::aten::rows {"
    header = [
        "#pragma once",
        '#include "aten/pointwise/elementwise.h"',
        namespace,
        *declarations,
        "}",
    ]
    write_if_changed(output / "aten/elementwise_rows.h", "\n".join([*header, ""]))
    text = ["#define TORCH_ASSERT_ONLY_METHOD_OPERATORS", '#include "aten/elementwise_rows.h"']
    text += [*sorted(headers), namespace, *(row.definition() for row in rows), "}"]
    text += ["namespace at::native {", "using namespace ipex::aten;", *impls, "}", ""]
    write_if_changed(output / "elementwise_rows.cpp", "\n".join(text))
    source_of_lists, list_kernels = generate_foreach.generate(
        tables.foreach.values(),
        [functions[name] for name in sorted(tables.foreach_overloads)],
        parsed.backend_indices[DispatchKey.CompositeExplicitAutograd],
        SCALAR_TYPES,
        instantiations.OPMATH,
    )
    write_if_changed(output / "foreach_rows.cpp", source_of_lists)
    kernels = [name for row in rows for name in row.instantiations()]
    kernels += list_kernels
    write_if_changed(output / "elementwise.kernels", "\n".join(dict.fromkeys(kernels)) + "\n")


def write_if_changed(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    packaged = pathlib.Path(torchgen.__file__).parent / "packaged/ATen"
    tables = Tables(arguments.tables)
    torchgen.model.dispatch_keys.append(DispatchKey.QuantizedXPU)  # known, but not listed
    entries = yaml.load((packaged / "native/native_functions.yaml").read_text(), yaml.CSafeLoader)
    tables.find_foreach_overloads(entries)
    write_layout_fallbacks(entries, tables, arguments.output)
    select_xpu(entries, tables)
    roots = {operator.split(".")[0] for operator in tables.operators()}

    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch) / "source"
        shutil.copytree(packaged, source)
        (source / "native/native_functions.yaml").write_text(
            yaml.dump(entries, Dumper=yaml.CSafeDumper, sort_keys=False, width=10**6)
        )
        write_rows(tables, source, arguments.output)
        generated = pathlib.Path(scratch) / "generated"
        for directory in ("ATen/core", "ATen/ops", "aoti", "headeronly"):
            (generated / directory).mkdir(parents=True)
        run_torchgen(source, generated)
        wanted = [*(generated / "ATen").glob("Register*XPU*.cpp")]
        wanted += [*(generated / "ATen/ops").glob("*_xpu_dispatch.h")]
        wanted += [generated / f"ATen/ops/{base_name(root)}_native.h" for root in sorted(roots)]
        for path in wanted:
            if path.exists():
                relative = path.relative_to(generated)
                write_if_changed(arguments.output / relative, path.read_text())


def base_name(root: str) -> str:
    """Name of the operator's header: in-place and functional overloads share one."""
    if root.endswith("__") or not root.endswith("_"):
        return root
    return root[:-1]


if __name__ == "__main__":
    main()
