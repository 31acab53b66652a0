"""Fourier transforms against the CPU in float64. Errors are measured by the largest value."""

import threading

import pytest
import torch
from processes import run

from intel_extension_for_pytorch import _C

pytestmark = pytest.mark.usefixtures("no_fallback")

TOLERANCES = {torch.float32: 2e-6, torch.float64: 4e-15}
DTYPES = tuple(TOLERANCES)
REAL_INPUT = {"rfft", "rfft2", "rfftn", "ihfft", "ihfft2", "ihfftn"}
TRANSFORMS = ["fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "irfft", "rfft2", "irfft2"]
TRANSFORMS += ["rfftn", "irfftn", "hfft", "ihfft", "hfft2", "ihfft2", "hfftn", "ihfftn"]


def values(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.complex128).to(dtype)


def signal(name: str, *shape: int, dtype: torch.dtype) -> torch.Tensor:
    complex_values = values(*shape, dtype=dtype.to_complex())
    return complex_values.real.clone() if name in REAL_INPUT else complex_values


def exact(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def check(actual: torch.Tensor, reference: torch.Tensor) -> None:
    assert actual.device.type == "xpu"
    assert actual.shape == reference.shape
    assert actual.is_complex() == reference.is_complex()
    if reference.numel() == 0:
        return
    error = (exact(actual.cpu()) - reference).abs().max() / reference.abs().max().clamp_min(1e-300)
    assert error <= TOLERANCES[actual.dtype.to_real()], float(error)


def compare(name: str, tensor: torch.Tensor, **options) -> None:
    transform = getattr(torch.fft, name)
    check(transform(tensor.xpu(), **options), transform(exact(tensor), **options))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_normalization(name, norm, dtype):
    compare(name, signal(name, 3, 6, 9, dtype=dtype), norm=norm)


@pytest.mark.parametrize("stride", [0, 1, 1000])
@pytest.mark.parametrize("shape", [(1,), (1, 5, 1), (4, 1, 3), (1, 1, 1, 6)], ids=str)
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_strides_of_dimensions_of_size_1(name, shape, stride):
    tensor = signal(name, *shape, dtype=torch.float32)
    strides = [stride if n == 1 else s for n, s in zip(shape, tensor.stride(), strict=True)]
    options = {"s": shape} if name == "irfftn" else {}
    reference = getattr(torch.fft, name)(exact(tensor), **options)
    check(getattr(torch.fft, name)(tensor.xpu().as_strided(shape, strides), **options), reference)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 30, 128, 1021, 1 << 20, 1048573])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft"])
def test_length(name, size, dtype):
    options = {"n": size} if name == "irfft" else {}
    length = size // 2 + 1 if name == "irfft" else size
    compare(name, signal(name, length, dtype=dtype), **options)


@pytest.mark.parametrize("size", [4, 5, 16, 17, 40])
@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "hfft", "ihfft"])
def test_padded_and_cut(name, size):
    compare(name, signal(name, 3, 17, dtype=torch.float32), n=size)


@pytest.mark.parametrize(
    "dims",
    [(0,), (1,), (2,), (3,), (4,), (0, 3), (3, 1), (4, 0, 2), (0, 1, 2, 3), (3, 0, 4, 1, 2)],
    ids=str,
)
@pytest.mark.parametrize("name", ["fftn", "rfftn", "irfftn", "ifftn"])
def test_dimensions(name, dims):
    compare(name, signal(name, 2, 3, 4, 5, 6, dtype=torch.float32), dim=dims)


@pytest.mark.parametrize("dims", [(0,), (2,), (1, 2), (0, 1, 2), (0, 1, 2, 3)], ids=str)
def test_real_signal_both_sides(dims):
    real = values(3, 4, 5, 6, dtype=torch.complex64).real.clone()
    check(torch.fft.fftn(real.xpu(), dim=dims), torch.fft.fftn(exact(real), dim=dims))
    check(torch.fft.ifftn(real.xpu(), dim=dims), torch.fft.ifftn(exact(real), dim=dims))


LAYOUTS = {
    "transposed": lambda t: t.mT,
    "permuted": lambda t: t.permute(2, 0, 1),
    "steps": lambda t: t[::2, 1:, ::3],
    "expanded": lambda t: t[:1].expand(4, -1, -1),
    "expanded signal": lambda t: t[..., :1].expand(-1, -1, 8),
    "overlapping": lambda t: t.flatten().unfold(0, 16, 4),
    "conjugate": lambda t: t.conj(),
    "offset": lambda t: t.flatten()[3:-2],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("name", ["fft", "ifftn", "rfft", "rfftn", "irfft", "irfftn"])
def test_layout(name, layout):
    tensor = signal(name, 8, 9, 10, dtype=torch.float32)
    transform = getattr(torch.fft, name)
    check(transform(layout(tensor.xpu())), transform(layout(exact(tensor))))


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if not name.endswith("n")])
def test_empty_batch(name):
    """The CPU can not; the meta device knows the shape."""
    tensor = signal(name, 0, 5, 6, dtype=torch.float32)
    transform = getattr(torch.fft, name)
    result, expected = transform(tensor.xpu()), transform(tensor.to("meta"))
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)


def test_nothing_to_transform_is_an_error():
    with pytest.raises(RuntimeError, match="Invalid number of data points"):
        torch.fft.fft(torch.empty(3, 0, device="xpu"))


@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "fft2"])
def test_out(name):
    tensor = signal(name, 4, 6, 8, dtype=torch.float32)
    transform = getattr(torch.fft, name)
    expected = transform(exact(tensor))
    grown = torch.empty(0, dtype=transform(tensor).dtype, device="xpu")
    assert transform(tensor.xpu(), out=grown) is grown
    check(grown, expected)
    strided = torch.empty(*expected.shape[::-1], dtype=grown.dtype, device="xpu").permute(2, 1, 0)
    before = strided.stride()
    transform(tensor.xpu(), out=strided)
    check(strided, expected)
    assert strided.stride() == before


@pytest.mark.parametrize("name", ["irfft", "irfftn", "fftn"])
def test_input_is_kept(name):
    tensor = signal(name, 4, 6, 8, dtype=torch.float32)
    device = tensor.xpu()
    getattr(torch.fft, name)(device)
    assert torch.equal(device.cpu(), tensor)


@pytest.mark.parametrize(
    "name", ["fft", "ifft2", "fftn", "rfft", "irfft", "rfft2", "irfftn", "hfft"]
)
def test_gradient(name):
    tensor = signal(name, 2, 3, 5, dtype=torch.float64).xpu().requires_grad_()
    assert torch.autograd.gradcheck(getattr(torch.fft, name), tensor)


def test_spectrogram_and_back():
    samples = values(2, 4000, dtype=torch.complex64).real.clone()
    options = {"n_fft": 256, "hop_length": 64}

    def spectrogram(tensor):
        window = torch.hann_window(256, dtype=tensor.dtype, device=tensor.device)
        return torch.stft(tensor, **options, window=window, return_complex=True), window

    actual, window = spectrogram(samples.xpu())
    check(actual, spectrogram(samples.double())[0])
    back = torch.istft(actual, **options, window=window, length=4000)
    torch.testing.assert_close(back.cpu(), samples, rtol=1e-5, atol=1e-5)


def test_waits_for_what_was_enqueued():
    square = values(1024, 1024, dtype=torch.complex64).real.clone()
    device = square.xpu()
    for _ in range(3):
        device = device @ square.xpu() / 32
    expected = torch.fft.rfft(device.cpu().double())
    later = square.xpu()
    for _ in range(3):
        later = later @ square.xpu() / 32
    check(torch.fft.rfft(later) * 1, expected)


def test_streams_and_threads():
    tensor = values(16, 1000, dtype=torch.complex64)
    expected = torch.fft.fft(exact(tensor))
    failures = []

    def work(stream):
        try:
            with torch.xpu.stream(stream):
                device = tensor.xpu()
                for _ in range(20):
                    check(torch.fft.fft(device), expected)
        except AssertionError as failure:
            failures.append(failure)

    shared = torch.xpu.Stream()
    streams = [shared, shared, torch.xpu.Stream(), torch.xpu.Stream()]
    threads = [threading.Thread(target=work, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_half_is_an_error():
    tensor = torch.ones(8, dtype=torch.float16, device="xpu")
    for transform in (torch.fft.fft, torch.fft.rfft):
        with pytest.raises(RuntimeError, match="got Half, expected Float or Double"):
            transform(tensor)


def test_memory_of_dropped_transforms():
    """More transforms than are kept: those that go wait for their work."""
    tensors = [values(size, dtype=torch.complex64) for size in range(100, 300)]
    results = [torch.fft.fft(tensor.xpu()) for tensor in tensors]
    for tensor, result in zip(tensors, results, strict=True):
        check(result, torch.fft.fft(exact(tensor)))


WITHOUT_LIBRARY = """
    import torch
    from intel_extension_for_pytorch import _C

    x = torch.randn(3, 8)
    torch.testing.assert_close(torch.fft.rfft(x.xpu()).cpu(), torch.fft.rfft(x))
    assert _C.fallback_counts() == {"aten::_fft_r2c": 1}
"""
FORBIDDEN = """
    import torch

    try:
        torch.fft.fft(torch.ones(8, dtype=torch.complex64, device="xpu"))
    except NotImplementedError as error:
        assert "_fft_c2c: no XPU kernel" in str(error)
    else:
        raise AssertionError("nothing was raised")
"""


def test_without_library():
    run(WITHOUT_LIBRARY, IPEX_XPU_LIBRARIES="none")
    run(FORBIDDEN, IPEX_XPU_LIBRARIES="none", IPEX_XPU_FALLBACK="error")


def test_beside_symbols_of_another_version():
    """As in a C++ program that links torch, whose copy of MKL is in front of everything."""
    code = """
        import ctypes
        import pathlib
        import torch

        libraries = pathlib.Path(torch.__file__).parent / "lib"
        ctypes.CDLL(str(libraries / "libtorch_cpu.so"), ctypes.RTLD_GLOBAL)
        x = torch.randn(4, 6, 6)
        torch.testing.assert_close(torch.fft.fft2(x.xpu()).cpu(), torch.fft.fft2(x))
        x = x @ x.mT + 6 * torch.eye(6)
        for name in ("cholesky", "inv", "eigvalsh", "det"):
            function = getattr(torch.linalg, name)
            torch.testing.assert_close(function(x.xpu()).cpu(), function(x), rtol=1e-4, atol=1e-4)
    """
    run(code)


def test_library_is_loaded_when_needed():
    code = """
        import pathlib
        import torch

        def loaded():
            return "libmkl_" in pathlib.Path("/proc/self/maps").read_text()

        torch.ones(3, device="xpu").sum().item()
        assert not loaded()
        torch.fft.rfft(torch.ones(8, device="xpu"))
        assert loaded()
    """
    run(code)


def test_doctor_finds_the_library():
    assert _C.onemkl_load_error() == ""
