"""Compiles SYCL kernels ahead of time: `python -m intel_extension_for_pytorch.compile`.

The library's own build and the build of extensions use the same compiler, which comes with the
package. It needs neither a GPU nor torch.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import _libraries, _paths
from ._instantiations import elementwise, expand, reduction

FOLDER = Path(__file__).parent
COMPILER = FOLDER / "lib" / "kernel_compiler"
SUFFIXES = (".sycl.cpp", ".sycl.hpp")
DTYPES = "float,half,bfloat16"
EMITTED = {"spv": "spirv", "archive": "archive", "cpp": "registration"}


class CompileError(RuntimeError):
    """What the compiler had to say."""


def module_name(source: Path) -> str:
    """The name under which C++ launches the kernels of a source file: its own, without endings."""
    return next(
        (source.name.removesuffix(suffix) for suffix in SUFFIXES if source.name.endswith(suffix)),
        source.stem,
    )


def names_of_kernels(patterns: Sequence[str]) -> list[str]:
    """The instantiations that patterns stand for, each once.

    A pattern is C++ text in which braces hold alternatives, `softmax<{float,half}>`; or
    `elementwise:FUNCTOR/INPUTS[:DTYPE,...][->DTYPE]`, all kernels of a functor, whose result has
    the dtype after the arrow if there is one; or `reduction:OPERATION[:DTYPE,...]`.
    """
    names: list[str] = []
    for pattern in patterns:
        kind, _, rest = pattern.partition(":")
        if kind not in ("elementwise", "reduction") or rest.startswith(":"):
            names += expand(pattern)
            continue
        rest, _, output = rest.partition("->")
        name, _, dtypes = rest.partition(":")
        for dtype in (dtypes or DTYPES).split(","):
            if kind == "reduction":
                names += reduction(name, dtype)
                continue
            functor, _, inputs = name.partition("/")
            if not inputs.isdigit():
                raise CompileError(f"{pattern}: expected elementwise:FUNCTOR/NUMBER_OF_INPUTS")
            names += elementwise(functor, dtype, output or dtype, [dtype] * int(inputs))
    return list(dict.fromkeys(names))


def compile_kernels(
    source: str | os.PathLike[str],
    kernels: Sequence[str],
    output: str | os.PathLike[str],
    emit: str = "cpp",
    options: Sequence[str] = (),
    module: str | None = None,
    depfile: str | os.PathLike[str] | None = None,
) -> str:
    """Compiles kernels of one file.

    Args:
        source: The file.
        kernels: Patterns, see `names_of_kernels`.
        output: The file to write.
        emit: `spv`, one kernel as SPIR-V; `archive`, the SPIR-V of all; `cpp`, C++ that brings them
            into a library; `asm`, the device's machine code as text; `log`, the messages.
        options: Of the compiler, such as `-I` and `-D`.
        module: The name under which C++ launches the kernels; by default `module_name(source)`.
        depfile: Where to write, for make, which headers the output depends on.

    Returns:
        What the compiler printed.

    Raises:
        CompileError: With the compiler's messages, which name the lines at fault.
    """
    source, output = Path(source).absolute(), Path(output).absolute()
    command = [str(COMPILER), "--source", str(source), "--module", module or module_name(source)]
    command += ["--option", "-std=c++20"]
    if depfile is not None:
        command += ["--depfile", str(Path(depfile).absolute())]
    for option in options:
        command += ["--option", option]
    for name in names_of_kernels(kernels):
        command += ["--kernel", name]
    output.parent.mkdir(parents=True, exist_ok=True)
    if emit in EMITTED:
        return _run([*command, "--emit", EMITTED[emit], "--output", str(output)])
    with tempfile.TemporaryDirectory() as folder:
        dump = {"CL_CONFIG_DUMP_DISASSEMBLY": "True"} if emit == "asm" else {}
        log = _run([*command, "--emit", "nothing"], folder, dump)
        listings = sorted(Path(folder).glob("*.asm"))
        if emit == "asm" and not listings:
            raise CompileError("the driver of this device does not show its machine code")
        text = "\n".join(path.read_text() for path in listings) if emit == "asm" else log
    output.write_text(text)
    return log


def _run(
    command: list[str], folder: str | None = None, variables: dict[str, str] | None = None
) -> str:
    if not COMPILER.exists():
        raise CompileError(f"{COMPILER} is missing; install intel_extension_for_pytorch again")
    directories = {
        str(directory)
        for library in _libraries.PRELOADED
        for directory in _libraries.library_directories(library.wheel)
    }
    path = [*sorted(directories), os.environ.get("LD_LIBRARY_PATH", "")]
    environment = {**os.environ, **_libraries.missing_variables()}
    if _libraries.CPU_DRIVER.find() is not None:
        environment.setdefault("ONEAPI_DEVICE_SELECTOR", "opencl:cpu")
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, path))
    environment.update(variables or {})
    process = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        raise CompileError(process.stdout.strip())
    return process.stdout


class PrintPaths(argparse.Action):
    """Prints folders, separated by semicolons, and ends the program."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        torch = importlib.util.find_spec("torch")
        folders = {
            "include": _paths.include_folders,
            "library": _paths.library_folders,
            "cmake": lambda: [_paths.cmake_folder()],
            "torch": lambda: [Path(torch.origin or "").parent] if torch else [],
        }
        print(";".join(map(str, folders[values]())))
        parser.exit()


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m intel_extension_for_pytorch.compile", description=__doc__
    )
    result.add_argument("source", type=Path, help="a .sycl.cpp or .sycl.hpp file")
    result.add_argument(
        "-k",
        "--kernel",
        action="append",
        default=[],
        help="an instantiation, 'name<float>'; braces hold alternatives, 'name<{float,half}>'; "
        "elementwise:FUNCTOR/INPUTS and reduction:OPERATION, with :DTYPE,... after them, name "
        f"all kernels of an operator (dtypes {DTYPES} unless given)",
    )
    result.add_argument("-o", "--output", type=Path, required=True)
    result.add_argument(
        "--emit",
        choices=[*EMITTED, "asm", "log"],
        help="spv: SPIR-V of one kernel; archive: of several; cpp: C++ that brings them into a "
        "library; asm: the device's machine code; log: what the compiler says. By default what "
        "the ending of the output names",
    )
    result.add_argument("--depfile", type=Path, help="file for make: what the output depends on")
    result.add_argument(
        "--paths",
        choices=["include", "library", "cmake", "torch"],
        action=PrintPaths,
        help="print folders that builds of extensions need, and exit",
    )
    result.add_argument("--module", help="the name of the kernels for C++; by default the file's")
    result.add_argument("-I", dest="folders", action="append", default=[], metavar="FOLDER")
    result.add_argument("-D", dest="macros", action="append", default=[], metavar="NAME[=VALUE]")
    result.add_argument(
        "--option", action="append", default=[], help="any other option of the compiler"
    )
    return result


def main() -> int:
    arguments = parser().parse_args()
    emit = arguments.emit or arguments.output.suffix.removeprefix(".")
    if emit not in (*EMITTED, "asm", "log"):
        parser().error(f"--emit is needed: the ending of {arguments.output} says nothing")
    options = [f"-I{Path(folder).absolute()}" for folder in arguments.folders]
    options += [f"-D{macro}" for macro in arguments.macros]
    try:
        log = compile_kernels(
            arguments.source,
            arguments.kernel,
            arguments.output,
            emit,
            [*options, *arguments.option],
            arguments.module,
            arguments.depfile,
        )
    except (CompileError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(log, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
