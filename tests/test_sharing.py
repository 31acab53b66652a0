"""Tensors on xpu do not go to other processes yet: whoever sends or waits for one is told so."""

import concurrent.futures
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp

MESSAGE = "Tensors on xpu cannot be sent to another process yet"
SENT = {
    "tensor": lambda device: torch.ones(3, device=device),
    "view": lambda device: torch.ones(3, 4, device=device)[:, ::2],
    "empty": lambda device: torch.ones(0, device=device),
    "gradient": lambda device: torch.ones(3, device=device, requires_grad=True),
    "parameter": lambda device: torch.nn.Parameter(torch.ones(3, device=device)),
    "storage": lambda device: torch.ones(3, device=device).untyped_storage(),
    "module": lambda device: torch.nn.Linear(2, 2, device=device),
    "sparse": lambda device: torch.eye(3, device=device).to_sparse(),
    "nested": lambda device: torch.nested.nested_tensor(
        [torch.ones(2), torch.ones(3)], layout=torch.jagged, device=device
    ),
}


class Samples(torch.utils.data.Dataset):
    def __init__(self, device: str) -> None:
        self.device = device

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.full((3,), index, device=self.device)


def through_queue(value: Any) -> Any:
    queue = mp.Queue()
    queue.put(value)
    return queue.get(timeout=60)


def batches(samples: Samples) -> list[torch.Tensor]:
    return list(
        torch.utils.data.DataLoader(samples, 2, num_workers=1, multiprocessing_context="spawn")
    )


def executed(value: Any) -> Any:
    context = mp.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as executor:
        return executor.submit(type, value).result(timeout=60)


def start_process(value: Any) -> None:
    mp.get_context("spawn").Process(target=print, args=(value,)).start()


@pytest.mark.parametrize("make", SENT.values(), ids=SENT)
@pytest.mark.parametrize("send", [through_queue, ForkingPickler.dumps])
def test_refused(send: Callable[[Any], Any], make: Callable[[str], Any]) -> None:
    with pytest.raises(NotImplementedError, match=MESSAGE):
        send(make("xpu"))


@pytest.mark.parametrize("make", SENT.values(), ids=SENT)
def test_those_of_the_cpu_are_sent(make: Callable[[str], Any]) -> None:
    assert type(through_queue(make("cpu"))) is type(make("cpu"))


@pytest.mark.parametrize("send", [executed, start_process, mp.Pipe()[0].send, mp.SimpleQueue().put])
def test_sender_is_told(send: Callable[[Any], Any]) -> None:
    with pytest.raises(NotImplementedError, match=MESSAGE):
        send(torch.ones(3, device="xpu"))


def test_samples_of_a_spawned_loader() -> None:
    with pytest.raises(NotImplementedError, match=MESSAGE):
        batches(Samples("xpu"))
    assert torch.equal(torch.stack(batches(Samples("cpu")))[:, :, 0].flatten(), torch.arange(4))
