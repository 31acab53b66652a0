"""Several devices in one process: where work runs, what crosses between them, what stays apart."""

import copy
import io
import threading

import pytest
import torch

FIRST, SECOND = torch.device("xpu:0"), torch.device("xpu:1")

pytestmark = pytest.mark.skipif(
    torch.xpu.device_count() < 2,
    reason="one device; without a GPU, IPEX_XPU_CPU_DEVICES=2 makes the CPU two",
)

LAYOUTS = {
    "contiguous": lambda tensor: tensor,
    "transposed": lambda tensor: tensor.t(),
    "every other": lambda tensor: tensor[:, ::2],
    "expanded": lambda tensor: tensor[:1].expand(3, -1),
    "0-dim": lambda tensor: tensor[0, 0],
    "empty": lambda tensor: tensor[:0],
}
OPERATORS = {
    "add": lambda x: x + x,
    "sum": lambda x: x.sum(),
    "matmul": lambda x: x @ x,
    "sort": lambda x: x.sort().values,
    "index": lambda x: x[[1, 0]],
    "softmax": lambda x: x.softmax(-1),
    "layer_norm": lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:]),
    "conv2d": lambda x: torch.nn.functional.conv2d(x[None, None], x[None, None, :3, :3]),
    "max_pool2d": lambda x: torch.nn.functional.max_pool2d(x[None, None], 2),
    "cumsum": lambda x: x.cumsum(0),
    "foreach": lambda x: torch._foreach_add([x, x], 1)[1],
    "host fallback": lambda x: torch.linalg.cholesky(x @ x.t() + 8 * torch.eye(8, device=x.device)),
}


@pytest.fixture
def matrix() -> torch.Tensor:
    return torch.rand(8, 8)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_copy_between_devices(layout: str, dtype: torch.dtype, matrix: torch.Tensor) -> None:
    host = LAYOUTS[layout](matrix * 100)
    there = LAYOUTS[layout]((matrix * 100).to(FIRST)).to(SECOND, dtype)
    assert there.device == SECOND
    assert torch.equal(there.cpu(), host.to(dtype))
    back = torch.zeros(host.shape, dtype=dtype, device=FIRST)
    back.copy_(there)
    assert torch.equal(back.cpu(), host.to(dtype))


@pytest.mark.parametrize("operator", OPERATORS)
def test_operator_runs_where_its_input_is(operator: str, matrix: torch.Tensor) -> None:
    """The current device is another one."""
    assert torch.xpu.current_device() == 0
    function = OPERATORS[operator]
    result = function(matrix.to(SECOND))
    assert result.device == SECOND
    torch.testing.assert_close(result.cpu(), function(matrix))
    assert torch.xpu.current_device() == 0


def test_operands_on_two_devices_are_refused(matrix: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match=r"same device.*xpu:1.*xpu:0|same device.*xpu:0.*xpu:1"):
        matrix.to(FIRST) + matrix.to(SECOND)


def test_copy_waits_for_both_streams() -> None:
    """Producer and consumer are on streams of their own, with nothing but the copy between them."""
    streams = [torch.xpu.Stream(device=device) for device in (FIRST, SECOND)]
    x = torch.ones(1 << 20, device=FIRST)
    y = torch.zeros(1 << 20, device=SECOND)
    torch.xpu.synchronize(FIRST)
    torch.xpu.synchronize(SECOND)
    with torch.xpu.stream(streams[0]), torch.xpu.stream(streams[1]):
        for _ in range(10):
            with torch.xpu.device(FIRST):
                x.add_(1)
            y.copy_(x)
            with torch.xpu.device(SECOND):
                y.mul_(2)
    streams[1].synchronize()
    assert torch.equal(y.cpu(), torch.full((1 << 20,), 22.0))


def test_event_orders_devices() -> None:
    x = torch.zeros(1 << 20, device=FIRST)
    with torch.xpu.device(FIRST):
        for _ in range(20):
            x += 1
        event = torch.xpu.Event()
        event.record()
    with torch.xpu.device(SECOND):
        torch.xpu.current_stream().wait_event(event)
        y = x.to(SECOND)
    assert y.sum().item() == 20 * (1 << 20)


def test_memory_is_counted_apart() -> None:
    before = [torch.xpu.memory_allocated(device) for device in (FIRST, SECOND)]
    x = torch.empty(1 << 20, device=SECOND)
    after = [torch.xpu.memory_allocated(device) for device in (FIRST, SECOND)]
    assert after[0] == before[0]
    assert after[1] == before[1] + x.nbytes


def test_generators_are_apart() -> None:
    torch.xpu.manual_seed_all(7)
    first = [torch.rand(100, device=device).cpu() for device in (FIRST, SECOND)]
    assert torch.equal(*first)
    with torch.xpu.device(SECOND):
        torch.xpu.manual_seed(7)
    assert torch.equal(torch.rand(100, device=SECOND).cpu(), first[0])
    assert not torch.equal(torch.rand(100, device=FIRST).cpu(), first[0])


def test_gradients_cross_devices(matrix: torch.Tensor) -> None:
    x = matrix.to(FIRST).requires_grad_()
    y = matrix.to(SECOND).requires_grad_()
    (x.exp().to(SECOND) * y).sum().backward()
    assert (x.grad.device, y.grad.device) == (FIRST, SECOND)
    torch.testing.assert_close(x.grad.cpu(), matrix.exp() * matrix)
    torch.testing.assert_close(y.grad.cpu(), matrix.exp())


def test_module_split_over_devices_trains() -> None:
    torch.manual_seed(0)
    host = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))
    lower, upper = copy.deepcopy(host[:2]).to(FIRST), copy.deepcopy(host[2]).to(SECOND)
    x = torch.rand(32, 8)
    losses = []
    for forward, parameters, start in (
        (host, [*host.parameters()], "cpu"),
        (lambda t: upper(lower(t).to(SECOND)), [*lower.parameters(), *upper.parameters()], FIRST),
    ):
        optimizer = torch.optim.Adam(parameters, lr=0.1)
        history = []
        for _ in range(5):
            optimizer.zero_grad()
            loss = forward(x.to(start)).square().mean()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        losses.append(history)
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_saved_tensor_comes_back_to_its_device(matrix: torch.Tensor) -> None:
    buffer = io.BytesIO()
    torch.save(matrix.to(SECOND), buffer)
    buffer.seek(0)
    assert torch.load(buffer).device == SECOND
    buffer.seek(0)
    assert torch.load(buffer, map_location=FIRST).device == FIRST
    assert copy.deepcopy(matrix.to(SECOND)).device == SECOND


def test_dlpack_keeps_the_device(matrix: torch.Tensor) -> None:
    x = matrix.to(SECOND)
    shared = torch.from_dlpack(x)
    assert (shared.device, shared.data_ptr()) == (SECOND, x.data_ptr())


def test_dlpack_of_the_host_goes_to_the_current_device() -> None:
    host = torch.ones(3).numpy()
    assert torch.from_dlpack(host, device="xpu").device == FIRST
    with torch.xpu.device(SECOND):
        assert torch.from_dlpack(host, device="xpu").device == SECOND


def test_threads_on_devices_of_their_own(matrix: torch.Tensor) -> None:
    results = {}

    def work(device: torch.device) -> None:
        torch.xpu.set_device(device)
        x = matrix.to("xpu")
        for _ in range(50):
            x = (x @ x).softmax(-1)
        results[device] = (x.device, x.cpu())

    threads = [threading.Thread(target=work, args=(device,)) for device in (FIRST, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[device][0] for device in (FIRST, SECOND)] == [FIRST, SECOND]
    assert torch.equal(results[FIRST][1], results[SECOND][1])


def test_a_fault_is_raised_by_waiting_for_its_device() -> None:
    with torch.xpu.device(SECOND):
        torch.zeros(3, device=SECOND)[torch.tensor([100], device=SECOND)]
        event = torch.xpu.Event()
        event.record()
    torch.xpu.synchronize(FIRST)
    torch.zeros(1, device=FIRST).item()
    with pytest.raises(IndexError, match="on xpu:1"):
        event.synchronize()
    torch.xpu.synchronize(SECOND)
