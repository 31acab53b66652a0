"""What the doctor looks at: rows of findings, some of them problems with their remedies."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import _autoload, _libraries
from ._version import __version__


@dataclass(frozen=True)
class Row:
    name: str
    value: str
    problem: bool = False
    remedy: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    rows: list[Row]


# The environment variables that change what the device does.
VARIABLES = {
    "ONEAPI_DEVICE_SELECTOR": "which SYCL devices are seen, e.g. level_zero:gpu or opencl:cpu",
    "ZE_AFFINITY_MASK": "which Level Zero devices are seen",
    "OCL_ICD_FILENAMES": "OpenCL drivers; set by this package to the CPU's unless it was set",
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0: import torch does not load the device",
    "IPEX_XPU_CPU_DEVICES": "shows the CPU device this many times",
    "IPEX_XPU_HOST_ACCESS": "0: treats the memory of the CPU device as a GPU's",
    "IPEX_XPU_DISABLE_ASPECTS": "hides abilities of the device, e.g. fp64,fp16",
    "IPEX_XPU_GUARD": "1: accesses behind the end of the CPU device's memory end the process",
    "IPEX_XPU_FALLBACK": "operators without a kernel: allow, warn or error",
    "IPEX_XPU_CACHE_DIR": "where compiled kernels are kept",
    "IPEX_XPU_DEBUG": "1 devices, 2 kernels, 3 cache and compiler, 4 source",
    "IPEX_FP32_MATH_MODE": "FP32, TF32 or BF32",
    "IPEX_XPU_LIBRARIES": "automatic, all or none: which operators use oneDNN and oneMKL",
}

# What the library reads on first use, by the function that reads it.
CHECKED_VARIABLES = {
    "IPEX_FP32_MATH_MODE": "get_fp32_math_mode",
    "IPEX_XPU_LIBRARIES": "get_libraries",
}

_WHEELS = (
    "intel-sycl-rt",
    "intel-cmplr-lib-ur",
    "intel-opencl-rt",
    "onednn",
    "onemkl-sycl-dft",
    "onemkl-sycl-lapack",
    "onemkl-sycl-blas",
    "mkl",
    "tbb",
)
_LEVEL_ZERO_LOADER = "libze_loader.so.1"
_LEVEL_ZERO_REMEDY = (
    "install the GPU driver packages: `apt install libze1 libze-intel-gpu1 intel-opencl-icd` "
    "(Debian, Ubuntu), `dnf install oneapi-level-zero intel-compute-runtime` (Fedora)"
)
_INTEL_VENDOR = "0x8086"


def examine() -> list[Section]:
    return [
        Section("Versions", list(_versions())),
        Section("Libraries", list(_found_libraries())),
        Section("Intel GPUs", list(_intel_gpus())),
        Section("Devices", list(_devices())),
        Section("oneMKL", list(_onemkl())),
        Section("Kernels", list(_kernels())),
        Section("Environment", list(_environment())),
    ]


def _versions() -> Iterator[Row]:
    yield Row("intel_extension_for_pytorch", __version__)
    yield Row("Python", f"{platform.python_version()} ({sys.executable})")
    try:
        found = importlib.metadata.version("torch")
        import torch

        found = torch.__version__
        _autoload.check_torch_version(found)
    except ImportError as error:
        remedy = f"{sys.executable} -m pip install torch=={__version__.split('+')[0]}"
        yield Row("torch", str(error), problem=True, remedy=remedy)
    else:
        yield Row("torch", f"{found} ({Path(torch.__file__).parent})")
    for wheel in _WHEELS:
        try:
            yield Row(wheel, importlib.metadata.version(wheel))
        except importlib.metadata.PackageNotFoundError:
            remedy = _libraries.install_command([wheel])
            yield Row(wheel, "not installed", problem=True, remedy=remedy)


def _found_libraries() -> Iterator[Row]:
    for library in _libraries.LIBRARIES:
        path = library.find()
        remedy = _libraries.install_command([library.wheel])
        if path is None:
            yield Row(library.name, "not found", problem=True, remedy=remedy)
            continue
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            yield Row(library.name, f"cannot be loaded: {error}", problem=True, remedy=remedy)
        else:
            yield Row(library.name, str(path))


def _intel_gpus() -> Iterator[Row]:
    cards = [
        vendor.parents[1].name
        for vendor in sorted(Path("/sys/class/drm").glob("card[0-9]*/device/vendor"))
        if vendor.read_text().strip() == _INTEL_VENDOR
    ]
    yield Row("graphics cards of Intel", ", ".join(cards) or "none")
    try:
        ctypes.CDLL(_LEVEL_ZERO_LOADER)
    except OSError:
        needed = "" if cards else "; needed for Intel GPUs only"
        remedy = _LEVEL_ZERO_REMEDY if cards else ""
        yield Row(
            f"Level Zero ({_LEVEL_ZERO_LOADER})", f"not installed{needed}", bool(cards), remedy
        )
    else:
        yield Row(f"Level Zero ({_LEVEL_ZERO_LOADER})", "installed")
    if not cards:
        return
    for node in sorted(Path("/dev/dri").glob("renderD*")):
        usable = os.access(node, os.R_OK | os.W_OK)
        remedy = (
            "" if usable else f"add yourself to its group: sudo usermod -aG {node.group()} $USER"
        )
        yield Row(str(node), "may be used" if usable else "no permission", not usable, remedy)


def _devices() -> Iterator[Row]:
    try:
        _autoload.load()
    except Exception as error:
        yield Row("loading", f"{type(error).__name__}: {error}", problem=True)
        return
    import torch

    from . import _C

    try:
        count = torch.xpu.device_count()
        rejected = _C.rejected_devices()
    except Exception as error:
        yield Row(
            "SYCL", f"{type(error).__name__}: {error}", problem=True, remedy=_no_device_remedy()
        )
        return
    for device in range(count):
        yield Row(f"xpu:{device}", "; ".join(_describe(torch.xpu.get_device_properties(device))))
    for other in rejected:
        yield Row("left out", f"{other.name} ({other.platform}): {other.reason}")
    if count == 0:
        yield Row("usable devices", "none", problem=True, remedy=_no_device_remedy())


def _describe(properties: object) -> Iterator[str]:
    get = properties.__getattribute__
    yield f"{get('name').strip()} ({get('type')}, {get('backend')}, {get('platform_name')})"
    yield f"driver {get('driver_version')}"
    yield f"{get('total_memory') / 2**30:.1f} GiB"
    yield f"{get('max_compute_units')} compute units"
    yield f"work-groups to {get('max_work_group_size')}"
    yield f"sub-groups of {', '.join(map(str, get('sub_group_sizes')))}"
    yield f"{get('local_mem_size') // 1024} KiB local memory"
    abilities = [name for name in ("fp16", "fp64", "atomic64") if get(f"has_{name}")]
    yield f"has {', '.join(abilities) or 'none of fp16, fp64, atomic64'}"


def _no_device_remedy() -> str:
    for variable in ("ONEAPI_DEVICE_SELECTOR", "ZE_AFFINITY_MASK"):
        if variable in os.environ:
            return f"unset {variable}, which is {os.environ[variable]!r}, or let it name a device"
    drivers = os.environ.get(_libraries.OPENCL_DRIVERS_VARIABLE, "")
    missing = [path for path in drivers.split(":") if path and not Path(path).exists()]
    if missing:
        return f"unset {_libraries.OPENCL_DRIVERS_VARIABLE}: there is no {', '.join(missing)}"
    return f"install the CPU's driver again: {_libraries.install_command(['intel-opencl-rt'])}"


def _onemkl() -> Iterator[Row]:
    """It is loaded on first use; without it Fourier transforms and factorizations use the CPU."""
    missing = [library for library in _libraries.ONEMKL if library.find() is None]
    remedy = _libraries.install_command(
        sorted({library.wheel for library in missing or _libraries.ONEMKL})
    )
    if missing:
        names = ", ".join(library.name for library in missing)
        yield Row("libraries", f"{names} not found", problem=True, remedy=remedy)
        return
    try:
        from . import _C

        error = _C.onemkl_load_error()
    except ImportError:
        yield Row("libraries", "found")
        return
    if error:
        yield Row("libraries", f"cannot be loaded: {error}", problem=True, remedy=remedy)
    else:
        yield Row("libraries", "found and loaded")


def _kernels() -> Iterator[Row]:
    try:
        import torch

        from . import _C
    except ImportError:
        yield Row("kernel library", "not loaded")
        return
    directory = _C.kernel_cache_directory()
    yield Row("cache", *_state_of_cache(directory, _C.refused_kernel_cache()))
    if torch.xpu.is_available():
        yield _trial()
        for name, count in _C.kernel_counters().items():
            yield Row(name.replace("_", " "), str(count))


def _state_of_cache(directory: str, refused: str | None) -> tuple[str, bool, str]:
    """What to say of the directory, whether it is a problem, and the remedy."""
    if not directory:
        return (
            "none: kernels are made again in each process",
            True,
            "set HOME or IPEX_XPU_CACHE_DIR",
        )
    if refused:
        remedy = "chmod 700, or let IPEX_XPU_CACHE_DIR name a directory of your own"
        return f"{directory} is not used, {refused}: kernels are made again", True, remedy
    path = Path(directory)
    existing = next(place for place in (path, *path.parents) if place.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        remedy = "let IPEX_XPU_CACHE_DIR name a directory you may write to"
        return f"{directory} cannot be written: kernels are made again", True, remedy
    files = [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return f"{directory}: {len(files)} files, {size / 2**20:.1f} MiB", False, ""


def _trial() -> Row:
    """Runs one kernel and looks at its result."""
    import torch

    name = "trial: 1 + 2 on the device"
    try:
        result = (torch.ones(3, device="xpu") + 2).cpu().tolist()
    except Exception as error:
        remedy = "run again with IPEX_XPU_DEBUG=3 to see what was compiled and loaded"
        return Row(name, f"{type(error).__name__}: {error}", problem=True, remedy=remedy)
    if result == [3.0] * 3:
        return Row(name, "3, as it should be")
    return Row(name, f"{result}", problem=True, remedy="update the device's driver")


def _environment() -> Iterator[Row]:
    for variable, meaning in VARIABLES.items():
        yield Row(variable, f"{os.environ.get(variable, '-')}  ({meaning})")
    for variable, getter in CHECKED_VARIABLES.items():
        try:
            from . import _C

            getattr(_C, getter)()
        except ImportError:
            pass
        except RuntimeError as error:
            remedy = f"unset {variable}, or set it to {VARIABLES[variable]}"
            yield Row(variable, str(error), problem=True, remedy=remedy)
    for variable in sorted(os.environ):
        if variable.startswith("IPEX_") and variable not in VARIABLES:
            yield Row(variable, f"{os.environ[variable]}  (not a variable of this version)")
