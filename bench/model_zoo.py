"""The networks that bench/models.py measures, with random weights, and a batch for each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


def convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: bool = True,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if activation:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.body(x) + self.shortcut(x))


def bottleneck(inputs: int, width: int, stride: int) -> Residual:
    outputs = 4 * width
    changed = stride > 1 or inputs != outputs
    return Residual(
        nn.Sequential(
            convolution(inputs, width, 1),
            convolution(width, width, 3, stride),
            convolution(width, outputs, 1, activation=False),
        ),
        convolution(inputs, outputs, 1, stride, activation=False) if changed else nn.Identity(),
        nn.ReLU(inplace=True),
    )


def resnet50() -> nn.Module:
    layers: list[nn.Module] = [convolution(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for width, depth, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(depth):
            layers.append(bottleneck(channels, width, first_stride if block == 0 else 1))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // 4, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels // 4, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


def inverted(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    """Expand, filter each channel by itself, weigh the channels, project."""
    wide = 4 * inputs
    body = nn.Sequential(
        convolution(inputs, wide, 1, activation=False),
        nn.Hardswish(),
        convolution(wide, wide, kernel, stride, groups=wide, activation=False),
        nn.Hardswish(),
        SqueezeExcitation(wide),
        convolution(wide, outputs, 1, activation=False),
    )
    if stride == 1 and inputs == outputs:
        return Residual(body, nn.Identity(), nn.Identity())
    return body


def depthwise_net() -> nn.Module:
    rows = ((16, 16, 3, 1), (16, 24, 3, 2), (24, 24, 3, 1), (24, 40, 5, 2), (40, 40, 5, 1))
    rows += ((40, 80, 3, 2), (80, 80, 3, 1), (80, 112, 3, 1), (112, 160, 5, 2), (160, 160, 5, 1))
    return nn.Sequential(
        convolution(3, 16, 3, 2, activation=False),
        nn.Hardswish(),
        *(inverted(*row) for row in rows),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(160, 1000),
    )


class Bert(nn.Module):
    """BERT-base's encoder with a classifier on the first token."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30522, 768)
        self.positions = nn.Parameter(torch.randn(512, 768) * 0.02)
        self.norm = nn.LayerNorm(768)
        layer = nn.TransformerEncoderLayer(768, 12, 3072, 0.1, "gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
        self.classifier = nn.Linear(768, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.norm(self.words(tokens) + self.positions[: tokens.shape[1]])
        return self.classifier(self.encoder(x)[:, 0])


class Tagger(nn.Module):
    """A class for each token, by layers of one `kind` over both directions."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.words = nn.Embedding(10000, 256)
        self.layers = kind(256, 256, num_layers=2, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(512, 20)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.classifier(self.layers(self.words(tokens))[0]).flatten(0, 1)


class UNet(nn.Module):
    """One level of a UNet as in diffusion models: down, attention, up, with a skip connection."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride, 1), nn.GroupNorm(8, outputs), nn.SiLU()
            )

        self.enter = block(3, channels)
        self.down = nn.Sequential(
            block(channels, 2 * channels, 2), block(2 * channels, 2 * channels)
        )
        self.attention = nn.MultiheadAttention(2 * channels, 4, batch_first=True)
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), block(2 * channels, channels))
        self.leave = nn.Sequential(block(2 * channels, channels), nn.Conv2d(channels, 3, 1))

    def forward(self, x: Tensor) -> Tensor:
        skipped = self.enter(x)
        low = self.down(skipped)
        sequence = low.flatten(2).transpose(1, 2)
        attended = self.attention(sequence, sequence, sequence, need_weights=False)[0]
        low = low + attended.transpose(1, 2).reshape(low.shape)
        return self.leave(torch.cat([self.up(low), skipped], 1))


@dataclass(frozen=True)
class Network:
    make: Callable[[], nn.Module]
    inputs: Callable[[], Tensor]
    targets: Callable[[], Tensor]
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy
    images: bool = True  # channels last


def classes(count: int, limit: int) -> Callable[[], Tensor]:
    return lambda: torch.randint(limit, (count,))


NETWORKS = {
    "ResNet-50": Network(resnet50, lambda: torch.randn(4, 3, 224, 224), classes(4, 1000)),
    "depthwise net": Network(depthwise_net, lambda: torch.randn(8, 3, 224, 224), classes(8, 1000)),
    "BERT-base": Network(
        Bert, lambda: torch.randint(30522, (4, 128)), classes(4, 10), images=False
    ),
    **{
        f"{kind.__name__} tagger": Network(
            functools.partial(Tagger, kind),
            lambda: torch.randint(10000, (16, 64)),
            classes(16 * 64, 20),
            images=False,
        )
        for kind in (nn.LSTM, nn.GRU)
    },
    "UNet block": Network(
        UNet,
        lambda: torch.randn(2, 3, 64, 64),
        lambda: torch.randn(2, 3, 64, 64),
        nn.functional.mse_loss,
    ),
}
