"""Finds the shared libraries of the runtime wheels, so that no variable has to be set.

The wheels put them where pip puts data: `<prefix>/lib` of the environment, of the user, or of a
`--target` folder. Each is loaded by its absolute path before our own library asks for its name.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import site
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OPENCL_DRIVERS_VARIABLE = "OCL_ICD_FILENAMES"
# How many work-items the CPU's compiler makes a vector of. Its own choice on processors without
# AVX-512 is 8, with which half precision and most functions take twice as long.
VECTORIZER_VARIABLE = "CL_CONFIG_CPU_VECTORIZER_MODE"
VECTORIZER_MODE = "16"


@dataclass(frozen=True)
class Library:
    """A shared library and the wheel it comes in."""

    name: str
    wheel: str

    def find(self) -> Path | None:
        return next((path for path in self._candidates() if path.exists()), None)

    def _candidates(self) -> Iterator[Path]:
        for directory in library_directories(self.wheel):
            yield directory / self.name


# In the order in which they are loaded: what a library needs comes before it.
PRELOADED = (
    Library("libintlc.so.5", "intel-cmplr-lib-rt"),
    Library("libimf.so", "intel-cmplr-lib-rt"),
    Library("libirng.so", "intel-cmplr-lib-rt"),
    Library("libsvml.so", "intel-cmplr-lib-rt"),
    Library("libtbb.so.12", "tbb"),
    Library("libsycl.so.9", "intel-sycl-rt"),
    Library("libOpenCL.so.1", "intel-opencl-rt"),
    Library("libdnnl.so.3", "onednn"),
)
# Loaded by others, later: SYCL's run-time compiler, its adapters, the OpenCL driver of the CPU.
RUNTIME_COMPILER = Library("libsycl-jit.so", "intel-sycl-rt")
ADAPTERS = Library("libur_loader.so.0", "intel-cmplr-lib-ur")
CPU_DRIVER = Library("libintelocl.so", "intel-opencl-rt")
LIBRARIES = (*PRELOADED, RUNTIME_COMPILER, ADAPTERS, CPU_DRIVER)
# Loaded by our library over oneMKL, which operators load when they first need it.
ONEMKL = (
    Library("libmkl_core.so.3", "mkl"),
    Library("libmkl_sycl_dft.so.6", "onemkl-sycl-dft"),
    Library("libmkl_sycl_lapack.so.6", "onemkl-sycl-lapack"),
    Library("libmkl_sycl_blas.so.6", "onemkl-sycl-blas"),
)


@cache
def library_directories(wheel: str) -> tuple[Path, ...]:
    """Where the libraries of an installed wheel may be, the likeliest first."""
    directories = []
    try:
        site_packages = Path(str(importlib.metadata.distribution(wheel).locate_file("")))
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        directories += [
            site_packages.parents[1],  # lib/python3.x/site-packages of an environment or a user
            site_packages / "lib",  # --target
        ]
    directories += [Path(sys.prefix, "lib"), Path(site.getuserbase(), "lib")]
    return tuple(dict.fromkeys(path.resolve() for path in directories))


def missing_variables() -> dict[str, str]:
    """What the CPU's driver needs of the environment, where the user has not set it."""
    driver = CPU_DRIVER.find()
    wanted = {VECTORIZER_VARIABLE: VECTORIZER_MODE}
    if driver is not None:
        wanted[OPENCL_DRIVERS_VARIABLE] = str(driver)
    return {name: value for name, value in wanted.items() if name not in os.environ}


def prepare() -> None:
    """Loads what our library needs and tells OpenCL where the CPU's driver is."""
    missing = [library for library in LIBRARIES if library.find() is None]
    if any(library in PRELOADED for library in missing):
        raise ImportError(describe_missing(missing))
    os.environ.update(missing_variables())
    for library in PRELOADED:
        path = library.find()
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            raise ImportError(
                f"{path} of the wheel {library.wheel} cannot be loaded: {error}. "
                f"Install it again: {install_command([library.wheel])}"
            ) from error


def describe_missing(libraries: list[Library]) -> str:
    wheels = sorted({library.wheel for library in libraries})
    names = ", ".join(library.name for library in libraries)
    places = sorted({str(path) for wheel in wheels for path in library_directories(wheel)})
    return (
        f"{names} (of {', '.join(wheels)}) not found in {', '.join(places)}. "
        f"Install again: {install_command(wheels)}"
    )


def install_command(wheels: list[str]) -> str:
    """The command that puts the libraries of `wheels` where they are found.

    `pip install --target` leaves the `lib` folder of wheels out; `--prefix` into the same folder
    adds it.
    """
    requirements = []
    target = None
    for wheel in wheels:
        try:
            distribution = importlib.metadata.distribution(wheel)
        except importlib.metadata.PackageNotFoundError:
            requirements.append(wheel)
            continue
        requirements.append(f"{wheel}=={distribution.version}")
        folder = Path(str(distribution.locate_file(""))).resolve()
        if folder.name not in ("site-packages", "dist-packages"):
            target = folder
    options = "--force-reinstall --no-deps"
    if target is not None:
        options = f"--prefix {target} --ignore-installed --no-deps"
    return f"{sys.executable} -m pip install {options} {' '.join(requirements)}"
