"""torch.xpu.MulAdd, nms, locations_to_boxes, roi_align."""

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")


@pytest.mark.parametrize("alpha", [1.0, -0.5])
def test_mul_add(alpha: float) -> None:
    a, b, c = (torch.randn(3, 5, device="xpu", requires_grad=True) for _ in range(3))
    out = torch.xpu.MulAdd(a, b, c, alpha)
    torch.testing.assert_close(out, a * b + alpha * c)
    out.sum().backward()
    torch.testing.assert_close(c.grad, torch.full_like(c, alpha))


def greedy_nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    left = scores.argsort(descending=True, stable=True).tolist()
    kept = []
    while left:
        best, *left = left
        kept.append(best)
        others = boxes[left]
        sides = torch.min(boxes[best, 2:], others[:, 2:]) - torch.max(
            boxes[best, :2], others[:, :2]
        )
        shared = sides.clamp(min=0).prod(1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        overlap = shared / (areas[best] + areas[left] - shared)
        left = [i for i, o in zip(left, overlap.tolist(), strict=True) if o <= threshold]
    return kept


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 700])
def test_nms(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    corners = torch.rand(count, 2, generator=generator) * 10
    boxes = torch.cat([corners, corners + 1 + torch.rand(count, 2, generator=generator) * 3], 1)
    scores = torch.rand(count, generator=generator)
    kept = torch.xpu.nms(boxes.to("xpu"), scores.to("xpu"), 0.4)
    assert kept.tolist() == greedy_nms(boxes, scores, 0.4)


@pytest.mark.parametrize("prior_shape", [(7, 4), (2, 7, 4), (1, 7, 4)])
def test_locations_to_boxes(prior_shape: tuple[int, ...]) -> None:
    locations = torch.randn(2, 7, 4, device="xpu")
    priors = torch.rand(prior_shape, device="xpu")
    center = locations[..., :2] * 0.1 * priors[..., 2:] + priors[..., :2]
    size = torch.exp(locations[..., 2:] * 0.2) * priors[..., 2:]
    expected = torch.cat([center - size / 2, center + size / 2], -1)
    actual = torch.xpu.locations_to_boxes(locations, priors, 0.1, 0.2)
    torch.testing.assert_close(actual, expected)


def sampled(image: torch.Tensor, box: torch.Tensor, size: int, ratio: int, aligned: bool):
    """One box of one image [C, H, W] by grid_sample, for boxes inside the image."""
    shift = 0.5 if aligned else 0.0
    start, extent = box[:2] - shift, box[2:] - box[:2]
    steps = (torch.arange(size * ratio, dtype=image.dtype) + 0.5) / (size * ratio)
    x, y = start[0] + steps * extent[0], start[1] + steps * extent[1]
    limits = torch.tensor([image.shape[2] - 1, image.shape[1] - 1], dtype=image.dtype)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1) / limits * 2 - 1
    values = torch.nn.functional.grid_sample(
        image[None], grid[None], align_corners=True, padding_mode="border"
    )
    return torch.nn.functional.avg_pool2d(values, ratio)[0]


@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize("aligned", [True, False])
def test_roi_align(aligned: bool, as_list: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(2, 3, 12, 10, generator=generator, dtype=torch.float64)
    boxes = [torch.tensor([box]) for box in ([0.6, 1.0, 4.2, 5.1], [1.0, 2.0, 7.5, 9.0])]
    expected = [
        sampled(one, box[0].double(), 4, 2, aligned) for one, box in zip(image, boxes, strict=True)
    ]
    if as_list:
        regions = [box.to("xpu") for box in boxes]
    else:
        regions = torch.cat([torch.tensor([[0.0], [1.0]]), torch.cat(boxes)], 1).to("xpu")
    moved = image.float().to("xpu")
    actual = torch.xpu.roi_align(moved, regions, 4, sampling_ratio=2, aligned=aligned)
    torch.testing.assert_close(actual.cpu(), torch.stack(expected).float())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_detection_under_autocast(dtype: torch.dtype) -> None:
    """Boxes keep their digits, and the result has the image's dtype."""
    image = torch.rand(1, 2, 6, 5, device="xpu").to(dtype)
    regions = torch.tensor([[0, 0.53, 0.51, 4, 5]], device="xpu")
    scores = torch.rand(1, device="xpu").to(dtype)
    expected = torch.xpu.roi_align(image.float(), regions, 2)
    with torch.autocast("xpu", torch.bfloat16):
        pooled = torch.xpu.roi_align(image.requires_grad_(), regions, 2)
        assert torch.xpu.nms(regions[:, 1:], scores, 0.5).tolist() == [0]
    assert pooled.dtype == dtype
    torch.testing.assert_close(pooled.detach(), expected.to(dtype))
    pooled.sum().backward()
    assert image.grad is not None and image.grad.dtype == dtype


def test_gradient_of_roi_align() -> None:
    image = torch.rand(2, 2, 6, 5, device="xpu", requires_grad=True)
    regions = torch.tensor([[0, 0.5, 0.5, 4, 5], [1, 1.0, 0, 3, 3.5]], device="xpu")
    out = torch.xpu.roi_align(image, regions, (3, 2), sampling_ratio=-1, aligned=True)
    weights = torch.rand_like(out)
    (gradient,) = torch.autograd.grad(out, image, weights)
    # The operator is linear in the image.
    direction = torch.rand_like(image)
    change = torch.xpu.roi_align(direction, regions, (3, 2), sampling_ratio=-1, aligned=True)
    torch.testing.assert_close((gradient * direction).sum(), (change * weights).sum())


def test_errors_name_what_is_expected() -> None:
    with pytest.raises(RuntimeError, match=r"nms: expected boxes of shape \[N, 4\]"):
        torch.xpu.nms(torch.rand(3, 5, device="xpu"), torch.rand(3, device="xpu"), 0.5)
    with pytest.raises(ValueError, match=r"roi_align: expected boxes of shape \[K, 5\]"):
        torch.xpu.roi_align(torch.rand(1, 1, 4, 4, device="xpu"), torch.rand(3, 4, device="xpu"), 2)
