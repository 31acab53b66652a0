"""Networks train and infer alike with and without libraries, and never on the CPU fallback."""

import pytest
import torch
from processes import run
from torch import nn

from intel_extension_for_pytorch import _C


@pytest.fixture(params=["automatic", "all", "none"], autouse=True)
def libraries(request):
    before = _C.get_libraries()
    _C.set_libraries(request.param)
    yield request.param
    _C.set_libraries(before)


class Last(nn.Module):
    """What an LSTM says at the end."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 12, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


def make_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.ConvTranspose2d(8, 4, 2, stride=2),
        nn.Flatten(),
        nn.LazyLinear(5),
    )


def make_transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return nn.Sequential(encoder, nn.Flatten(), nn.LazyLinear(5))


NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 5)), (6, 8)),
    "cnn": (make_cnn, (6, 1, 10, 10)),
    "lstm": (lambda: nn.Sequential(Last(), nn.Linear(12, 5)), (6, 7, 8)),
    "transformer": (make_transformer, (6, 7, 8)),
}


def train(device: str, dtype: torch.dtype, make, shape) -> tuple[list[float], torch.Tensor]:
    """The losses on the way, and what the network says in the end."""
    torch.manual_seed(0)
    x, target = torch.randn(shape), torch.randint(5, (shape[0],))
    network = make()
    network(x)  # gives lazy layers their shape
    network.to(device, dtype)
    x, target = x.to(device, dtype), target.to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.inference_mode():
        return losses, network.eval()(x).cpu()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("make, shape", NETWORKS.values(), ids=NETWORKS)
def test_network(make, shape, dtype):
    _C.reset_fallback_counts()
    losses, scores = train("xpu", dtype, make, shape)
    assert not _C.fallback_counts()
    expected_losses, expected_scores = train("cpu", dtype, make, shape)
    torch.testing.assert_close(losses, expected_losses, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, expected_scores, rtol=1e-3, atol=1e-3)


def test_choices():
    with pytest.raises(RuntimeError, match="expected automatic, all or none"):
        _C.set_libraries("some")
    with pytest.raises(ValueError, match="expected automatic, vectors or tiles"):
        _C.set_gemm_kernel("some")


@pytest.mark.parametrize("libraries", ["all"], indirect=True)
def test_variable(libraries):
    read = "import torch\nfrom intel_extension_for_pytorch import _C\nprint(_C.get_libraries())"
    assert run(read, IPEX_XPU_LIBRARIES="none").strip() == "none"
    with pytest.raises(
        AssertionError, match=r"IPEX_XPU_LIBRARIES is .*expected automatic, all or none"
    ):
        run(read, IPEX_XPU_LIBRARIES="some")
