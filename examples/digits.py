"""The data and the network of the examples: scikit-learn's 1797 images of hand-written digits."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

OUTPUT = Path(__file__).parent / "output"
WEIGHTS = OUTPUT / "digits.pt"

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class Digits(NamedTuple):
    images: torch.Tensor  # (N, 1, 8, 8), in [-1, 1]
    labels: torch.Tensor  # (N,)


def load() -> tuple[Digits, Digits]:
    """The images to train with, and 360 others to test with."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images, labels, test_size=360, random_state=0, stratify=labels)
    train_images, test_images, train_labels, test_labels = map(torch.as_tensor, split)

    def digits(images: torch.Tensor, labels: torch.Tensor) -> Digits:
        return Digits(images.float().reshape(-1, 1, 8, 8) / 8 - 1, labels.long())

    return digits(train_images, train_labels), digits(test_images, test_labels)


def network() -> nn.Module:
    """The same weights every time.

    Pools by the average: a maximum between two values that differ by a rounding error would send
    its gradient to either of them, and the losses of two devices could not be compared.
    """
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def kernel_summary() -> str:
    """What the kernel library did in this process."""
    from intel_extension_for_pytorch import _C

    counters = _C.kernel_counters().items()
    return "kernels: " + ", ".join(
        f"{number} {name.replace('_', ' ')}" for name, number in counters
    )
