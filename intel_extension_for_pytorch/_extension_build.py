"""Builds C++ extensions with SYCL kernels: by setuptools, or while the program runs.

A file `*.sycl.cpp` (or `*.sycl.hpp`) holds kernels. The package's own compiler turns those that
`kernels` names into SPIR-V, which becomes part of the extension; others are compiled when they
are first used. All other files are C++ for the host and are compiled by g++ or clang++.

Where Intel's compiler `icpx` is installed, files in which host code and kernels are mixed
(single-source DPC++, with `parallel_for` or `single_task`) are built too: the whole extension is
then compiled and linked by it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import setuptools
from torch.utils import cpp_extension as stock

from . import _paths
from .compile import SUFFIXES, compile_kernels, module_name

LIBRARIES = ("intel_extension_for_pytorch", "sycl")
# The host compiler needs no warning that it is none for SYCL.
MACROS = (("SYCL_DISABLE_FSYCL_SYCLHPP_WARNING", None),)
# What distutils compiles and links C++ with, in its various versions.
COMMANDS = ("compiler_so", "compiler_so_cxx", "compiler_cxx", "linker_so", "linker_so_cxx")
SINGLE_SOURCE = re.compile(r"\b(parallel_for|single_task)\b")

Kernels = Sequence[str] | Mapping[str, Sequence[str]]


def include_paths() -> list[str]:
    """The folders of headers that an extension needs besides torch's."""
    return [str(folder) for folder in _paths.include_folders()]


def library_paths() -> list[str]:
    """The folders of libraries that an extension needs besides torch's."""
    return [str(folder) for folder in _paths.library_folders()]


def DPCPPExtension(
    name: str,
    sources: Sequence[str],
    *arguments: Any,
    kernels: Kernels = (),
    kernel_options: Sequence[str] = (),
    **keywords: Any,
) -> setuptools.Extension:
    """Describes an extension for setuptools; `DpcppBuildExtension` builds it.

    Args:
        name: The full name of the Python module.
        sources: Files for the host, and `*.sycl.cpp` files of kernels.
        kernels: What to compile ahead of time: patterns as `python -m
            intel_extension_for_pytorch.compile -k` takes them, or, where there are several files of
            kernels, a dictionary from file to patterns.
        kernel_options: More options for the compiler of kernels, such as `-I` and `-D`.
        *arguments, **keywords: As for `setuptools.Extension`.
    """
    extension = stock.CppExtension(name, list(sources), *arguments, **keywords)
    extension.include_dirs += include_paths()
    extension.library_dirs += library_paths()
    extension.libraries += LIBRARIES
    extension.define_macros += list(MACROS)
    extension.kernels = _by_file(sources, kernels)
    extension.kernel_options = list(kernel_options)
    return extension


class DpcppBuildExtension(stock.BuildExtension):
    """The `build_ext` command for extensions made by `DPCPPExtension`.

    `DpcppBuildExtension.with_options(use_ninja=False)` and the other options of
    `torch.utils.cpp_extension.BuildExtension` choose how the host's files are compiled.
    """

    def build_extensions(self) -> None:
        compiler = None
        for extension in self.extensions:
            if not hasattr(extension, "kernels"):
                continue
            folder = Path(self.build_temp, "kernels", extension.name)
            options = [*extension.kernel_options, *_header_options(extension.include_dirs)]
            extension.sources = [
                _host_file(source, extension.kernels, folder, options)
                for source in extension.sources
            ]
            if any(map(_is_single_source, extension.sources)):
                compiler = _single_source_compiler(extension.sources)
                _add_flag(extension, "-fsycl")
        with _compiled_by(self.compiler, compiler):
            super().build_extensions()


def load(
    name: str,
    sources: str | Sequence[str],
    extra_cflags: Sequence[str] | None = None,
    extra_ldflags: Sequence[str] | None = None,
    extra_include_paths: Sequence[str] | None = None,
    build_directory: str | None = None,
    verbose: bool = False,
    is_python_module: bool = True,
    is_standalone: bool = False,
    keep_intermediates: bool = True,
    kernels: Kernels = (),
) -> Any:
    """Builds an extension, by ninja, and loads it; what has not changed is not built again.

    The parameters are those of `torch.utils.cpp_extension.load`, and `kernels` as for
    `DPCPPExtension`. Returns the module, or the path of the library or program where stock does.
    """
    files = [sources] if isinstance(sources, str) else list(sources)
    folder = build_directory or stock._get_build_directory(name, verbose)
    headers = [*(extra_include_paths or ()), *include_paths()]
    wanted = _by_file(files, kernels)
    options = _header_options(headers)
    files = [_host_file(file, wanted, Path(folder), options) for file in files]
    compiler = _single_source_compiler(files) if any(map(_is_single_source, files)) else None
    single_source = ["-fsycl"] if compiler else []
    cflags, ldflags = _flags(
        [*single_source, *(extra_cflags or ())], [*single_source, *(extra_ldflags or ())]
    )
    with _compiled_by(None, compiler), _environment(PATH=_with_scripts()):
        return stock.load(
            name,
            files,
            extra_cflags=cflags,
            extra_ldflags=ldflags,
            extra_include_paths=headers,
            build_directory=folder,
            verbose=verbose,
            is_python_module=is_python_module,
            is_standalone=is_standalone,
            keep_intermediates=keep_intermediates,
        )


def load_inline(
    name: str,
    cpp_sources: str | Sequence[str],
    sycl_sources: str | Sequence[str] | None = None,
    functions: Sequence[str] | Mapping[str, str] | None = None,
    extra_cflags: Sequence[str] | None = None,
    extra_ldflags: Sequence[str] | None = None,
    extra_include_paths: Sequence[str] | None = None,
    build_directory: str | None = None,
    verbose: bool = False,
    is_python_module: bool = True,
    kernels: Sequence[str] = (),
    **keywords: Any,
) -> Any:
    """The same for sources that are strings.

    `sycl_sources` together are one file of kernels, whose module for `ipex::launch` is `name`; the
    other parameters are those of `torch.utils.cpp_extension.load_inline`.
    """
    texts = [cpp_sources] if isinstance(cpp_sources, str) else list(cpp_sources)
    folder = build_directory or stock._get_build_directory(name, verbose)
    headers = [*(extra_include_paths or ()), *include_paths()]
    if sycl_sources:
        parts = [sycl_sources] if isinstance(sycl_sources, str) else sycl_sources
        source = Path(folder, f"{name}.sycl.cpp")
        source.write_text("\n".join(parts))
        file = _host_file(
            str(source), {str(source): kernels}, Path(folder), _header_options(headers)
        )
        texts.append(Path(file).read_text())
    cflags, ldflags = _flags(extra_cflags or (), extra_ldflags or ())
    with _environment(PATH=_with_scripts()):
        return stock.load_inline(
            name,
            texts,
            functions=functions,
            extra_cflags=cflags,
            extra_ldflags=ldflags,
            extra_include_paths=headers,
            build_directory=folder,
            verbose=verbose,
            is_python_module=is_python_module,
            **keywords,
        )


def _holds_kernels(source: str) -> bool:
    return source.endswith(SUFFIXES)


def _by_file(sources: Sequence[str], kernels: Kernels) -> dict[str, Sequence[str]]:
    """The kernels to compile of each file of kernels."""
    files = [source for source in sources if _holds_kernels(source)]
    if isinstance(kernels, Mapping):
        unknown = set(kernels) - set(files)
        if unknown:
            raise ValueError(
                f"kernels names {', '.join(sorted(unknown))}, but the sources with kernels are "
                f"{', '.join(files) or 'none'}"
            )
        return {file: kernels.get(file, ()) for file in files}
    if kernels and len(files) != 1:
        raise ValueError(
            f"kernels must be a dictionary from file to patterns, as there are {len(files)} files "
            f"of kernels ({', '.join(files) or 'their names end in .sycl.cpp'})"
        )
    return dict.fromkeys(files, kernels)


def _host_file(
    source: str, kernels: Mapping[str, Sequence[str]], folder: Path, options: Sequence[str]
) -> str:
    """The C++ for the host that stands for `source`: itself, or what its kernels became."""
    if not _holds_kernels(source):
        return source
    module = module_name(Path(source))
    # Another name than the file's: an object file for each must fit in one folder.
    output = folder / f"{module}_kernels.cpp"
    made = folder / f"{module}_kernels.new"
    compile_kernels(source, kernels[source], made, "cpp", options, module)
    if output.exists() and output.read_text() == made.read_text():
        made.unlink()  # so that it is not compiled again
    else:
        made.replace(output)
    return str(output)


def _header_options(folders: Sequence[str]) -> list[str]:
    """Of the folders, those that kernels may include from: not torch's nor SYCL's."""
    others = {*stock.include_paths(), *include_paths()}
    return [f"-I{Path(folder).absolute()}" for folder in folders if folder not in others]


def _flags(compiling: Sequence[str], linking: Sequence[str]) -> tuple[list[str], list[str]]:
    """The caller's flags of the compiler and of the linker after what every extension needs."""
    macros = [f"-D{name}" for name, _ in MACROS]
    libraries = [f"-L{folder}" for folder in library_paths()] + [f"-l{name}" for name in LIBRARIES]
    return [*macros, *compiling], [*libraries, *linking]


def _is_single_source(source: str) -> bool:
    path = Path(source)
    return path.suffix in (".cpp", ".cc", ".cxx") and bool(SINGLE_SOURCE.search(path.read_text()))


def _single_source_compiler(sources: Sequence[str]) -> str:
    compiler = shutil.which("icpx")
    if compiler is None:
        files = ", ".join(filter(_is_single_source, sources))
        raise RuntimeError(
            f"{files}: host code and SYCL kernels in one file (parallel_for, single_task) need "
            "Intel's compiler icpx, which is not on PATH. Install the oneAPI DPC++ compiler and "
            "source its setvars.sh, or move the kernels to a .sycl.cpp file, which needs neither"
        )
    return compiler


def _add_flag(extension: setuptools.Extension, flag: str) -> None:
    flags = extension.extra_compile_args
    (flags["cxx"] if isinstance(flags, dict) else flags).append(flag)
    extension.extra_link_args.append(flag)


@contextmanager
def _compiled_by(unix_compiler: Any, compiler: str | None) -> Iterator[None]:
    """Files are compiled and libraries linked by `compiler`, unless it is None."""
    if compiler is None:
        yield
        return
    if unix_compiler is not None:
        for part in COMMANDS:
            command = getattr(unix_compiler, part, None)
            if command:
                setattr(unix_compiler, part, [compiler, *command[1:]])
    with _environment(CXX=compiler):
        yield


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _with_scripts() -> str:
    """PATH with the folder where pip puts ninja, also where an environment is not activated."""
    return os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
