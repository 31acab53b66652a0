"""Loads the device when torch is imported (entry point `torch.backends`)."""

from __future__ import annotations

import atexit
import sys

from ._version import __version__

PACKAGE = "intel_extension_for_pytorch"

# Why the device could not be loaded; the doctor prints it.
failure: Exception | None = None
_loaded = False


def autoload() -> None:
    """Called at the end of `import torch`. Never raises: torch must work without the device."""
    global failure
    try:
        load()
    except Exception as error:
        failure = error
        if not running_as_tool():
            _forget_package()


def load() -> None:
    """Makes `torch.xpu` work, or raises ImportError with the reason."""
    global _loaded
    import torch  # autoloads the device, unless TORCH_DEVICE_BACKEND_AUTOLOAD=0

    if _loaded:
        return
    check_torch_version(torch.__version__)
    from . import _libraries

    _libraries.prepare()
    try:
        from . import _C
    except ImportError as error:
        raise ImportError(
            f"{PACKAGE} is installed, but its compiled part cannot be loaded: {error}. "
            f"Run `python -m {PACKAGE}` for a diagnosis."
        ) from error
    if not _C.hooks_installed():
        raise ImportError(
            "PyTorch was asked about the XPU before the device was loaded, and remembers that "
            f"there is none. Import {PACKAGE} directly after torch, or leave "
            "TORCH_DEVICE_BACKEND_AUTOLOAD unset."
        )
    from . import _inject

    _inject.inject(_C)
    atexit.register(_shut_down)
    _loaded = True


def _shut_down() -> None:
    import torch

    from . import _C

    if torch.xpu.is_initialized() and not torch.xpu._is_in_bad_fork():
        _C.drain_autograd()
        _C.drain_faults()  # an error that nothing has raised yet goes to stderr


def check_torch_version(found: str) -> None:
    """Raises ImportError unless torch is of the minor version this package was built for."""
    wanted = __version__.split("+", maxsplit=1)[0]
    if found.split(".")[:2] != wanted.split(".")[:2]:
        minor = ".".join(wanted.split(".")[:2])
        raise ImportError(
            f"{PACKAGE} {__version__} works with torch {minor}, but torch {found} is installed. "
            f"Install the matching one: pip install torch=={wanted}"
        )


def torch_is_being_imported() -> bool:
    specification = getattr(sys.modules.get("torch"), "__spec__", None)
    return bool(getattr(specification, "_initializing", False))


def running_as_tool() -> bool:
    """Whether the process is the doctor or the compiler of kernels, which need no device.

    That is `python -m` and this package or its module `compile`.
    """
    arguments = sys.orig_argv
    module = arguments[arguments.index("-m") + 1 :][:1] if "-m" in arguments else []
    return module in ([PACKAGE], [f"{PACKAGE}.compile"])


def _forget_package() -> None:
    # So that a later `import intel_extension_for_pytorch` tries again and raises the reason.
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]
