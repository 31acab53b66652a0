"""The transformer encoder's layer, which stock hands over whole in inference, against the CPU."""

import copy

import pytest
import torch

from intel_extension_for_pytorch import _C

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10, torch.bfloat16: 4e-2}
PADDING = torch.arange(5).expand(3, 5) >= torch.tensor([[5], [3], [4]])
CAUSAL = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
MASKS = {
    "none": {},
    "padding": {"src_key_padding_mask": PADDING},
    "causal": {"src_mask": CAUSAL},
    "both": {"src_mask": CAUSAL, "src_key_padding_mask": PADDING},
}


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_layer(norm_first, activation, masks, dtype):
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(
        16, 4, 32, batch_first=True, norm_first=norm_first, activation=activation
    ).eval()
    layer.to(dtype)
    x = torch.randn(3, 5, 16).to(dtype)
    kept = ~masks.get("src_key_padding_mask", torch.zeros(3, 5, dtype=torch.bool))
    _C.reset_fallback_counts()
    with torch.inference_mode():
        expected = copy.deepcopy(layer).double()(x.double(), **masks)
        masks = {name: mask.xpu() for name, mask in masks.items()}
        actual = layer.xpu()(x.xpu(), **masks).cpu()
    assert not _C.fallback_counts()
    tolerance = TOLERANCES[dtype]
    torch.testing.assert_close(
        actual[kept].double(), expected[kept], rtol=tolerance, atol=tolerance
    )
