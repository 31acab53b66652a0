"""Two devices for every test: where there is no GPU, the CPU counts as two."""

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("IPEX_XPU_CPU_DEVICES", "2")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips the cases of dtypes that the device has no instructions for."""
    if not hasattr(item, "callspec"):
        return
    import torch
    from device_dtypes import device_lacks

    for value in item.callspec.params.values():
        if isinstance(value, torch.dtype) and torch.xpu.is_available() and device_lacks(value):
            pytest.skip(f"the device has no {value}")


@pytest.fixture
def no_fallback() -> Iterator[None]:
    """Fails a test in which an operator ran on the CPU."""
    from intel_extension_for_pytorch import _C

    _C.reset_fallback_counts()
    yield
    assert not _C.fallback_counts()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the kernel library did: a run with a warm cache compiles nothing."""
    from intel_extension_for_pytorch import _C

    counters = ", ".join(f"{name} {value}" for name, value in _C.kernel_counters().items())
    terminalreporter.write_line(f"kernels: {counters}")


# What computes products and convolutions: libraries that operators may use, kernel of ours.
WAYS = {
    "library": ("all", "automatic"),  # small products too
    "vectors": ("none", "vectors"),
    "tiles": ("none", "tiles"),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test by the library and by our kernels for CPUs and GPUs; none may fall back."""
    from intel_extension_for_pytorch import _C

    libraries, kernel = WAYS[request.param]
    before = _C.get_libraries()
    _C.set_libraries(libraries)
    _C.set_gemm_kernel(kernel)
    _C.reset_fallback_counts()
    yield request.param
    assert not _C.fallback_counts()
    _C.set_libraries(before)
    _C.set_gemm_kernel("automatic")


@pytest.fixture(params=["automatic", "sub_groups"])
def row_kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test by the kernels for rows of this device, and by those of GPUs."""
    from intel_extension_for_pytorch import _C

    _C.set_row_kernels(request.param)
    yield request.param
    _C.set_row_kernels("automatic")
