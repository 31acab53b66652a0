"""The operator of the extension beside the same expression of torch's operators."""

# ruff: noqa: I001
import torch  # before what is linked with it

import swish_mul

x = torch.randn(512, 1024, device="xpu")
y = torch.randn(1024, device="xpu")
result = swish_mul.swish_mul(x, y)
torch.testing.assert_close(result, y * x / (1 + torch.exp(-x)))
print("swish_mul:", tuple(result.shape), result.dtype, "on", result.device)

half = swish_mul.swish_mul(x.bfloat16(), torch.tensor(2.0))
torch.testing.assert_close(half, (2 * torch.nn.functional.silu(x.bfloat16().float())).bfloat16())
print("swish_mul:", tuple(half.shape), half.dtype, "with a number of the CPU")
