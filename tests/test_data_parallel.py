"""nn.DataParallel and torch.nn.parallel.comm over two devices, and for programs that use none."""

import copy
import pickle
import re

import pytest
import torch
from torch import nn
from torch.nn import parallel
from torch.nn.parallel import comm

FIRST, SECOND = torch.device("xpu:0"), torch.device("xpu:1")
BOTH = [0, 1]
PLACES = {"cpu": "cpu", "first": FIRST, "second": SECOND}
DTYPES = [torch.float32, torch.bfloat16, torch.int64, torch.complex64]

two_devices = pytest.mark.skipif(
    torch.xpu.device_count() < 2,
    reason="one device; without a GPU, IPEX_XPU_CPU_DEVICES=2 makes the CPU two",
)


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)


class Doubled(nn.Module):
    """Takes and gives what is not a tensor alone."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("factor", torch.tensor([2.0]))

    def forward(self, x: torch.Tensor, *, also: dict) -> dict:
        y = self.norm(self.linear(x)) * self.factor
        return {"y": y, "where": (y.new_tensor([y.device.index or 0]), also["z"] + 1)}


def test_module_on_the_cpu_stays_there():
    module = nn.Linear(2, 2)
    wrapped = nn.DataParallel(module)
    x = torch.ones(3, 2)
    assert torch.equal(wrapped(x), module(x))
    assert next(wrapped.parameters()).device.type == "cpu"
    assert torch.equal(pickle.loads(pickle.dumps(wrapped))(x), module(x))
    assert nn.DataParallel(nn.Identity())(x) is x


@two_devices
@pytest.mark.parametrize("moved", ["before", "after"])
@pytest.mark.parametrize("inputs", PLACES.values(), ids=PLACES)
def test_module_on_the_devices(moved, inputs):
    torch.manual_seed(0)
    host = Doubled().eval()
    module = copy.deepcopy(host)
    wrapped = nn.DataParallel(module.to(FIRST)) if moved == "before" else nn.DataParallel(module)
    wrapped = wrapped.to(FIRST)
    x, z = torch.randn(7, 4), torch.arange(7)
    expected = host(x, also={"z": z})
    result = wrapped(x.to(inputs), also={"z": z.to(inputs)})
    torch.testing.assert_close(result["y"].cpu(), expected["y"])
    where, z = result["where"]
    assert (where.tolist(), z.tolist()) == ([0.0, 1.0], expected["where"][1].tolist())
    assert {result["y"].device, z.device} == {FIRST}
    result["y"].square().sum().backward()
    expected["y"].square().sum().backward()
    for ours, theirs in zip(wrapped.parameters(), host.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.cpu(), theirs.grad)
    with torch.no_grad():
        again = parallel.data_parallel(module, x.to(inputs), module_kwargs={"also": {"z": z}})
    torch.testing.assert_close(again["y"].cpu(), expected["y"])


@two_devices
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_broadcast(place, dtype):
    x = numbers(3, 4, dtype=dtype)
    real = torch.view_as_real(x) if dtype.is_complex else x
    outs = [torch.zeros_like(real, device=device) for device in (FIRST, SECOND)]
    for copies in (comm.broadcast(x.to(place), BOTH), comm.broadcast(x.to(place), out=outs)):
        assert [part.device for part in copies] == [FIRST, SECOND]
        assert all(torch.equal(part.cpu(), real) for part in copies)


@two_devices
@pytest.mark.parametrize("buffer_size", [1, 64, 10**6])
def test_coalesced(buffer_size):
    tensors = [numbers(size, dtype=dtype) for size in (1, 30, 0, 7) for dtype in DTYPES[:3]]
    tensors.append(torch.eye(3).to_sparse().coalesce())
    there = [tensor.to(FIRST) for tensor in tensors]
    here, copies = comm.broadcast_coalesced(there, BOTH, buffer_size)
    assert all(ours is given for ours, given in zip(here, there, strict=True))
    assert {copy.device for copy in copies} == {SECOND}
    for copied, expected in zip(copies, tensors, strict=True):
        assert torch.equal(copied.cpu().to_dense(), expected.to_dense())
    sums = comm.reduce_add_coalesced([there, copies], 1, buffer_size)
    for total, expected in zip(sums, tensors, strict=True):
        assert total.device == SECOND
        assert torch.equal(total.cpu().to_dense(), 2 * expected.to_dense())
    assert torch.equal(comm.reduce_add([there[3], copies[3]], 0).cpu(), 2 * tensors[3])


@two_devices
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("sizes", [None, [1, 4]])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_scatter_and_gather(place, sizes, dim):
    x = numbers(5, 5)
    streams = [torch.xpu.Stream(device=device) for device in (FIRST, SECOND)]
    parts = comm.scatter(x.to(place), BOTH, sizes, dim, streams)
    for stream in streams:
        stream.synchronize()
    expected = x.split(sizes or 3, dim)
    assert [part.device for part in parts] == [FIRST, SECOND]
    assert all(torch.equal(part.cpu(), whole) for part, whole in zip(parts, expected, strict=True))
    outs = comm.scatter(x.to(place), dim=dim, out=[torch.zeros_like(part) for part in parts])
    assert all(torch.equal(out, part) for out, part in zip(outs, parts, strict=True))
    for destination in ("cpu", FIRST, SECOND):
        gathered = comm.gather(parts, dim, destination)
        assert gathered.device == torch.device(destination)
        assert torch.equal(gathered.cpu(), x)
        out = torch.zeros(5, 5, device=destination)
        assert comm.gather(parts, dim, out=out) is out
        assert torch.equal(out.cpu(), x)
    assert comm.gather(parts, dim).device == FIRST


@two_devices
def test_fewer_rows_than_devices():
    (part,) = comm.scatter(numbers(1, 3), BOTH)
    assert (part.device, part.tolist()) == (FIRST, [[0, 1, 2]])


REFUSED = {
    "broadcast: expected out[0] to have the tensor's shape [3], got [2]": lambda: comm.broadcast(
        numbers(3), out=[numbers(2).to(FIRST)]
    ),
    "broadcast: out: expected tensors on xpu, got [0] on cpu": lambda: comm.broadcast(
        numbers(3), out=[numbers(3)]
    ),
    "broadcast_coalesced: expected all tensors on devices[0], xpu:0, got tensors[0] on cpu": (
        lambda: comm.broadcast_coalesced([numbers(3)], BOTH)
    ),
    "scatter: expected at least one device": lambda: comm.scatter(numbers(3), []),
    "scatter: expected a chunk size for each of 1 devices, got 2": lambda: comm.scatter(
        numbers(3), [0], [1, 2]
    ),
    "scatter: out: expected sizes in dimension 0 that sum to 3, got 2": lambda: comm.scatter(
        numbers(3), out=[numbers(2).to(FIRST)]
    ),
    "gather: tensors: expected tensors on xpu, got [0] on cpu": lambda: comm.gather([numbers(3)]),
    "gather: tensors: expected shapes that differ from [4, 2] in dimension 0 alone, "
    "got [1] of [2, 3]": lambda: comm.gather([numbers(2, 2).to(FIRST), numbers(2, 3).to(FIRST)]),
    "expected the index of an xpu device, got -1": lambda: torch._C._scatter(
        numbers(3), [-1], None, 0, None
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    with pytest.raises(RuntimeError, match=re.escape(message)):
        REFUSED[message]()
