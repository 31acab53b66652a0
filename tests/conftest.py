"""Two devices for every test: where there is no GPU, the CPU counts as two."""

import os

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
