"""Threads, streams and devices hand memory to each other until the time is up.

    python tests/stress_allocator.py --seconds 60

Every byte is checked. Ends with status 1 if a tensor does not hold what was written to it, if
memory is left over, or if the process grows.
"""

import argparse
import ctypes
import gc
import os
import random
import sys
import threading
import time
from queue import Empty, Queue

import torch

MIB = 1 << 20
THREADS = 8
STREAMS = 4
LARGEST = 2 * MIB
HELD = 6  # tensors a thread keeps


class Parcel:
    """A tensor, the value all of it holds, and the event after which it does."""

    def __init__(self, tensor: torch.Tensor, value: int) -> None:
        self.tensor = tensor
        self.value = value
        self.ready = torch.xpu.Event()
        self.ready.record()


class Worker(threading.Thread):
    def __init__(self, seed: int, deadline: float, exchange: "Queue[Parcel]") -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.deadline = deadline
        self.exchange = exchange
        self.held: list[Parcel] = []
        self.rounds = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.streams = [
                [torch.xpu.Stream(device) for _ in range(STREAMS)]
                for device in range(torch.xpu.device_count())
            ]
            while time.monotonic() < self.deadline:
                self.step()
                self.rounds += 1
            self.held.clear()
        except BaseException as error:  # reported by the main thread
            self.failure = error

    def step(self) -> None:
        device = self.random.randrange(torch.xpu.device_count())
        with torch.xpu.stream(self.random.choice(self.streams[device])):
            choice = self.random.random()
            if choice < 0.45 or not self.held:
                self.make(device)
            elif choice < 0.75:
                self.use(self.take(), device)
            elif choice < 0.85:
                self.exchange.put(self.take())
            elif choice < 0.95:
                try:
                    self.held.append(self.exchange.get_nowait())
                except Empty:
                    self.make(device)
            elif choice < 0.999:
                self.check(self.take())
            else:
                torch.xpu.empty_cache()
        while len(self.held) > HELD:
            self.check(self.take())

    def take(self) -> Parcel:
        return self.held.pop(self.random.randrange(len(self.held)))

    def make(self, device: int) -> None:
        size = int(LARGEST ** self.random.random()) + 1
        value = self.random.randrange(256)
        tensor = torch.empty(size, dtype=torch.uint8, device=f"xpu:{device}").fill_(value)
        self.held.append(Parcel(tensor, value))

    def use(self, parcel: Parcel, device: int) -> None:
        """Copies on a stream the memory does not belong to, and drops the original at once."""
        stream = torch.xpu.current_stream(device)
        source = parcel.tensor
        if source.device.index != device:
            parcel.ready.synchronize()
            source = source.cpu().to(f"xpu:{device}")
        else:
            stream.wait_event(parcel.ready)
            source.record_stream(stream)
        self.held.append(Parcel(source.clone(), parcel.value))

    def check(self, parcel: Parcel) -> None:
        parcel.ready.synchronize()
        on_host = parcel.tensor.cpu()
        wrong = int((on_host != parcel.value).sum())
        if wrong:
            raise AssertionError(f"{wrong} of {on_host.numel()} bytes are not {parcel.value}")


def resident_bytes() -> int:
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(seconds: float, seed: int) -> int:
    """The number of steps made in a time, from a clean state to a clean state."""
    exchange: Queue[Parcel] = Queue()
    deadline = time.monotonic() + seconds
    workers = [Worker(seed + i, deadline, exchange) for i in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for worker in workers:
        if worker.failure:
            raise worker.failure
    with exchange.mutex:
        exchange.queue.clear()
    steps = sum(worker.rounds for worker in workers)
    del worker, workers
    gc.collect()
    for device in range(torch.xpu.device_count()):
        torch.xpu.synchronize(device)
    torch.xpu.empty_cache()
    for device in range(torch.xpu.device_count()):
        left = torch.xpu.memory_allocated(device), torch.xpu.memory_reserved(device)
        assert left == (0, 0), f"xpu:{device} still has (allocated, reserved) {left}"
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if "MALLOC_ARENA_MAX" not in os.environ:
        # One heap for all threads: what grows is then a leak, not the slack of many heaps.
        os.environ["MALLOC_ARENA_MAX"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    warm_up = run(arguments.seconds / 4, arguments.seed)
    before = resident_bytes()
    steps = run(arguments.seconds * 3 / 4, arguments.seed + THREADS)
    growth = (resident_bytes() - before) / MIB
    print(
        f"{warm_up + steps} steps of {THREADS} threads on {torch.xpu.device_count()} devices, "
        f"resident memory {before / MIB:.0f} MiB, growth {growth:.1f} MiB"
    )
    assert growth < 32, f"the process grew by {growth:.1f} MiB"


if __name__ == "__main__":
    main()
