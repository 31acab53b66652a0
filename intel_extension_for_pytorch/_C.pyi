from collections.abc import Sequence
from typing import Any

import torch

class RejectedDevice:
    name: str
    platform: str
    reason: str

def rejected_devices() -> list[RejectedDevice]: ...
def sycl_device(device: int) -> Any: ...
def sycl_queue(stream_id: int, device_index: int, device_type: int) -> Any: ...
def driver_allocations() -> int: ...
def hooks_installed() -> bool: ...
def drain_autograd() -> None: ...
def drain_faults() -> None: ...
def get_fp32_math_mode() -> int: ...
def set_fp32_math_mode(mode: int) -> None: ...
def get_libraries() -> str: ...
def onemkl_load_error() -> str: ...
def set_libraries(choice: str) -> None: ...
def set_gemm_kernel(choice: str) -> None: ...
def set_row_kernels(choice: str) -> None: ...

class Kernel:
    def launch(self, groups: int, group_size: int, params: bytes, local_bytes: int = 0) -> None: ...
    def enqueue_seconds(self, groups: int, group_size: int, params: bytes, count: int) -> float: ...

class CompiledKernel:
    def __init__(
        self,
        source: str,
        name: str,
        options: list[str],
        dimensions: int,
        strided: bool,
        packs: bool,
    ) -> None: ...
    def __call__(
        self,
        grid: int | tuple[int, ...],
        block: int | tuple[int, ...],
        args: Sequence[object] = ...,
        shared_mem: int = 0,
        stream: torch.xpu.Stream | None = None,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> str: ...

def find_kernel(module: str, instantiation: str) -> Kernel: ...
def compile_kernel(source: str, instantiation: str, options: list[str] = ...) -> Kernel: ...
def compile_kernel_without_cache(
    source: str, instantiation: str, options: list[str] = ..., spirv: bool = True
) -> Kernel: ...
def compile_to_spirv(
    source: str, instantiations: list[str], options: list[str] = ...
) -> list[bytes]: ...
def kernel_cache_directory() -> str: ...
def refused_kernel_cache() -> str | None: ...
def kernel_counters() -> dict[str, int]: ...
def reset_kernel_counters() -> None: ...
def fallback_counts() -> dict[str, int]: ...
def reset_fallback_counts() -> None: ...

class DecodeNorm:
    def __init__(
        self,
        kind: str = "none",
        weight: torch.Tensor | None = None,
        bias: torch.Tensor | None = None,
        epsilon: float = 0.0,
        offset: float = 0.0,
    ) -> None: ...

class QuantizedMatrix:
    def __init__(
        self,
        kind: str,
        codes: torch.Tensor,
        scales: torch.Tensor,
        zeros: torch.Tensor | None,
        columns: int,
        span: int,
        zeros_are_offsets: bool,
    ) -> None: ...

class DecodeRows:
    def __init__(
        self,
        weight: torch.Tensor | QuantizedMatrix,
        bias: torch.Tensor | None = None,
        gate: torch.Tensor | QuantizedMatrix | None = None,
        gate_bias: torch.Tensor | None = None,
    ) -> None: ...

class DecodeChoice:
    def __init__(
        self,
        normalized: bool,
        sigmoid: bool = False,
        shared: bool = False,
        scale: float = 1.0,
        bias: torch.Tensor | None = None,
        groups: int = 1,
        chosen_groups: int = 1,
    ) -> None: ...

class DecodeShape:
    width: int
    heads: int
    key_heads: int
    head_size: int
    rotary: int
    interleaved: bool
    inner: int
    experts: int
    chosen: int
    expert_inner: int
    latent: int
    plain: int
    value: int
    query_latent: int
    scale: float
    soft_cap: float
    inverse_frequencies: list[torch.Tensor]
    frequency_scales: list[float]

class DecodeProgram:
    def __init__(self, shape: DecodeShape, like: torch.Tensor) -> None: ...
    def add_product(
        self,
        rows: list[DecodeRows],
        input: str,
        output: str,
        norm: DecodeNorm = ...,
        activation: str = "none",
        accumulate: bool = False,
        scale: float = 1.0,
        weighted: bool = False,
    ) -> None: ...
    def add_choice(self, choice: DecodeChoice) -> None: ...
    def add_experts(
        self,
        inner: DecodeRows,
        outer: DecodeRows,
        norm: DecodeNorm,
        activation: str,
        limit: float = 0.0,
    ) -> None: ...
    def add_latent_heads(
        self, layer: int, angles: int, norm: DecodeNorm, expand: torch.Tensor
    ) -> None: ...
    def add_latent_values(self, expand: torch.Tensor) -> None: ...
    def add_heads(
        self,
        layer: int,
        angles: int,
        query_norm: DecodeNorm = ...,
        key_norm: DecodeNorm = ...,
    ) -> None: ...
    def add_attention(
        self,
        layer: int,
        window: int = 0,
        slopes: torch.Tensor | None = None,
        sinks: torch.Tensor | None = None,
    ) -> None: ...
    def add_normalized(self, input: str, norm: DecodeNorm, scale: float = 1.0) -> None: ...
    def add_finish(self, norm: DecodeNorm) -> None: ...
    def step(
        self,
        input: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor | None,
        cached: int,
        segments: torch.Tensor,
        begins: list[int],
        row_of: torch.Tensor | None,
    ) -> torch.Tensor: ...

decode_tokens: int

def decode_runs_here() -> bool: ...
