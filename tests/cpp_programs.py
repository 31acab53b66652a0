"""Builds and runs a C++ program of tests/cpp, against PyTorch and, where asked, our library."""

import os
import subprocess
import sys
from pathlib import Path

from torch.utils.cpp_extension import include_paths, library_paths

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "intel_extension_for_pytorch" / "lib" / "libintel_extension_for_pytorch.so"


def build(name: str, folder: Path, *flags: str) -> Path:
    """The program of tests/cpp/`name`.cpp; later flags come after the source, as libraries must."""
    program = folder / name
    torch_libraries = [
        f"{option}{path}" for path in library_paths() for option in ("-L", "-Wl,-rpath,")
    ]
    command = [
        os.environ.get("CXX", "g++"),
        "-std=c++20",
        "-g0",
        "-w",
        f"-I{ROOT / 'csrc'}",
        f"-I{ROOT / 'csrc' / 'include'}",
        *[f"-I{path}" for path in include_paths()],
        str(Path(__file__).parent / "cpp" / f"{name}.cpp"),
        *flags,
        *torch_libraries,
        "-lc10",
        "-o",
        str(program),
    ]
    subprocess.run(command, check=True)
    return program


def runtime_flags() -> list[str]:
    """What a program needs that uses the device through PyTorch's own headers."""
    located = subprocess.run(
        [sys.executable, ROOT / "tools" / "locate_dependencies.py"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    _, sycl_include, sycl_libraries, *_ = located.split(";")
    return [
        "-DSYCL_DISABLE_FSYCL_SYCLHPP_WARNING",
        "-DC10_USING_CUSTOM_GENERATED_MACROS",
        f"-I{sycl_include}",
        str(LIBRARY),
        f"-Wl,-rpath,{LIBRARY.parent}",
        f"-L{sycl_libraries}",
        f"-Wl,-rpath,{sycl_libraries}",
        "-lsycl",
        "-ltorch",
        "-ltorch_cpu",
    ]


def run(program: Path, *arguments: str) -> str:
    """The program's output; it must succeed."""
    paths = [str(LIBRARY.parent), *library_paths(), os.environ.get("LD_LIBRARY_PATH", "")]
    driver = os.environ.get("OCL_ICD_FILENAMES")
    if driver:
        paths.append(str(Path(driver).parent))
    result = subprocess.run(
        [program, *arguments],
        env={**os.environ, "LD_LIBRARY_PATH": ":".join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
