"""The fused loss beside torch's, with gradients. The argument is the library that CMake made."""

import sys

import torch

torch.ops.load_library(sys.argv[1])
torch.manual_seed(0)

logits = torch.randn(256, 5000, device="xpu")
logits[:64, :3000] = -torch.inf  # masked
logits[64:128] *= 300
logits.requires_grad_()
targets = torch.randint(3000, 5000, (256,), device="xpu")
losses = torch.ops.extension_example.cross_entropy(logits, targets)
losses.mean().backward()

expected_logits = logits.detach().cpu().double().requires_grad_()
expected = torch.nn.functional.cross_entropy(expected_logits, targets.cpu(), reduction="none")
expected.mean().backward()
torch.testing.assert_close(losses.cpu().double(), expected, rtol=1e-5, atol=1e-5)
torch.testing.assert_close(logits.grad.cpu().double(), expected_logits.grad, rtol=1e-4, atol=1e-8)
print("cross_entropy: loss", round(losses.mean().item(), 4), "and gradients as torch's")
