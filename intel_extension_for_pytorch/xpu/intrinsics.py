"""The operators of the original's `torch.xpu`: `MulAdd` and those of object detection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def MulAdd(input: Tensor, other: Tensor, accumu: Tensor, alpha: float = 1.0) -> Tensor:
    """input * other + alpha * accumu"""
    return torch.ops.torch_ipex.mul_add(input, other, accumu, alpha)


def nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The numbers of the boxes [N, 4] that no box of a higher score covers by more than
    `iou_threshold`, the highest score first."""
    return torch.ops.torch_ipex.nms(dets, scores, iou_threshold)


def locations_to_boxes(
    locations: Tensor, priors: Tensor, center_variance: float, size_variance: float
) -> Tensor:
    """The corners of boxes that are given relative to `priors` (center and size)."""
    return torch.ops.torch_ipex.locations_to_boxes(
        locations, priors, center_variance, size_variance
    )


def roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Averages of the input in the bins of each box.

    boxes: [K, 5], the number of the image first, or for each image its [L, 4].
    """
    height, width = (output_size,) * 2 if isinstance(output_size, int) else output_size
    return torch.ops.torch_ipex.roi_align(
        input, _regions(boxes), spatial_scale, height, width, sampling_ratio, aligned
    )


def _regions(boxes: Tensor | Sequence[Tensor]) -> Tensor:
    if isinstance(boxes, Tensor):
        if boxes.dim() != 2 or boxes.size(1) != 5:
            raise ValueError(f"roi_align: expected boxes of shape [K, 5], got {list(boxes.shape)}")
        return boxes
    for box in boxes:
        if box.dim() != 2 or box.size(1) != 4:
            raise ValueError(
                f"roi_align: expected boxes of shape [L, 4] in the list, got {list(box.shape)}"
            )
    numbered = [torch.nn.functional.pad(box, (1, 0), value=i) for i, box in enumerate(boxes)]
    return torch.cat(numbered)


def _keep_arguments(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    image, regions, *ctx.arguments = inputs
    ctx.size = image.shape
    ctx.save_for_backward(regions)


def _roi_align_backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    (regions,) = ctx.saved_tensors
    image = torch.ops.torch_ipex.roi_align_backward(gradient, regions, ctx.size, *ctx.arguments)
    return image, *(None,) * 6


torch.library.register_autograd(
    "torch_ipex::roi_align", _roi_align_backward, setup_context=_keep_arguments
)
